package org.rservegateway.gateway.users;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.codec.digest.UnixCrypt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whose passwords are right, and what a file of users may hold. */
class UsersTest {

  @TempDir private Path directory;
  private Users users;

  @BeforeEach
  void read() throws Exception {
    users =
        users(
            "# who may\n\nada:%s\ngrace:{plain}hopper\n"
                .formatted(BCrypt.withDefaults().hashToString(4, "lovelace".toCharArray())));
  }

  private Users users(String text) throws Exception {
    return Users.read(Files.writeString(directory.resolve("users"), text).toString());
  }

  private static Credentials password(String name, String password) {
    return new Credentials(name, password, "", true);
  }

  @ParameterizedTest
  @CsvSource({"ada, lovelace", "grace, hopper"})
  void thePasswordOfAUserIsRight(String name, String password) {
    assertThat(users.verify(password(name, password))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "ada, hopper",
    "ada, ''",
    "grace, lovelace",
    "grace, ''",
    "eve, lovelace",
    "eve, ''",
    "'', ''",
    "ada, {plain}lovelace",
    "grace, {plain}hopper",
    "'# who may', ''"
  })
  void anotherOneIsNot(String name, String password) {
    assertThat(users.verify(password(name, password))).isFalse();
  }

  @Test
  void noPasswordIsComparedByItsBeginningAlone() throws Exception {
    String longest = "x".repeat(71);
    Users all = users(Users.line("long", longest.toCharArray()));

    assertThat(all.verify(password("long", longest))).isTrue();
    assertThat(all.verify(password("long", longest + "y"))).isFalse();
    assertThatThrownBy(() -> Users.line("long", (longest + "y").toCharArray()))
        .hasMessageContaining("71 bytes");
  }

  @Test
  void theAnswerToAChallengeIsRightForItsSaltOnly() {
    String answer = UnixCrypt.crypt("hopper", "ab");

    assertThat(users.verify(new Credentials("grace", answer, "ab", false))).isTrue();
    assertThat(users.verify(new Credentials("grace", answer, "cd", false))).isFalse();
    assertThat(users.verify(new Credentials("grace", "hopper", "ab", false))).isFalse();
    assertThat(users.verify(new Credentials("ada", UnixCrypt.crypt("lovelace", "ab"), "ab", false)))
        .isFalse();
    assertThat(users.verify(new Credentials("grace", "hopper", "ab", true))).isTrue();
  }

  @Test
  void aPasswordIsKnownToBeRightOnlyAfterItWas() {
    assertThat(users.isProven(password("ada", "lovelace"))).isFalse();
    users.verify(password("ada", "byron"));
    assertThat(users.isProven(password("ada", "byron"))).isFalse();

    users.verify(password("ada", "lovelace"));

    assertThat(users.isProven(password("ada", "lovelace"))).isTrue();
    assertThat(users.isProven(password("ada", "byron"))).isFalse();
    assertThat(users.isProven(password("grace", "lovelace"))).isFalse();
    assertThat(users.isProven(new Credentials("ada", "lovelace", "ab", false))).isFalse();
  }

  /** By the processor time that it takes, which what else runs here does not change. */
  @Test
  void aNameThatIsUnknownCantBeToldByTheTime() throws Exception {
    Users costly =
        users(
            "ada:%s\ngrace:{plain}hopper\n"
                .formatted(BCrypt.withDefaults().hashToString(10, "lovelace".toCharArray())));

    long known = nanosOf(costly, "ada");

    assertThat(nanosOf(costly, "eve")).isBetween(known / 3, known * 3);
    assertThat(nanosOf(costly, "grace")).isBetween(known / 3, known * 3);
  }

  private static long nanosOf(Users users, String name) {
    users.verify(password(name, "first"));
    long before = cpuNanos();
    users.verify(password(name, "second"));
    return cpuNanos() - before;
  }

  private static long cpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ada",
        "ada:",
        "ada:secret",
        "a b:{plain}x",
        ":{plain}x",
        "a:{plain}x\na:{plain}y"
      })
  void whatIsNoFileOfUsersIsRefusedWithoutASecret(String text) {
    assertThatThrownBy(() -> users(text))
        .isInstanceOf(UsersException.class)
        .hasMessageStartingWith("line ")
        .message()
        .doesNotContain("secret");
  }
}
