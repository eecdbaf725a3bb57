package org.rservegateway.gateway.auth;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.commons.codec.digest.UnixCrypt;

/**
 * The users of a file, a line each: {@code name:hash} with a hash of bcrypt, as {@code htpasswd -B}
 * writes it, or {@code name:{plain}password}, which a client's crypt answer needs. Empty lines, and
 * those that begin with #, say nothing.
 */
public final class Users {

  private static final String PLAIN = "{plain}";
  private static final Pattern BCRYPT =
      Pattern.compile("\\$2[abxy]\\$(\\d\\d)\\$[./A-Za-z0-9]{53}");
  private static final String NAME = "[^\\p{Cntrl}\\s:]{1,64}";
  private static final int COST = 10;
  private static final int MOST_COST = 16;
  private static final int MOST_PASSWORD_BYTES = 71;

  /** Takes as long as a real one, so that a name that is unknown can't be told by the time. */
  private static final String NOBODYS =
      "$2a$10$abcdefghijklmnopqrstuuQ1kLhIYzWcXOqYQ7Zb5HnNRt0eKQqy6";

  private final Map<String, String> secrets;

  private Users(Map<String, String> secrets) {
    this.secrets = secrets;
  }

  /**
   * Reads a file of users.
   *
   * @throws UsersException whose message names the line and what is wrong with it, never a secret
   */
  public static Users read(String file) throws UsersException {
    List<String> lines;
    try {
      lines = Files.readAllLines(Path.of(file), StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new UsersException("there is no such file");
    } catch (IOException | InvalidPathException e) {
      throw new UsersException("can't be read: " + e.getMessage());
    }
    Map<String, String> secrets = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (!line.isEmpty() && !line.startsWith("#")) {
        add(secrets, line, i + 1);
      }
    }
    return new Users(secrets);
  }

  /**
   * A line for such a file.
   *
   * @throws UsersException if the name can't stand there, or the password is none
   */
  public static String line(String name, char[] password) throws UsersException {
    if (!name.matches(NAME)) {
      throw new UsersException("the name must be 1 to 64 characters without spaces and colons");
    }
    if (password.length == 0) {
      throw new UsersException("the password is empty");
    }
    if (new String(password).getBytes(StandardCharsets.UTF_8).length > MOST_PASSWORD_BYTES) {
      throw new UsersException(
          "bcrypt takes passwords of %d bytes at most".formatted(MOST_PASSWORD_BYTES));
    }
    return name + ":" + BCrypt.withDefaults().hashToString(COST, password);
  }

  private static void add(Map<String, String> secrets, String line, int number)
      throws UsersException {
    int colon = line.indexOf(':');
    String name = colon < 0 ? "" : line.substring(0, colon);
    String secret = line.substring(colon + 1);
    if (!name.matches(NAME)) {
      throw new UsersException(
          "line %d: must be NAME:HASH, the name of 1 to 64 characters without spaces"
              .formatted(number));
    }
    if (!secret.startsWith(PLAIN) && !BCRYPT.matcher(secret).matches()) {
      throw new UsersException(
          ("line %d: user \"%s\" has no hash of bcrypt; make one with \"rcloud hash-password %s\""
                  + " or \"htpasswd -nB %s\"")
              .formatted(number, name, name, name));
    }
    if (!secret.startsWith(PLAIN) && Integer.parseInt(secret.substring(4, 6)) > MOST_COST) {
      throw new UsersException(
          "line %d: user \"%s\": a cost above %d takes longer than a login may"
              .formatted(number, name, MOST_COST));
    }
    if (secrets.put(name, secret) != null) {
      throw new UsersException("line %d: user \"%s\" is there twice".formatted(number, name));
    }
  }

  /** How many there are. */
  public int count() {
    return secrets.size();
  }

  /** Whether this is the user's password. It takes long by design: not for an event loop. */
  boolean verify(String name, String password) {
    String secret = secrets.getOrDefault(name, NOBODYS);
    if (secret.startsWith(PLAIN)) {
      return same(secret.substring(PLAIN.length()), password);
    }
    if (password.getBytes(StandardCharsets.UTF_8).length > MOST_PASSWORD_BYTES) {
      return false; // bcrypt would look at the beginning only
    }
    boolean right =
        BCrypt.verifyer()
            .verify(
                password.getBytes(StandardCharsets.UTF_8), secret.getBytes(StandardCharsets.UTF_8))
            .verified;
    return right && secrets.containsKey(name);
  }

  /**
   * Whether this is crypt(3) of the user's password with the salt of the greeting ({@code Rserv.c},
   * {@code auth_user}); only passwords that are written plainly can be compared so.
   */
  boolean verifyCrypt(String name, String answer, String salt) {
    String secret = secrets.getOrDefault(name, "");
    return secret.startsWith(PLAIN)
        && same(UnixCrypt.crypt(secret.substring(PLAIN.length()), salt), answer);
  }

  private static boolean same(String one, String other) {
    return MessageDigest.isEqual(
        one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
  }
}
