package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;

/** Any line of a journal says nothing, or something that can be said again. */
class SessionRecordFuzzTest {

  @FuzzTest
  void anyLineIsReadOrPassedOver(byte[] line) {
    SessionRecord.decode(new String(line, StandardCharsets.UTF_8))
        .ifPresent(
            read -> {
              String written = read.encode();
              assertThat(SessionRecord.decode(written.substring(0, written.length() - 1)))
                  .hasValue(read);
              assertThat(read.r().id()).isGreaterThan(1);
            });
  }
}
