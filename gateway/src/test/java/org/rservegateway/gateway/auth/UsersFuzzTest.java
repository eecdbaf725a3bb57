package org.rservegateway.gateway.auth;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Any file is one of users, or is refused with where and why, and never with a secret. */
class UsersFuzzTest {

  private static final int LONG_ENOUGH = 12;

  @TempDir private static Path directory;
  private static Path file;

  @BeforeAll
  static void name() {
    file = directory.resolve("users");
  }

  @DictionaryEntries({
    "ada:{plain}lovelace\\x0A",
    "ada:$2y$10$abcdefghijklmnopqrstuuQ1kLhIYzWcXOqYQ7Zb5HnNRt0eKQqy6\\x0A",
    "$2a$99$",
    "{plain}",
    "# ",
    ":",
    "\\x0A"
  })
  @FuzzTest
  void anyFileIsReadOrRefused(byte[] bytes) throws IOException {
    Files.write(file, bytes);

    Users users;
    try {
      users = Users.read(file.toString());
    } catch (UsersException e) {
      assertThat(e.getMessage()).matches("(?s)(line \\d+: |can't be read: ).+");
      new String(bytes, StandardCharsets.UTF_8)
          .lines()
          .map(line -> line.split(":", 2))
          .filter(line -> line.length == 2 && line[1].length() >= LONG_ENOUGH)
          .filter(line -> !line[1].contains(" ") && !line[0].contains(line[1]))
          .forEach(line -> assertThat(e.getMessage()).doesNotContain(line[1]));
      return;
    }
    assertThat(users.count()).isLessThanOrEqualTo(bytes.length);
    assertThat(users.isProven(new Credentials("ada", "lovelace", "", true))).isFalse();
  }
}
