package org.rservegateway.gateway.config;

import java.util.Arrays;
import java.util.List;

/** Texts as a setting lists them: {@code [one, other]}; the brackets may be left out. */
public record TextList(List<String> texts) {

  /** Keeps a copy. */
  public TextList {
    texts = List.copyOf(texts);
  }

  static TextList parse(String text) {
    String list =
        text.startsWith("[") && text.endsWith("]") ? text.substring(1, text.length() - 1) : text;
    return new TextList(
        Arrays.stream(list.split(",", -1))
            .map(String::strip)
            .filter(item -> !item.isEmpty())
            .toList());
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return texts.isEmpty();
  }

  /** As a setting lists them. */
  @Override
  public String toString() {
    return "[" + String.join(", ", texts) + "]";
  }
}
