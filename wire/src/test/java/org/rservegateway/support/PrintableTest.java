package org.rservegateway.support;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {

  @Test
  void whatCouldForgeALineIsReplaced() {
    String forged = "a\r\nb\u0000c\u001b[2Jd\u2028e\u202ef";

    assertThat(Printable.of(forged)).isEqualTo("a??b?c?[2Jd?e?f");
    assertThat(Printable.is(forged)).isFalse();
  }

  @Test
  void whatCanBeShownStays() {
    String text = "R: \"naïve\" 数据 {1}";

    assertThat(Printable.of(text)).isEqualTo(text);
    assertThat(Printable.is(text)).isTrue();
  }

  @Test
  void ofALongTextTheStartIsShown() {
    assertThat(Printable.start("abc\ndef", 5)).isEqualTo("abc?d");
    assertThat(Printable.start("abc", 5)).isEqualTo("abc");
    // A character of two halves, of which the second is cut off.
    assertThat(Printable.start("ab\uD83D\uDE00", 3)).isEqualTo("ab?");
  }
}
