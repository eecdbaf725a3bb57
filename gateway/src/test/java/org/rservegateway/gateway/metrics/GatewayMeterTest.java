package org.rservegateway.gateway.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.metrics.GatewayMeter.Kind;

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

  @Test
  void timersWithBucketsShowThemToPrometheusAndOthersDoNot() {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    List<GatewayMeter> timers =
        Arrays.stream(GatewayMeter.values()).filter(meter -> meter.kind() == Kind.TIMER).toList();
    timers.forEach(
        meter -> {
          if (meter.label().isEmpty()) {
            meter.timer(registry);
          } else {
            meter.timer(registry, "eval");
          }
        });

    String metrics = registry.scrape();

    assertThat(timers)
        .allSatisfy(
            meter ->
                assertThat(metrics.contains(meter.prometheusName() + "_bucket{"))
                    .as(meter.prometheusName())
                    .isEqualTo(meter.hasBuckets()));
    assertThat(timers)
        .filteredOn(GatewayMeter::hasBuckets)
        .containsExactly(
            GatewayMeter.EVALUATION, GatewayMeter.GREETING_WAIT, GatewayMeter.QUEUE_WAIT);
  }
}
