package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionRecordTest {

  @ParameterizedTest
  @ValueSource(strings = {"", "/tmp/Rserv/conn4711", "/a b/\u00e4=/ conn/conn4711"})
  void whatIsWrittenIsRead(String work) {
    SessionRecord open = new SessionRecord(new RProcess(4711, 42, 4700, "mark", work, ""), false);
    SessionRecord gone = new SessionRecord(new RProcess(4711, 42, 4700, "", work, ""), true);

    assertThat(SessionRecord.decode(open.encode().stripTrailing())).hasValue(open);
    assertThat(SessionRecord.decode(gone.encode().stripTrailing())).hasValue(gone);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "hello",
        "open",
        "open 4711 42 4700 mark",
        "shut 4711 42 4700 mark -",
        "open 1 42 1 mark -",
        "open 0 42 1 mark -",
        "open -4711 42 1 mark -",
        "open 4711 x 1 mark -",
        "open 4711 -1 1 mark -",
        "open 4711 42 -1 mark -",
        "open 99999999999999999999 42 1 mark -",
        "open 4711 42 1 mark /",
        "open 4711 42 1 mark conn4711",
        "open 4711 42 1 mark /tmp/conn4712",
        "open 4711 42 1 mark /tmp/xconn4711",
        "open 4711 42 1 mark /tmp/../conn4711",
        "open 4711 42 1 mark /tmp//conn4711",
        "open 4711 42 1 mark /tmp/conn4711/"
      })
  void anythingElseSaysNothing(String line) {
    assertThat(SessionRecord.decode(line)).isEmpty();
  }

  @Test
  void aProcessDoesNotShowItsMark() {
    assertThat(new RProcess(4711, 42, 4700, "secret", "", "").toString()).doesNotContain("secret");
  }
}
