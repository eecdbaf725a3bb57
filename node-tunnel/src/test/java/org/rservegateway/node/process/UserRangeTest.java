package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UserRangeTest {

  @ParameterizedTest
  @CsvSource({
    "1-2, 1, 2",
    "1880100000-1880101999, 1880100000, 1880101999",
    "1-2147483647, 1, 2147483647"
  })
  void whatIsReadIsWritten(String text, long first, long last) {
    UserRange range = UserRange.parse(text);

    assertThat(range).isEqualTo(new UserRange(first, last)).hasToString(text);
    assertThat(range.size()).isEqualTo(last - first + 1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-",
        "1",
        "1-",
        "-2",
        "0-2",
        "01-2",
        "1-02",
        "2-1",
        "2-2",
        "1-2-3",
        "1 - 2",
        "1-2 ",
        "1-2\n",
        "1-2147483648",
        "9999999999-99999999999",
        "+1-2",
        "\u0661-\u0662",
        "1:2",
        "0x1-0x2"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> UserRange.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void bothEndsBelongToIt() {
    UserRange range = new UserRange(1880100000, 1880100009);

    assertThat(range.contains(1880100000)).isTrue();
    assertThat(range.contains(1880100009)).isTrue();
    assertThat(range.contains(1880099999)).isFalse();
    assertThat(range.contains(1880100010)).isFalse();
    assertThat(range.contains(0)).isFalse();
    assertThat(range.contains(-1)).isFalse();
  }
}
