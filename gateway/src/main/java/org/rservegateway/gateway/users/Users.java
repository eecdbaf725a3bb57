package org.rservegateway.gateway.users;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.commons.codec.digest.UnixCrypt;
import org.rservegateway.support.SmallFile;

/**
 * The users of a file, a line each: {@code name:hash} with a hash of bcrypt, as {@code htpasswd -B}
 * writes it, or {@code name:{plain}password}, which a client's crypt answer needs. Empty lines, and
 * those that begin with #, say nothing.
 */
public final class Users {

  /** Of the file: some 100,000 users. */
  private static final int MAX_BYTES = 16 << 20;

  private static final String PLAIN = "{plain}";
  private static final Pattern BCRYPT =
      Pattern.compile("\\$2[abxy]\\$(\\d\\d)\\$[./A-Za-z0-9]{53}");
  private static final String NAME = "[^\\p{Cntrl}\\s:]{1,64}";
  private static final int COST = 10;
  private static final int MOST_COST = 16;
  private static final int MOST_PASSWORD_BYTES = 71;

  /** Salt and hash of nobody's password. */
  private static final String NOBODYS = "abcdefghijklmnopqrstuuQ1kLhIYzWcXOqYQ7Zb5HnNRt0eKQqy6";

  private static final String MAC = "HmacSHA256";
  private static final int KEY_BYTES = 32;

  private final Map<String, String> secrets;
  private final String nobodys;

  /** Of passwords that were right; without the key, which is in memory only, of no use. */
  private final Map<String, byte[]> proven = new ConcurrentHashMap<>();

  private final SecretKeySpec key;

  private Users(Map<String, String> secrets) {
    this.secrets = secrets;
    int cost =
        secrets.values().stream()
            .filter(secret -> !secret.startsWith(PLAIN))
            .mapToInt(Users::cost)
            .max()
            .orElse(COST);
    nobodys = "$2a$%02d$%s".formatted(cost, NOBODYS);
    byte[] random = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(random);
    key = new SecretKeySpec(random, MAC);
  }

  private static int cost(String hash) {
    return Integer.parseInt(hash.substring(4, 6));
  }

  /**
   * Reads a file of users.
   *
   * @throws UsersException whose message names the line and what is wrong with it, never a secret
   */
  public static Users read(String file) throws UsersException {
    List<String> lines;
    try {
      lines = SmallFile.readText(Path.of(file), MAX_BYTES, StandardCharsets.UTF_8).lines().toList();
    } catch (CharacterCodingException e) {
      throw new UsersException("can't be read: it must be text in UTF-8");
    } catch (IOException e) {
      throw new UsersException(e.getMessage());
    } catch (InvalidPathException e) {
      // Its message quotes the path, whatever that holds.
      throw new UsersException("can't be read: " + e.getClass().getSimpleName());
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
    if (!secret.startsWith(PLAIN) && cost(secret) > MOST_COST) {
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

  /** Whether they are a user's. It takes long by design: not for an event loop. */
  public boolean verify(Credentials shown) {
    if (!shown.salt().isEmpty() && verifyCrypt(shown.name(), shown.secret(), shown.salt())) {
      return true;
    }
    boolean right = shown.mayBePlain() && verifyPassword(shown.name(), shown.secret());
    if (right) {
      proven.put(shown.name(), mac(shown.secret()));
    }
    return right;
  }

  /** Whether it is a password that was right before, since this file was read; takes no time. */
  public boolean isProven(Credentials shown) {
    byte[] before = proven.get(shown.name());
    return before != null
        && shown.mayBePlain()
        && MessageDigest.isEqual(before, mac(shown.secret()));
  }

  private byte[] mac(String password) {
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(key);
      return mac.doFinal(password.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }

  /** A name that is unknown, or whose password needs no hash, can't be told by the time. */
  private boolean verifyPassword(String name, String password) {
    String secret = secrets.getOrDefault(name, "");
    boolean isPlain = secret.startsWith(PLAIN);
    byte[] bytes = password.getBytes(StandardCharsets.UTF_8);
    boolean hashed = false;
    // Of a longer one, bcrypt would look at the beginning only.
    if (bytes.length > 0 && bytes.length <= MOST_PASSWORD_BYTES) {
      String hash = secret.isEmpty() || isPlain ? nobodys : secret;
      hashed =
          BCrypt.verifyer().verify(bytes, hash.getBytes(StandardCharsets.UTF_8)).verified
              && secret.equals(hash);
    }
    return isPlain ? same(secret.substring(PLAIN.length()), password) : hashed;
  }

  /**
   * Whether this is crypt(3) of the user's password with the salt of the greeting ({@code Rserv.c},
   * {@code auth_user}); only passwords that are written plainly can be compared so.
   */
  private boolean verifyCrypt(String name, String answer, String salt) {
    String secret = secrets.getOrDefault(name, "");
    boolean isPlain = secret.startsWith(PLAIN);
    boolean right =
        same(UnixCrypt.crypt(isPlain ? secret.substring(PLAIN.length()) : name, salt), answer);
    return isPlain && right;
  }

  private static boolean same(String one, String other) {
    return MessageDigest.isEqual(
        one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
  }
}
