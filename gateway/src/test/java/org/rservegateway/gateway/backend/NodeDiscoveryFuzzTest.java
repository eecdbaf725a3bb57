package org.rservegateway.gateway.backend;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import tools.jackson.core.JacksonException;

/** Whatever a proxy answers is a list of nodes that can stand in a path, or is refused. */
class NodeDiscoveryFuzzTest {

  @DictionaryEntries({"[{\"name\":\"node1\"}]", ",{\"name\":\"node2\"}", "[[[[", "null", "1e9"})
  @FuzzTest
  void anyAnswerIsReadOrRefused(byte[] answer) {
    Set<String> names;
    try {
      names = NodeDiscovery.names(new String(answer, StandardCharsets.UTF_8));
    } catch (JacksonException | IllegalArgumentException e) {
      return;
    }

    for (String name : names) {
      assertThat(name).matches("[A-Za-z0-9._-]{1,128}");
      assertThat(Node.named(name).tunnelPath()).isEqualTo("/tunnel/" + name);
    }
  }
}
