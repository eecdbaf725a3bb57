package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.ResourceLeakDetector;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rosuda.REngine.REXPRaw;
import org.rosuda.REngine.Rserve.RConnection;

/**
 * Large packets. At {@code paranoid} the leak detector takes a stack trace for every four bytes
 * that a WebSocket frame is masked by, which takes a second for each megabyte: so it samples here.
 */
class BulkIT {

  private static final int BYTES = 100_000_000;

  private static TestCluster cluster;
  private static ResourceLeakDetector.Level level;

  @BeforeAll
  static void start() throws Exception {
    level = ResourceLeakDetector.getLevel();
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
    cluster = TestCluster.start(1, Map.of(), "simple", "");
  }

  @AfterAll
  static void stop() throws Exception {
    ResourceLeakDetector.setLevel(level);
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void hundredMegabytesPassEachWayUnchanged() throws Exception {
    byte[] bytes = new byte[BYTES];
    new Random(1).nextBytes(bytes);
    String md5 = HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(bytes));
    RConnection connection = new RConnection("127.0.0.1", cluster.port());

    connection.assign("bulk", new REXPRaw(bytes));
    String md5InR =
        connection
            .eval("{ writeBin(bulk, 'bulk'); as.character(tools::md5sum('bulk')) }")
            .asString();
    byte[] back = connection.eval("bulk").asBytes();
    connection.removeFile("bulk");

    assertThat(md5InR).isEqualTo(md5);
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(back)))
        .isEqualTo(md5);
    connection.close();
  }
}
