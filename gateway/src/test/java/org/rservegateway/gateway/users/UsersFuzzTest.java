package org.rservegateway.gateway.users;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Any file is one of users, or is refused with where and why, and never with a secret. */
class UsersFuzzTest {

  private static final int LONG_ENOUGH = 12;
  private static final Pattern LINE = Pattern.compile("line (\\d+): ");

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
      List<String> lines = new String(bytes, StandardCharsets.UTF_8).lines().toList();
      String message = withoutName(e.getMessage(), lines);
      lines.stream()
          .map(line -> line.split(":", 2))
          .filter(line -> line.length == 2 && line[1].length() >= LONG_ENOUGH)
          .filter(line -> !line[1].contains(" "))
          .forEach(line -> assertThat(message).doesNotContain(line[1]));
      return;
    }
    assertThat(users.count()).isLessThanOrEqualTo(bytes.length);
    assertThat(users.isProven(new Credentials("ada", "lovelace", "", true))).isFalse();
  }

  /** A message quotes the name of the line that is wrong, in which any secret may stand. */
  private static String withoutName(String message, List<String> lines) {
    Matcher number = LINE.matcher(message);
    if (!number.lookingAt()) {
      return message;
    }
    String line = lines.get(Integer.parseInt(number.group(1)) - 1);
    String name = line.split(":", 2)[0].strip();
    return name.isEmpty() ? message : message.replace(name + '"', "\"");
  }
}
