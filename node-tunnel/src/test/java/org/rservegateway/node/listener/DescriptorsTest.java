package org.rservegateway.node.listener;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the kernel says of a process's limits, and how many connections that is. */
class DescriptorsTest {

  @ParameterizedTest
  @CsvSource({
    "1024, 412",
    "1048576, 524188",
    "256, 28",
    "100, 1",
    "9223372036854775807, 2147483647",
    "unlimited, 2147483647"
  })
  void someAreKeptBackAndAConnectionTakesTwo(String limit, int connections) {
    List<String> limits =
        List.of(
            "Limit                     Soft Limit           Hard Limit           Units     ",
            "Max processes             96226                96226                processes ",
            "Max open files            %-20s 1048576              files     ".formatted(limit));

    assertThat(Descriptors.connections(limits)).isEqualTo(connections);
  }
}
