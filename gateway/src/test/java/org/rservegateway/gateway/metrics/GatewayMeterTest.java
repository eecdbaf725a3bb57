package org.rservegateway.gateway.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The documentation has a row for each meter, and no other. */
class GatewayMeterTest {

  @Test
  void theDocumentationNamesEveryMeter() throws IOException {
    List<String> rows =
        Files.readAllLines(Path.of("../docs/metrics.md")).stream()
            .filter(line -> line.startsWith("| `rserve_gateway_"))
            .toList();

    assertThat(rows)
        .containsExactlyElementsOf(
            Arrays.stream(GatewayMeter.values())
                .map(
                    meter ->
                        "| `%s` |%s | %s |"
                            .formatted(
                                meter.prometheusName(),
                                meter.label().isEmpty() ? "" : " " + meter.label(),
                                meter.description()))
                .toList());
  }
}
