package org.rservegateway.gateway.config;

import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.rservegateway.protocol.qap.QapCommand;

/**
 * Commands of QAP1 by their names, as a setting lists them: {@code [shutdown, ctrlEval]}; the
 * brackets may be left out.
 */
public record CommandNames(Set<QapCommand> commands) {

  /** Keeps a copy. */
  public CommandNames {
    commands = Collections.unmodifiableSet(copyOf(commands));
  }

  private static Set<QapCommand> copyOf(Set<QapCommand> commands) {
    Set<QapCommand> copy = EnumSet.noneOf(QapCommand.class);
    copy.addAll(commands);
    return copy;
  }

  /**
   * The commands that {@code text} lists.
   *
   * @throws IllegalArgumentException whose message names those that don't exist
   */
  static CommandNames parse(String text) {
    String list =
        text.startsWith("[") && text.endsWith("]") ? text.substring(1, text.length() - 1) : text;
    Set<QapCommand> commands = EnumSet.noneOf(QapCommand.class);
    for (String name : list.isBlank() ? new String[0] : list.split(",", -1)) {
      commands.add(
          QapCommand.named(name.strip())
              .orElseThrow(() -> new IllegalArgumentException(unknown(name.strip()))));
    }
    return new CommandNames(commands);
  }

  private static String unknown(String name) {
    List<String> known =
        Arrays.stream(QapCommand.values()).map(QapCommand::protocolName).sorted().toList();
    String suggestion = Suggestion.of(name, known);
    return "must list commands of QAP1; \"%s\" is none%s"
        .formatted(
            name.replaceAll("\\p{Cntrl}", "?"),
            suggestion.isEmpty() ? ", they are " + String.join(", ", known) : suggestion);
  }

  /** As a setting lists them. */
  @Override
  public String toString() {
    return commands.stream()
        .map(QapCommand::protocolName)
        .collect(Collectors.joining(", ", "[", "]"));
  }
}
