package org.rservegateway.gateway.config;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.rservegateway.support.SmallFile;

/**
 * The file of a token for the admin port that nobody has configured: made up by the first gateway
 * on that port, and found by the commands of the same user. It stands in a directory that nobody
 * else can enter.
 *
 * @param secret what it holds
 */
public record AdminTokenFile(Path path, Secret secret) {

  private static final String NAME = "rserve-gateway";
  private static final int TOKEN_BYTES = 24;
  private static final int MAX_BYTES = 4096;
  private static final FileAttribute<Set<PosixFilePermission>> OWN_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /** Where such a file may be: the user's own runtime directory, else the temporary one. */
  private static List<Path> directories() {
    String user = System.getProperty("user.name", "").replaceAll("[^A-Za-z0-9._-]", "_");
    Stream<Path> temporary =
        Stream.of(Path.of(System.getProperty("java.io.tmpdir"), NAME + "-" + user));
    return Stream.concat(
            Optional.ofNullable(System.getenv("XDG_RUNTIME_DIR"))
                .filter(directory -> !directory.isEmpty())
                .map(directory -> Path.of(directory, NAME))
                .filter(directory -> Files.isDirectory(directory.getParent()))
                .stream(),
            temporary)
        .toList();
  }

  private static String name(int port) {
    return "admin-%d.token".formatted(port);
  }

  /**
   * The token of the gateway on this port, as far as this user can read it.
   *
   * @return empty if there is none
   */
  public static Optional<String> find(int port) {
    for (Path directory : directories()) {
      try {
        return Optional.of(read(directory.resolve(name(port))));
      } catch (IOException e) {
        // it may be in the next one
      }
    }
    return Optional.empty();
  }

  /**
   * The token for this port: the one that is there, else a new one.
   *
   * @throws IOException if it can't be kept where nobody else can read or replace it
   */
  public static AdminTokenFile obtain(int port) throws IOException {
    Path directory = directories().get(0);
    Path path = directory.resolve(name(port));
    checkIsOwn(directory);
    try {
      return new AdminTokenFile(path, new Secret(read(path)));
    } catch (IOException e) {
      byte[] random = new byte[TOKEN_BYTES];
      new SecureRandom().nextBytes(random);
      AdminTokenFile made = new AdminTokenFile(path, new Secret(HexFormat.of().formatHex(random)));
      made.write();
      return made;
    }
  }

  private static String read(Path path) throws IOException {
    String text = SmallFile.readText(path, MAX_BYTES, StandardCharsets.ISO_8859_1).strip();
    if (text.isEmpty()) {
      throw new IOException("is empty");
    }
    return text;
  }

  /** Makes the directory if there is none; it is ours if what we make in it has the same owner. */
  private static void checkIsOwn(Path directory) throws IOException {
    try {
      try {
        Files.createDirectory(directory, OWN_DIRECTORY);
      } catch (FileAlreadyExistsException e) {
        // as of an earlier gateway, if it is ours
      }
      Set<PosixFilePermission> permissions =
          Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
      boolean isClosed =
          permissions.stream().allMatch(permission -> permission.name().startsWith("OWNER_"));
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS) || !isClosed) {
        throw new IOException(directory + " is not a directory of this user alone");
      }
      Path probe = Files.createTempFile(directory, "probe", "");
      boolean isOwn = owner(probe).equals(owner(directory));
      Files.delete(probe);
      if (!isOwn) {
        throw new IOException(directory + " is another user's");
      }
    } catch (UnsupportedOperationException e) {
      throw new IOException("this file system knows no permissions", e);
    }
  }

  private static Object owner(Path path) throws IOException {
    return Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  private void write() throws IOException {
    checkIsOwn(path.getParent());
    // Which nobody else can read: the default of createTempFile.
    Path next = Files.createTempFile(path.getParent(), "admin", ".new");
    try {
      Files.writeString(next, secret.value() + "\n");
      Files.move(next, path, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(next);
    }
  }

  /** Writes it again if it was removed, as what stands in a temporary directory may be. */
  public void keep() throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      write();
    }
  }

  /** Removes it. */
  public void remove() {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      // then it stays, and is of no use to anybody
    }
  }
}
