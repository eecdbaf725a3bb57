package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.process.RProcess;

class SessionRecordTest {

  private static final OptionalLong NO_USER = OptionalLong.empty();
  private static final OptionalLong USER = OptionalLong.of(1880100007L);

  @ParameterizedTest
  @ValueSource(strings = {"", "/tmp/Rserv/conn4711", "/a b/\u00e4=/ conn/conn4711"})
  void whatIsWrittenIsRead(String work) {
    assertIsRead(new SessionRecord(new RProcess(4711, 42, 4700, "mark", work, "", NO_USER), false));
    assertIsRead(new SessionRecord(new RProcess(4711, 42, 4700, "", work, "", NO_USER), true));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/run/rserve/RtmpaB3xYz.1880100007.1880100007",
        "/a b/ - \u00e4/Rtmp000000.1880100007.1880100007"
      })
  void aSessionsUserIsReadToo(String work) {
    assertIsRead(new SessionRecord(new RProcess(4711, 42, 4700, "mark", work, "", USER), false));
    assertIsRead(new SessionRecord(new RProcess(4711, 42, 4700, "", work, "", USER), true));
  }

  private static void assertIsRead(SessionRecord record) {
    String line = record.encode();
    assertThat(line).endsWith("\n");
    assertThat(SessionRecord.decode(line.substring(0, line.length() - 1))).hasValue(record);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "hello",
        "open",
        "open 4711 42 4700 - mark",
        "open 4711 42 4700 mark -", // as an earlier version wrote it
        "shut 4711 42 4700 - mark -",
        "open 1 42 1 - mark -",
        "open 0 42 1 - mark -",
        "open -4711 42 1 - mark -",
        "open 4711 x 1 - mark -",
        "open 4711 -1 1 - mark -",
        "open 4711 42 -1 - mark -",
        "open 99999999999999999999 42 1 - mark -",
        "open 4711 42 1 - mark /",
        "open 4711 42 1 - mark conn4711",
        "open 4711 42 1 - mark /tmp/conn4712",
        "open 4711 42 1 - mark /tmp/xconn4711",
        "open 4711 42 1 - mark /tmp/../conn4711",
        "open 4711 42 1 - mark /tmp//conn4711",
        "open 4711 42 1 - mark /tmp/conn4711/",
        "open 4711 42 1 0 mark -", // root is nobody's session
        "open 4711 42 1 -5 mark -",
        "open 4711 42 1 root mark -",
        "open 4711 42 1 7 mark /tmp/conn4711",
        "open 4711 42 1 7 mark /tmp/Rtmpabcdef",
        "open 4711 42 1 7 mark /tmp/Rtmpabcdef.8.8",
        "open 4711 42 1 7 mark /tmp/Rtmpabcdef.7.8",
        "open 4711 42 1 7 mark /tmp/Rtmpabcdef.7.7/x",
        "open 4711 42 1 7 mark /tmp/../Rtmpabcdef.7.7",
        "open 4711 42 1 7 mark Rtmpabcdef.7.7",
        "open 4711 42 1 - mark /tmp/Rtmpabcdef.7.7"
      })
  void anythingElseSaysNothing(String line) {
    assertThat(SessionRecord.decode(line)).isEmpty();
  }

  @Test
  void aProcessDoesNotShowItsMark() {
    assertThat(new RProcess(4711, 42, 4700, "secret", "", "", NO_USER).toString())
        .doesNotContain("secret");
  }
}
