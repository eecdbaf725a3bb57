package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which directories are an R session's own, by their names. */
class RProcessTest {

  private static final OptionalLong NO_USER = OptionalLong.empty();
  private static final OptionalLong USER = OptionalLong.of(7);

  @ParameterizedTest
  @CsvSource({
    "RtmpaB3xYz.7.7, 7",
    "Rtmp000000.1880100007.1880100007, 1880100007",
    "RtmpZZZZZZ.2147483647.2147483647, 2147483647"
  })
  void aDirectorysNameSaysWhoseItIs(String name, long user) {
    assertThat(RProcess.userOfDirectory(name)).hasValue(user);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "RtmpaB3xYz",
        "RtmpaB3xYz.7",
        "RtmpaB3xYz.7.8",
        "RtmpaB3xYz.0.0",
        "RtmpaB3xYz.07.07",
        "RtmpaB3xYz.7.7.7",
        "RtmpaB3xY.7.7",
        "RtmpaB3xYzz.7.7",
        "xRtmpaB3xYz.7.7",
        "RtmpaB3xYz.7.7 ",
        "RtmpaB3xYz.7.7\n",
        "RtmpaB3xYz.-7.-7",
        "RtmpaB3x.z.7.7",
        "Rtmp../..x.7.7",
        "RtmpaB3xYz.12345678901.12345678901",
        "conn7"
      })
  void anyOtherNameSaysNothing(String name) {
    assertThat(RProcess.userOfDirectory(name)).isEmpty();
  }

  @Test
  void aSessionWithAUserHasTheDirectoryThatWasMadeForThisUser() {
    assertThat(RProcess.isDirectoryOf(4711, USER, "/run/sessions/RtmpaB3xYz.7.7")).isTrue();
    assertThat(RProcess.isDirectoryOf(4712, USER, "/run/sessions/RtmpaB3xYz.7.7")).isTrue();
    assertThat(RProcess.isDirectoryOf(4711, NO_USER, "/work/conn4711")).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "/work/conn4711",
        "/work/conn7",
        "/work/RtmpaB3xYz.8.8",
        "/work/RtmpaB3xYz.7.7/x",
        "/work/RtmpaB3xYz.7.7/",
        "/work/../RtmpaB3xYz.7.7",
        "/work//RtmpaB3xYz.7.7",
        "/wo\nrk/RtmpaB3xYz.7.7",
        "work/RtmpaB3xYz.7.7",
        "RtmpaB3xYz.7.7"
      })
  void anyOtherDirectoryIsNotItsOwn(String directory) {
    assertThat(RProcess.isDirectoryOf(4711, USER, directory)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/work", "/work/conn4712", "/work/RtmpaB3xYz.7.7", "conn4711"})
  void withoutAUserItIsNamedByTheProcess(String directory) {
    assertThat(RProcess.isDirectoryOf(4711, NO_USER, directory)).isFalse();
  }

  @Test
  void aDirectoryThatIsNotItsOwnIsNotKept() {
    ProcessStat r = new ProcessStat(4711, 'S', 1, 1, 0, 42);

    assertThat(RProcess.of(r, "", "/work/RtmpaB3xYz.8.8", "x", USER).workDirectory()).isEmpty();
    assertThat(RProcess.of(r, "", "/work/RtmpaB3xYz.8.8", "x", USER).temporaryDirectory())
        .isEmpty();
    assertThat(RProcess.of(r, "", "/work/RtmpaB3xYz.7.7", "", USER).workDirectory())
        .isEqualTo("/work/RtmpaB3xYz.7.7");
  }
}
