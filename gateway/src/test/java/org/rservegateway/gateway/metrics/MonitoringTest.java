package org.rservegateway.gateway.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.session.CloseReason;
import org.rservegateway.node.metrics.NodeMeter;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * The dashboard and the alerts ask for nothing that isn't there, and the documentation names them.
 */
class MonitoringTest {

  private static final Path CONFIG = Path.of("../config");
  private static final Path ALERTS = CONFIG.resolve("prometheus/alerts.yml");
  private static final Path SCRAPES = CONFIG.resolve("prometheus/scrape.yml");
  private static final Path DASHBOARD = CONFIG.resolve("grafana/dashboard.json");
  private static final Path DOCUMENTATION = Path.of("../docs/metrics.md");
  private static final Pattern METRIC = Pattern.compile("\\brserve_[a-z_]+");
  private static final Pattern REASONS =
      Pattern.compile("rserve_gateway_sessions_ended_total\\{[^}]*reason=~?\\\\?\"([^\"\\\\]+)");
  private static final Pattern JOB = Pattern.compile("job=\"([^\"]+)\"");

  @ParameterizedTest
  @ValueSource(strings = {"prometheus/alerts.yml", "grafana/dashboard.json"})
  void everyMetricExists(String file) throws IOException {
    Set<String> asked = found(METRIC, Files.readString(CONFIG.resolve(file)), 0);

    assertThat(asked).hasSizeGreaterThan(5);
    assertThat(series()).containsAll(asked);
  }

  @ParameterizedTest
  @ValueSource(strings = {"prometheus/alerts.yml", "grafana/dashboard.json"})
  void everyReasonExists(String file) throws IOException {
    List<String> reasons = Arrays.stream(CloseReason.values()).map(CloseReason::label).toList();

    assertThat(found(REASONS, Files.readString(CONFIG.resolve(file)), 1))
        .isNotEmpty()
        .allSatisfy(asked -> assertThat(reasons).contains(asked.split("\\|", -1)));
  }

  @Test
  void theDashboardShowsEveryMeter() throws IOException {
    Set<String> shown = found(METRIC, Files.readString(DASHBOARD), 0);

    assertThat(GatewayMeter.values())
        .allMatch(meter -> isAmong(shown, meter.prometheusName()), "is shown");
    assertThat(NodeMeter.values())
        .allMatch(meter -> isAmong(shown, meter.prometheusName()), "is shown");
  }

  private static boolean isAmong(Set<String> shown, String meter) {
    return shown.stream().anyMatch(name -> name.startsWith(meter));
  }

  @Test
  void thePanelsOfTheDashboardHaveIdsAndTitlesOfTheirOwn() {
    JsonNode panels = JsonMapper.shared().readTree(DASHBOARD).get("panels");

    assertThat(panels).extracting(panel -> panel.get("id").asInt()).doesNotHaveDuplicates();
    assertThat(panels).extracting(panel -> panel.get("title").asString()).doesNotHaveDuplicates();
  }

  @Test
  void everyAlertSaysWhatHappenedAndTheDocumentationWhatToDo() throws IOException {
    List<JsonNode> alerts = alerts();

    assertThat(alerts)
        .allSatisfy(
            alert -> assertThat(alert.at("/annotations/summary").asString()).contains("$labels"));
    assertThat(alerts)
        .extracting(alert -> alert.at("/labels/severity").asString())
        .isSubsetOf("critical", "warning", "info");
    assertThat(
            Files.readAllLines(DOCUMENTATION).stream()
                .filter(line -> line.matches("\\| `Rserve[A-Za-z]+` \\| .+ \\| .+ \\|"))
                .map(line -> line.split("`", -1)[1]))
        .containsExactlyElementsOf(
            alerts.stream().map(alert -> alert.get("alert").asString()).toList());
  }

  @Test
  void theJobsThatAlertsNameAreScraped() throws IOException {
    Set<String> jobs = found(JOB, Files.readString(ALERTS), 1);

    List<String> scraped = new ArrayList<>();
    new YAMLMapper()
        .readTree(SCRAPES)
        .get("scrape_configs")
        .forEach(scrape -> scraped.add(scrape.get("job_name").asString()));

    assertThat(scraped).containsExactlyInAnyOrderElementsOf(jobs);
  }

  private static List<JsonNode> alerts() {
    List<JsonNode> alerts = new ArrayList<>();
    new YAMLMapper()
        .readTree(ALERTS)
        .get("groups")
        .forEach(group -> group.get("rules").forEach(alerts::add));
    return alerts;
  }

  private static Set<String> found(Pattern pattern, String text, int group) {
    return pattern
        .matcher(text)
        .results()
        .map((MatchResult result) -> result.group(group))
        .collect(Collectors.toSet());
  }

  /** The names of all series, with what Prometheus adds for the parts of a timer. */
  private static Set<String> series() {
    Set<String> series = new HashSet<>();
    for (GatewayMeter meter : GatewayMeter.values()) {
      boolean isTimer = meter.kind() == GatewayMeter.Kind.TIMER;
      series.addAll(series(meter.prometheusName(), isTimer, meter.hasBuckets()));
    }
    for (NodeMeter meter : NodeMeter.values()) {
      boolean isTimer = meter.kind() == NodeMeter.Kind.TIMER;
      series.addAll(series(meter.prometheusName(), isTimer, meter.hasBuckets()));
    }
    return series;
  }

  private static List<String> series(String name, boolean isTimer, boolean hasBuckets) {
    if (!isTimer) {
      return List.of(name);
    }
    List<String> parts = List.of(name + "_count", name + "_sum", name + "_max");
    List<String> all = new ArrayList<>(parts);
    if (hasBuckets) {
      all.add(name + "_bucket");
    }
    return all;
  }
}
