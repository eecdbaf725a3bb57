package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.Rserve.RConnection;

/** Rserve's greeting is another one for each R session: the client gets that of its own. */
class EarlyBindingIT {

  /**
   * With a plain password: the challenge that REngine prefers fails in Rserve 1.8-11 itself on
   * newer libcrypts, without a gateway too (mended in 1.8-12).
   */
  @Test
  void rSclientLogsInToTheRSessionWhoseGreetingItGot(@TempDir Path directory) throws Exception {
    Path passwords = Files.writeString(directory.resolve("passwords"), "student secret\n");
    String lines = "auth required\nplaintext enable\npwdfile " + passwords + "\n";
    try (TestCluster cluster = TestCluster.start(1, Map.of(), "paranoid", lines)) {
      assertThat(new RConnection("127.0.0.1", cluster.port()).needLogin()).isTrue();
      String output =
          RClient.run(
              cluster.port(),
              directory,
              """
              cat(class(try(RS.eval(c, 1 + 1), silent = TRUE)), "\\n")
              old <- RSconnect("127.0.0.1", %d)
              invisible(RSlogin(old, "student", "secret"))
              cat(RSeval(old, "1 + 1"), "\\n")
              """
                  .formatted(cluster.port()));

      assertThat(output).isEqualTo("try-error \n2 \n");
    }
  }

  @Test
  void rSclientCallsTheCapabilityThatItWasGreetedWith(@TempDir Path directory) throws Exception {
    String lines =
        "qap.oc enable\neval oc.init <- function() Rserve::ocap(function(x) x * 2, 'double')\n";
    try (TestCluster cluster = TestCluster.start(1, Map.of(), "paranoid", lines)) {
      String output =
          RClient.run(
              cluster.port(),
              directory,
              "cat(RS.eval.qap(c, as.call(list(attr(c, 'capabilities'), 21))))");

      assertThat(output).isEqualTo("42");
      cluster.awaitQuiet();
    }
  }
}
