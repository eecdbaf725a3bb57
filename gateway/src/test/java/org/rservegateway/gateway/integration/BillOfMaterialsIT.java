package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Each jar carries a bill of its materials, and the list of licences is the bills'. */
class BillOfMaterialsIT {

  private static final Path LICENCES = TestCluster.ROOT.resolve("docs/licences.md");

  /** All let the jars be given away as they are made. */
  private static final Set<String> ALLOWED =
      Set.of("Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "CC0-1.0", "EPL-2.0", "LGPL-2.1-only");

  private record Row(Set<String> licences, Set<String> jars) {

    String in(String library) {
      return "| `%s` | %s | %s |"
          .formatted(library, String.join(", ", licences), String.join(", ", jars));
    }
  }

  @Test
  void theListOfLicencesIsTheBills() throws IOException {
    Map<String, Row> rows = new TreeMap<>();
    addTo(rows, "gateway");
    addTo(rows, "node-tunnel");

    assertThat(rows.values())
        .flatExtracting(Row::licences)
        .as("licences that this project may ship")
        .isSubsetOf(ALLOWED);
    assertThat(libraryRows())
        .as(LICENCES.toString())
        .containsExactlyElementsOf(
            rows.entrySet().stream().map(row -> row.getValue().in(row.getKey())).toList());
  }

  private static List<String> libraryRows() throws IOException {
    try (Stream<String> lines = Files.lines(LICENCES)) {
      return lines.filter(line -> line.startsWith("| `")).toList();
    }
  }

  private static void addTo(Map<String, Row> rows, String module) throws IOException {
    for (JsonNode component : componentsOf(module)) {
      String group = component.get("group").asString();
      if (!group.equals("org.rservegateway")) {
        Row row =
            rows.computeIfAbsent(
                group + ":" + component.get("name").asString(),
                library -> new Row(new TreeSet<>(), new TreeSet<>()));
        row.jars().add(module);
        for (JsonNode licence : component.path("licenses")) {
          row.licences().add(licence.path("license").path("id").asString("unknown"));
        }
      }
    }
  }

  private static JsonNode componentsOf(String module) throws IOException {
    Path jar = TestCluster.ROOT.resolve(module).resolve("target/" + module + ".jar");
    try (JarFile file = new JarFile(jar.toFile());
        InputStream bill =
            file.getInputStream(file.getEntry("META-INF/sbom/application.cdx.json"))) {
      return JsonMapper.shared().readTree(bill).get("components");
    }
  }
}
