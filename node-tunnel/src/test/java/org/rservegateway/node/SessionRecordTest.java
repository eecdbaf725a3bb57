package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionRecordTest {

  private static final String BOOT = "c0ffee00-1234";

  @ParameterizedTest
  @ValueSource(strings = {"", "/tmp/Rserv/conn4711", "/a b/ä=/conn4711"})
  void whatIsWrittenIsRead(String work) {
    RProcess process = new RProcess(4711, 42, 4700, "mark", work);

    SessionRecord record = SessionRecord.decode(SessionRecord.encode(process, BOOT));

    assertThat(record).isEqualTo(new SessionRecord(process, BOOT));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\n",
        "hello\n",
        "pid=4711\n",
        "pid=1\nstart=42\nparent=1\nmark=m\nwork=\nboot=b\n",
        "pid=0\nstart=42\nparent=1\nmark=m\nwork=\nboot=b\n",
        "pid=-4711\nstart=42\nparent=1\nmark=m\nwork=\nboot=b\n",
        "pid=4711\nstart=x\nparent=1\nmark=m\nwork=\nboot=b\n",
        "pid=4711\npid=4712\nstart=42\nparent=1\nmark=m\nwork=\nboot=b\n",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=\nboot=b",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=/\nboot=b\n",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=conn4711\nboot=b\n",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=/tmp/conn4712\nboot=b\n",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=/tmp/xconn4711\nboot=b\n",
        "pid=4711\nstart=42\nparent=1\nmark=m\nwork=/tmp/../conn4711\nboot=b\n"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> SessionRecord.decode(text))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aProcessDoesNotShowItsMark() {
    assertThat(new RProcess(4711, 42, 4700, "secret", "").toString()).doesNotContain("secret");
  }
}
