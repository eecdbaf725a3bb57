package org.rservegateway.gateway.cli;

import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The commands that ask a running gateway. Exit codes: 0 done, 1 the gateway refuses, 2 wrong
 * usage, 3 no gateway answers.
 */
final class OperatorCommands {

  private OperatorCommands() {}

  /** Adds all of them to {@code main}. */
  static void addTo(CommandLine main) {
    CommandLine commands = new CommandLine(new Group());
    commands
        .getSubcommands()
        .forEach(
            (name, command) -> {
              main.addSubcommand(name, command);
            });
    main.setExecutionExceptionHandler(OperatorCommands::complain);
  }

  private static int complain(
      Exception exception, CommandLine command, CommandLine.ParseResult arguments)
      throws Exception {
    if (exception instanceof AdminException refusal) {
      command.getErr().println("rcloud: " + refusal.getMessage());
      return refusal.exitCode();
    }
    throw exception;
  }

  /** Only so that picocli finds the commands; they are static, and need none. */
  @Command
  static final class Group {

    private Group() {}

    @Command(
        name = "sessions",
        description = "Sessions that live: who, where, in which state and for how long.")
    static int sessions(
        @Option(names = "--client", description = "Only of this address.") Optional<String> client,
        @Option(names = "--user", description = "Only of this user.") Optional<String> user,
        @Option(names = "--profile", description = "Only of this profile.")
            Optional<String> profile,
        @Option(names = "--node", description = "Only on this node.") Optional<String> node,
        @Option(
                names = "--state",
                description =
                    "Only in this state: arrived, greeted, queued, busy, idle, finishing, expired.")
            Optional<String> state,
        @Option(
                names = "--sort",
                description =
                    "By id, client, node, processId, state, stateMillis, command, ageMillis,"
                        + " commands, bytesUp or bytesDown; with a dash before it, the largest"
                        + " first.",
                defaultValue = "id")
            String sort,
        @Mixin AdminOptions options)
        throws AdminException {
      String query =
          Stream.of(
                  client.map(value -> "client=" + encode(value)),
                  user.map(value -> "user=" + encode(value)),
                  profile.map(value -> "profile=" + encode(value)),
                  node.map(value -> "node=" + encode(value)),
                  state.map(value -> "state=" + encode(value)),
                  Optional.of("sort=" + encode(sort)))
              .flatMap(Optional::stream)
              .collect(Collectors.joining("&"));
      return show(options, "/api/sessions?" + query, Views::sessions);
    }

    @Command(name = "clients", description = "Clients by address, with sums and how they ended.")
    static int clients(@Mixin AdminOptions options) throws AdminException {
      return show(options, "/api/clients", Views::clients);
    }

    @Command(name = "nodes", description = "Nodes: their health and their R sessions.")
    static int nodes(@Mixin AdminOptions options) throws AdminException {
      return show(options, "/api/nodes", Views::nodes);
    }

    @Command(name = "pool", description = "Who waits, and the R sessions of all nodes together.")
    static int pool(@Mixin AdminOptions options) throws AdminException {
      return show(options, "/api/pool", Views::pool);
    }

    @Command(name = "stats", description = "What happens now, and sums since the start.")
    static int stats(@Mixin AdminOptions options) throws AdminException {
      return show(options, "/api/stats", Views::stats);
    }

    @Command(name = "kill", description = "Ends sessions; their R processes end with them.")
    static int kill(
        @Parameters(paramLabel = "ID", arity = "1..*", description = "As sessions shows it.")
            List<Long> ids,
        @Mixin AdminOptions options)
        throws AdminException {
      for (long id : ids) {
        options.client().request("DELETE", "/api/sessions/" + id);
      }
      return CommandLine.ExitCode.OK;
    }

    @Command(
        name = "drain",
        description = "Takes a node out: no session begins on it, those that run go on.")
    static int drain(
        @Parameters(paramLabel = "NODE", description = "As nodes shows it.") String node,
        @Mixin AdminOptions options)
        throws AdminException {
      return act(options, "/api/nodes/" + encode(node) + "/drain");
    }

    @Command(name = "undrain", description = "Takes a node in again.")
    static int undrain(
        @Parameters(paramLabel = "NODE", description = "As nodes shows it.") String node,
        @Mixin AdminOptions options)
        throws AdminException {
      return act(options, "/api/nodes/" + encode(node) + "/undrain");
    }

    @Command(name = "pause", description = "Holds new sessions in the queue; those that run go on.")
    static int pause(@Mixin AdminOptions options) throws AdminException {
      return act(options, "/api/pause");
    }

    @Command(name = "resume", description = "Lets held sessions go on.")
    static int resume(@Mixin AdminOptions options) throws AdminException {
      return act(options, "/api/resume");
    }

    @Command(
        name = "reload",
        description = "Reads the configuration anew; with a mistake in it nothing changes.")
    static int reload(@Mixin AdminOptions options) throws AdminException {
      String answer = options.client().request("POST", "/api/reload");
      JsonNode changes = new JsonMapper().readTree(answer);
      PrintWriter out = Terminal.out();
      if (options.json()) {
        out.println(answer);
      } else if (changes.isEmpty()) {
        out.println("Nothing is different.");
      } else {
        changes.forEach(change -> out.println(describe(change)));
      }
      out.flush();
      return CommandLine.ExitCode.OK;
    }

    private static String describe(JsonNode change) {
      String with = change.path("with").asString("");
      return "%s: \"%s\" was \"%s\"; it counts %s%s"
          .formatted(
              change.get("setting").asString(),
              change.get("after").asString(),
              change.get("before").asString(),
              switch (change.get("effect").asString()) {
                case "NOW" -> "now";
                case "NEW_TUNNELS" -> "for new tunnels";
                default -> "at the next start";
              },
              with.isEmpty() ? "" : ", with " + with);
    }

    @Command(
        name = "top",
        description = "What happens, again and again: rates, nodes, the sessions longest at work.")
    static int top(
        @Option(
                names = {"-d", "--delay"},
                paramLabel = "SECONDS",
                description = "Between two looks (2).",
                defaultValue = "2")
            double seconds,
        @Option(
                names = {"-n", "--looks"},
                paramLabel = "N",
                description = "How many; without it, until Ctrl-C.",
                defaultValue = "0")
            int looks,
        @Mixin AdminOptions options)
        throws AdminException, InterruptedException {
      Top top = new Top(options.client());
      for (int i = 0; looks == 0 || i < looks; i++) {
        if (i > 0) {
          Thread.sleep((long) (seconds * Top.MILLIS));
        }
        top.look();
      }
      return CommandLine.ExitCode.OK;
    }

    private static int show(
        AdminOptions options, String path, BiFunction<JsonNode, Integer, List<String>> view)
        throws AdminException {
      AdminClient client = options.client();
      PrintWriter out = Terminal.out();
      if (options.json()) {
        out.println(client.request("GET", path));
      } else {
        view.apply(client.get(path), Terminal.width()).forEach(out::println);
      }
      out.flush();
      return CommandLine.ExitCode.OK;
    }

    private static int act(AdminOptions options, String path) throws AdminException {
      options.client().request("POST", path);
      return CommandLine.ExitCode.OK;
    }

    private static String encode(String text) {
      return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
  }
}
