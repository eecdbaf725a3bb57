package org.rservegateway.gateway.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import tools.jackson.core.JacksonException;

class NodeDiscoveryTest {

  @Test
  void listOfNodesIsAnArrayOfObjectsWithNames() {
    assertThat(NodeDiscovery.names("[{\"name\":\"node1\"},{\"name\":\"10.0.0.2_8000\",\"x\":1}]"))
        .containsExactly("node1", "10.0.0.2_8000");
    assertThat(NodeDiscovery.names("[]")).isEmpty();
  }

  @Test
  void everythingElseIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> NodeDiscovery.names("{}"));
    assertThatIllegalArgumentException().isThrownBy(() -> NodeDiscovery.names("[\"node1\"]"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NodeDiscovery.names("[{\"name\":\"../health\"}]"))
        .withMessageContaining("../health");
    assertThatThrownBy(() -> NodeDiscovery.names("<html>")).isInstanceOf(JacksonException.class);
  }
}
