package org.rservegateway.gateway.admin;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.rservegateway.gateway.session.SessionView;

/** Whatever is asked for, some of the sessions are the answer, or the question is refused. */
class SessionQueryFuzzTest {

  private static final List<SessionView> SESSIONS =
      List.of(
          new SessionView(
              1, "10.0.0.1:4711", "", false, "", "node1", 4001, "busy", 5, "eval", 9, 3, 100, 200),
          new SessionView(
              2,
              "10.0.0.2:4712",
              "ada",
              true,
              "batch",
              "node2",
              4002,
              "idle",
              7,
              "",
              8,
              2,
              300,
              50),
          new SessionView(3, "", "", false, "", "", 0, "greeted", 7, "", 7, 0, 0, 32));

  @DictionaryEntries({
    "client=10.0.0.1",
    "user=ada",
    "profile=batch",
    "node=node1",
    "state=busy",
    "sort=-bytesUp",
    "sort=client",
    "limit=1",
    "&",
    "%"
  })
  @FuzzTest
  void anyQuestionIsAnsweredOrRefused(byte[] question) {
    SessionQuery query;
    try {
      query =
          new SessionQuery("/api/sessions?" + new String(question, StandardCharsets.ISO_8859_1));
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotBlank();
      return;
    }

    assertThat(query.choose(SESSIONS)).isSubsetOf(SESSIONS).doesNotHaveDuplicates();
  }
}
