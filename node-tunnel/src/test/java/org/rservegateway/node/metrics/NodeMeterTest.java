package org.rservegateway.node.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rservegateway.node.reaper.Census;

/** The documentation has a row for each meter, and no other; and each is there from the start. */
class NodeMeterTest {

  @Test
  void theDocumentationNamesEveryMeter() throws IOException {
    List<String> rows =
        Files.readAllLines(Path.of("../docs/metrics.md")).stream()
            .filter(line -> line.startsWith("| `rserve_node_"))
            .toList();

    assertThat(rows)
        .containsExactlyElementsOf(
            Arrays.stream(NodeMeter.values())
                .map(
                    meter ->
                        "| `%s` |%s | %s |"
                            .formatted(
                                meter.prometheusName(),
                                meter.labels().isEmpty() ? "" : " " + meter.labels(),
                                meter.description()))
                .toList());
  }

  @Test
  void everyMeterIsThereFromTheStart() {
    String metrics = new NodeHealth().meters().scrape(new Census(2, 300, 200, 4, 16384, 7));

    assertThat(NodeMeter.values())
        .allSatisfy(
            meter -> assertThat(metrics).contains("# HELP " + meter.prometheusName() + " "));
    assertThat(metrics.lines().filter(line -> !line.startsWith("#")))
        .allMatch(line -> line.startsWith("rserve_node_"));
    assertThat(metrics)
        .contains("rserve_node_processes 2.0\n")
        .contains("rserve_node_processes_memory 300.0\n")
        .contains("rserve_node_largest_process_memory 200.0\n")
        .contains("rserve_node_kept_directories 4.0\n")
        .contains("rserve_node_kept_bytes 16384.0\n")
        .contains("rserve_node_waiting_users 7.0\n")
        .contains("rserve_node_kept_removed_total{reason=\"disk full\"} 0.0\n")
        .contains(
            "rserve_node_sessions_signalled_total{reason=\"gateway\",signal=\"SIGKILL\"} 0.0");
  }
}
