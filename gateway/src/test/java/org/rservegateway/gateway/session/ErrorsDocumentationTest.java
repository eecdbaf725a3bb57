package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rservegateway.protocol.qap.QapError;

/** {@code docs/errors.md} has a row for each reason, and for each code. */
class ErrorsDocumentationTest {

  private static final Path DOCUMENTATION = Path.of("../docs/errors.md");
  private static final int COLUMNS = 4;

  @Test
  void everyReasonHasARowWithWhatTheClientReads() throws IOException {
    assertThat(rowsBelow("| reason |"))
        .allSatisfy(row -> assertThat(row).hasSize(COLUMNS).doesNotContain(""))
        .extracting(row -> row.get(0) + ": " + row.get(1))
        .containsExactlyElementsOf(
            Arrays.stream(CloseReason.values())
                .map(reason -> reason.label() + ": " + read(reason))
                .toList());
  }

  private static String read(CloseReason reason) {
    return reason
        .error()
        .map(error -> "0x%x%s".formatted(error.code(), reason.isToldLater() ? ", later" : ""))
        .orElse("nothing");
  }

  @Test
  void everyCodeHasARow() throws IOException {
    assertThat(rowsBelow("| code |"))
        .allSatisfy(row -> assertThat(row).hasSize(COLUMNS).doesNotContain(""))
        .extracting(row -> row.get(0) + " " + row.get(1))
        .containsExactlyElementsOf(
            Arrays.stream(QapError.values())
                .map(error -> "0x%x %d".formatted(error.code(), error.code()))
                .toList());
  }

  private static List<List<String>> rowsBelow(String heading) throws IOException {
    List<String> lines = Files.readAllLines(DOCUMENTATION);
    int start = 0;
    while (!lines.get(start).startsWith(heading)) {
      start++;
    }
    return lines.subList(start + 2, lines.size()).stream()
        .takeWhile(line -> line.startsWith("|"))
        .map(line -> List.of(line.substring(1).strip().split("\\s*\\|\\s*", -1)))
        .map(cells -> cells.subList(0, cells.size() - 1)) // nothing is behind the last bar
        .toList();
  }
}
