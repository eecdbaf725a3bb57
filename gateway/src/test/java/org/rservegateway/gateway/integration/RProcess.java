package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;

/** The R process of a session, as R itself names it, and what became of it. */
final class RProcess {

  private final ProcessHandle process;

  private RProcess(ProcessHandle process) {
    this.process = process;
  }

  /** The one that serves this client. */
  static RProcess of(RawClient client) throws IOException {
    return withId(client.eval("Sys.getpid()").asInt());
  }

  static RProcess withId(long id) {
    return new RProcess(ProcessHandle.of(id).orElseThrow());
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Checks that it lives and has one more process below it, once that is there, and returns it. */
  RProcess awaitChild() {
    return await()
        .atMost(TestCluster.PATIENCE)
        .until(() -> process.descendants().toList(), list -> !list.isEmpty())
        .stream()
        .map(RProcess::new)
        .reduce((first, last) -> last)
        .orElseThrow();
  }

  /** Checks that it goes within this time. */
  void assertGoneWithin(Duration time) {
    await().atMost(time).untilAsserted(() -> assertThat(process.isAlive()).isFalse());
  }
}
