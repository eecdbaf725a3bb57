package org.rservegateway.gateway.config;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.rservegateway.support.SmallFile;

/**
 * A file that holds a secret, as it was when the configuration was read; white space around it is
 * not part of it.
 *
 * @param path empty for none
 * @param secret empty for none
 */
public record SecretFile(String path, Secret secret) {

  private static final int MAX_BYTES = 4096;

  /** Reads it. */
  static SecretFile read(String path) {
    if (path.isEmpty()) {
      return new SecretFile("", new Secret(""));
    }
    try {
      String text =
          SmallFile.readText(Path.of(path), MAX_BYTES, StandardCharsets.ISO_8859_1).strip();
      if (text.isEmpty()) {
        throw new IllegalArgumentException("must name a file with a secret in it; it is empty");
      }
      return new SecretFile(path, new Secret(text));
    } catch (IOException e) {
      throw new IllegalArgumentException("must name a file that can be read: " + e.getMessage(), e);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("must name a file", e);
    }
  }

  /** Where it is; never what it holds. */
  @Override
  public String toString() {
    return path;
  }
}
