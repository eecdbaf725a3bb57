package org.rservegateway.gateway.cli;

import ch.qos.logback.classic.LoggerContext;
import io.netty.util.NetUtil;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.rservegateway.gateway.Gateway;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.gateway.config.ConfigSource;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.LiveConfig;
import org.rservegateway.gateway.users.Users;
import org.rservegateway.gateway.users.UsersException;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The gateway's command line. */
@Command(
    name = "gateway",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Stands in for one Rserve on port 6311, with a cluster of R nodes behind it.")
public final class Main implements Callable<Integer> {

  private static final int OK = 0;
  private static final int FAILED = 1;
  private static final int BAD_CONFIGURATION = 2;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "What differs from the defaults; config/gateway.yaml shows every setting.")
  private Path config;

  @Option(
      names = "--take-over",
      description =
          "Take the ports over from a gateway that runs, once an R session is ready here; then tell"
              + " the other one to stop (SIGTERM): no client is refused.")
  private boolean takeOver;

  /** Runs the command that {@code arguments} name. */
  public static void main(String[] arguments) {
    CommandLine commands = new CommandLine(new Main());
    OperatorCommands.addTo(commands);
    int code = commands.execute(arguments);
    if (code != OK) {
      System.exit(code);
    }
  }

  /**
   * Runs the gateway until the process is told to end: by SIGTERM, when its sessions have ended or
   * {@code timeouts.drain} is over; by a second one or SIGINT, at once.
   */
  @Override
  public Integer call() {
    Gateway gateway;
    try {
      ConfigSource source = () -> ConfigLoader.load(Optional.ofNullable(config), System.getenv());
      System.setProperty(
          GatewayLog.FORMAT_PROPERTY, source.load().log().format().name().toLowerCase(Locale.ROOT));
      gateway = takeOver ? Gateway.takeOver(source) : Gateway.start(source);
    } catch (ConfigException e) {
      System.err.println(e.getMessage());
      return BAD_CONFIGURATION;
    } catch (IOException e) {
      System.err.println(e.getMessage());
      return FAILED;
    }
    Signals.on("HUP", () -> reload(gateway));
    Signals.on(
        "TERM",
        () -> {
          if (!gateway.drain()) {
            gateway.close();
          }
        });
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    gateway.close();
                  } finally {
                    // Writes what is still queued.
                    ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
                  }
                },
                "shutdown"));
    gateway.awaitClosed();
    return gateway.hasEndedWhole() ? OK : FAILED; // which ends the threads that are left, too
  }

  private static void reload(Gateway gateway) {
    try {
      gateway.reload();
    } catch (ConfigException e) {
      // The gateway's log tells of it; whoever sends a signal hears no answer.
    }
  }

  @Command(name = "check-config", description = "Says what is wrong with a configuration file.")
  int checkConfig(
      @Parameters(paramLabel = "FILE") Path file,
      @Option(
              names = "--client",
              paramLabel = "ADDRESS",
              description = "Say which profile a client of this address gets.")
          String client,
      @Option(names = "--user", paramLabel = "NAME", description = "... with this name.")
          String user,
      @Option(names = "--tls", description = "... by TLS.") boolean tls) {
    try {
      GatewayConfig config = ConfigLoader.load(Optional.of(file), System.getenv());
      if (client == null) {
        System.out.println(file + ": all right");
        return OK;
      }
      byte[] address = NetUtil.createByteArrayFromIpAddressString(client);
      if (address == null) {
        System.err.printf("--client: \"%s\" is no address%n", client);
        return BAD_CONFIGURATION;
      }
      System.out.println(
          config
              .profiles()
              .of(InetAddress.getByAddress(address), user == null ? "" : user, tls)
              .map(profile -> "profile " + profile.name())
              .orElse("no profile: the general settings"));
      return OK;
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // four or sixteen bytes are an address
    } catch (ConfigException e) {
      System.err.println(e.getMessage());
      return BAD_CONFIGURATION;
    }
  }

  @Command(
      name = "print-config",
      description =
          "Prints the settings that a gateway would start with: what the environment says, else the"
              + " file, else the default. Secrets are hidden, but where they are asked for by name.")
  int printConfig(
      @Option(names = "--config", paramLabel = "FILE", description = "As for the gateway.")
          Path file,
      @Parameters(
              paramLabel = "NAME",
              arity = "0..*",
              description = "Only the values of these, such as listen.port, one a line.")
          List<String> names) {
    try {
      LiveConfig config =
          new LiveConfig(ConfigLoader.load(Optional.ofNullable(file), System.getenv()));
      if (names == null || names.isEmpty()) {
        config.inUse().forEach(each -> System.out.println(each.setting() + ": " + each.value()));
        return OK;
      }
      List<String> unknown = names.stream().filter(name -> config.valueOf(name).isEmpty()).toList();
      if (!unknown.isEmpty()) {
        System.err.println("no such setting: " + String.join(", ", unknown));
        return BAD_CONFIGURATION;
      }
      names.forEach(name -> System.out.println(config.valueOf(name).orElseThrow()));
      return OK;
    } catch (ConfigException e) {
      System.err.println(e.getMessage());
      return BAD_CONFIGURATION;
    }
  }

  @Command(
      name = "hash-password",
      description =
          "Reads a password, and prints a user's line for the file that auth.users names.")
  int hashPassword(@Parameters(paramLabel = "NAME") String name) throws IOException {
    // A line of standard input; ./rcloud asks for it where that is a terminal, without showing it.
    String line =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
    char[] password = line == null ? new char[0] : line.toCharArray();
    try {
      System.out.println(Users.line(name, password));
      return OK;
    } catch (UsersException e) {
      System.err.println(e.getMessage());
      return FAILED;
    }
  }

  /** What the build wrote into the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"gateway " + (version == null ? "(not from a jar)" : version)};
    }
  }
}
