package org.rservegateway.gateway.session;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.driver.FuzzedDataProviderImpl;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.handler.timeout.IdleStateEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.RSessionListener;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/**
 * Whatever clients, nodes, operators and the clock do, in any order: a client reads R's bytes and
 * well-formed answers, each command is evaluated once at most and answered once and in its order,
 * no denied one reaches R, and when all have left nothing is left of them.
 */
class ClientSessionFuzzTest {

  private static final int MOST_STEPS = 200;
  private static final int DRAWN_RUNS = 150;
  private static final int DRAWN_BYTES = 1_500;
  private static final int MOST_CLIENTS = 4;
  private static final int MOST_PAYLOAD = 60;
  private static final int MOST_JUNK = 40;

  /** Around what a read, a frame, a buffer and a payload that is copied may have, by 16 bytes. */
  private static final int[] BOUNDS = {
    0, 1, 15, 16, 17, 1_007, 1_008, 1_023, 1_024, 1_025, 4_096, 16_384, 65_519, 65_520, 65_521,
    65_535, 65_536, 65_537, 65_552, 131_072, 262_144
  };

  private static final long[] ANNOUNCED = {
    (1 << 24) - 1, 1 << 24, (1L << 32) - 1, 1L << 32, (1L << 32) + 1, Long.MAX_VALUE, -1
  };
  private static final Duration LONGER_THAN_ALL_TIMEOUTS = Duration.ofHours(6);

  /** It closes a tunnel whose handling threw, and says so only there. */
  private static final String TUNNEL_LOGGER = "org.rservegateway.gateway.backend.TunnelHandler";

  private static final QapGreeting LOGIN_GREETING =
      QapGreeting.of("Rsrv0103QAP1ARuc\r\n----------\r\n\r\n".getBytes(ISO_8859_1));

  private static final int[] COMMANDS = {
    QapCommand.EVAL.code(),
    QapCommand.VOID_EVAL.code(),
    QapCommand.LOGIN.code(),
    QapCommand.SERIALIZED_EVAL.code(),
    QapCommand.SERIALIZED_ASSIGN.code(),
    QapCommand.SHUTDOWN.code(),
    QapCommand.CONTROL_EVAL.code(),
    QapCommand.DETACH_SESSION.code(),
    QapCommand.SWITCH.code(),
    QapCommand.SET_BUFFER_SIZE.code(),
    QapCommand.SERIALIZED_ASSIGN.code(),
    0x04f, // a control command without a name
    0x999 // no command at all
  };

  private static final Map<String, String> SETTINGS =
      Map.of(
          "RCLOUD_POOL_WARM", "1",
          "RCLOUD_POOL_MAXSESSIONSPERNODE", "2",
          "RCLOUD_LIMITS_SESSIONS", "3",
          "RCLOUD_LIMITS_QUEUE", "1",
          "RCLOUD_LIMITS_PACKET", "50B",
          "RCLOUD_LIMITS_ASSIGN", "55B",
          "RCLOUD_TIMEOUTS_EVALUATION", "2h",
          "RCLOUD_TIMEOUTS_LIFETIME", "5h");

  @FuzzTest
  void anyEventsInAnyOrderKeepThePromises(FuzzedDataProvider data) {
    run(data, data.consumeBoolean());
  }

  /** The same without a fuzzer, on one event loop and on one for each tunnel. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void drawnEventsKeepThePromises(boolean manyLoops) {
    for (int seed = 0; seed < DRAWN_RUNS; seed++) {
      byte[] drawn = new byte[DRAWN_BYTES];
      new Random(seed).nextBytes(drawn);
      try (FuzzedDataProviderImpl data = FuzzedDataProviderImpl.withJavaData(drawn)) {
        run(data, manyLoops);
      } catch (RuntimeException | Error e) {
        throw new AssertionError("with seed " + seed, e);
      }
    }
  }

  private static void run(FuzzedDataProvider data, boolean manyLoops) {
    BufferBalance buffers = new BufferBalance();
    try (LoggedFaults faults = new LoggedFaults(TUNNEL_LOGGER)) {
      Run run = new Run(data, manyLoops);
      for (int i = 0; i < MOST_STEPS && data.remainingBytes() > 0; i++) {
        run.step();
        run.live();
      }
      run.end();
      faults.assertNone();
    }
    buffers.assertEven();
  }

  /** One cluster from its start to its end. */
  private static final class Run {

    private final FuzzedDataProvider data;
    private final boolean clientsKeepToQap;
    private final boolean nodesKeepToProtocol;
    private final QapGreeting greeting;
    private final EmbeddedCluster cluster;
    private final List<SimulatedClient> clients = new ArrayList<>();
    private final List<SimulatedNode> nodes = new ArrayList<>();
    private final Set<Integer> evaluated = new HashSet<>();
    private final Set<Integer> usedAsAnswers = new HashSet<>();
    private final Map<Integer, Integer> responses = new HashMap<>();
    private final boolean large;

    Run(FuzzedDataProvider data, boolean manyLoops) {
      this.data = data;
      clientsKeepToQap = data.consumeBoolean();
      nodesKeepToProtocol = data.consumeBoolean();
      greeting = data.consumeBoolean() ? EmbeddedCluster.OPEN_GREETING : LOGIN_GREETING;
      Map<String, String> settings = new HashMap<>(SETTINGS);
      large = data.consumeBoolean();
      settings.put("RCLOUD_LIMITS_PACKET", large ? "0" : "50B");
      settings.put("RCLOUD_ONCLIENTGONE", data.consumeBoolean() ? "kill" : "finish");
      cluster = new EmbeddedCluster(settings, manyLoops);
      cluster.dispatcher().nodesAre(Set.of("a"));
    }

    private boolean allKeepToProtocols() {
      return clientsKeepToQap && nodesKeepToProtocol;
    }

    private int payload() {
      return large && data.consumeInt(0, 3) == 0
          ? data.pickValue(BOUNDS)
          : data.consumeInt(0, MOST_PAYLOAD);
    }

    private int portion() {
      return large ? Math.max(1, data.pickValue(BOUNDS)) : data.consumeInt(1, MOST_JUNK);
    }

    /** What R answers with 0, 1 or 2 responses; a node that breaks QAP1 knows only one. */
    private int command() {
      int command = data.pickValue(COMMANDS);
      boolean special = ResponseCount.of(command) != ResponseCount.ONE;
      return special && !nodesKeepToProtocol ? QapCommand.EVAL.code() : command;
    }

    void step() {
      switch (data.consumeInt(0, 8)) {
        case 8 -> cluster.arrive();
        case 0 -> clientArrives();
        case 1, 2, 3 -> clientDoes();
        case 4, 5, 6 -> nodeDoes();
        default -> othersDo();
      }
    }

    private void clientArrives() {
      if (clients.size() < MOST_CLIENTS) {
        clients.add(new SimulatedClient(cluster, clients.size() + 1, allKeepToProtocols()));
      }
    }

    private void clientDoes() {
      if (clients.isEmpty()) {
        return;
      }
      SimulatedClient client = clients.get(data.consumeInt(0, clients.size() - 1));
      switch (data.consumeInt(0, 7)) {
        case 0, 1 -> {
          client.writesPacket(command(), payload());
          client.sends(Integer.MAX_VALUE);
        }
        case 2 -> client.writesPacket(command(), payload());
        case 3 -> client.sends(portion());
        case 4 -> client.reads(data.consumeBoolean());
        case 5 -> client.leaves();
        case 6 -> client.session().endByOperator();
        default -> {
          if (!clientsKeepToQap) {
            if (data.consumeBoolean()) {
              client.announces(command(), data.pickValue(ANNOUNCED));
            }
            client.writes(data.consumeBytes(data.consumeInt(1, MOST_JUNK)));
          }
        }
      }
    }

    private void nodeDoes() {
      if (nodes.isEmpty()) {
        return;
      }
      SimulatedNode node = nodes.get(data.consumeInt(0, nodes.size() - 1));
      switch (data.consumeInt(0, 12)) {
        case 12 -> {
          node.rReads();
          node.rFails();
        }
        case 0, 1 -> node.becomesReady(greeting);
        case 2 -> node.rReads();
        case 3 -> {
          node.rReads();
          node.rAnswers(payload());
          node.sends(Integer.MAX_VALUE);
        }
        case 4 -> node.rAnswers(payload());
        case 5 -> node.rSpeaksOutOfBand(data.consumeBoolean());
        case 6 -> node.sends(portion());
        case 7 -> node.rEnds();
        case 8 -> node.takesBytes(data.consumeBoolean());
        case 9 -> node.breaks();
        case 10 -> node.far().channel().pipeline().fireUserEventTriggered(silence());
        default -> nodeBreaksProtocol(node);
      }
    }

    private IdleStateEvent silence() {
      return data.consumeBoolean()
          ? IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT
          : IdleStateEvent.READER_IDLE_STATE_EVENT;
    }

    private void nodeBreaksProtocol(SimulatedNode node) {
      if (nodesKeepToProtocol) {
        return;
      }
      byte[] bytes = data.consumeBytes(data.consumeInt(0, MOST_JUNK));
      switch (data.consumeInt(0, 2)) {
        case 0 -> node.says(new String(bytes, UTF_8));
        case 1 -> node.sendsOutOfTurn(bytes);
        default -> node.rSays(bytes);
      }
    }

    private void othersDo() {
      switch (data.consumeInt(0, 4)) {
        case 0 -> cluster.pass(Duration.ofMillis(data.consumeInt(1, 1_000_000)));
        case 1 -> cluster.pass(Duration.ofMinutes(data.consumeInt(1, 200)));
        case 2 -> cluster.dispatcher().setPaused(data.consumeBoolean());
        case 3 -> cluster.dispatcher().setDraining("a", data.consumeBoolean());
        default ->
            cluster
                .dispatcher()
                .nodesAre(data.pickValue(List.of(Set.of("a"), Set.of("a", "b"), Set.of("b"))));
      }
    }

    /** Lets everybody do what follows from the last event. */
    void live() {
      for (int i = nodes.size(); i < cluster.tunnels().size(); i++) {
        nodes.add(
            new SimulatedNode(
                cluster.tunnels().get(i),
                allKeepToProtocols(),
                evaluated,
                usedAsAnswers,
                responses,
                this::sentByR));
      }
      nodes.forEach(SimulatedNode::live);
      clients.forEach(SimulatedClient::live);
      nodes.forEach(SimulatedNode::live);
    }

    private void sentByR(RSessionListener listener, byte[] bytes) {
      clients.stream()
          .filter(client -> client.isServedBy(listener))
          .forEach(client -> client.transcript().sentByR(bytes));
    }

    void end() {
      allArrive();
      assertAllArrived();
      if (allKeepToProtocols()) {
        finishWork();
        assertAllAnswered();
      }
      clients.forEach(SimulatedClient::leaves);
      live();
      allArrive();
      cluster.pass(LONGER_THAN_ALL_TIMEOUTS);
      live();
      assertNobodyIsLeft();
      cluster.close();
      clients.forEach(SimulatedClient::release);
      nodes.forEach(SimulatedNode::release);
    }

    private void allArrive() {
      while (cluster.arriving() > 0) {
        cluster.arrive();
        live();
      }
    }

    /** Everybody reads, and goes on until there is nothing left to do. */
    private void finishWork() {
      cluster.dispatcher().setPaused(false);
      clients.forEach(client -> client.reads(true));
      nodes.forEach(node -> node.takesBytes(true));
      for (int i = 0; i < MOST_STEPS; i++) {
        clients.forEach(client -> client.sends(Integer.MAX_VALUE));
        for (SimulatedNode node : List.copyOf(nodes)) {
          node.becomesReady(greeting);
          node.rReads();
          node.rAnswers(0);
          node.sends(Integer.MAX_VALUE);
        }
        live();
        allArrive();
      }
    }

    private void assertAllAnswered() {
      for (SimulatedClient client : clients) {
        boolean isAsked =
            nodes.stream().anyMatch(node -> node.asks() && client.isServedBy(node.far().serves()));
        if (!isAsked) {
          client.assertAllAnswered(usedAsAnswers, responses);
        }
      }
    }

    /** What R sent for a client that it serves is there, to the last byte. */
    private void assertAllArrived() {
      for (SimulatedNode node : nodes) {
        RSessionListener listener = node.far().serves();
        clients.stream()
            .filter(client -> client.isServedBy(listener) && client.isConnected())
            .forEach(client -> assertThat(client.transcript().isComplete()).isTrue());
      }
    }

    private void assertNobodyIsLeft() {
      SessionRegistry registry = cluster.sessions().registry();
      assertThat(registry.all()).isEmpty();
      assertThat(registry.admitted()).isZero();
      assertThat(registry.finishing()).isZero();
      assertThat(cluster.dispatcher().waiting()).isZero();
      assertThat(cluster.tunnels()).allSatisfy(far -> assertThat(far.serves()).isNull());
      if (nodesKeepToProtocol) {
        nodes.forEach(node -> node.becomesReady(greeting));
        live();
        assertThat(cluster.dispatcher().tunnels().values())
            .allSatisfy(counts -> assertThat(counts.inUse()).isZero());
      } else {
        nodes.forEach(SimulatedNode::breaks);
        live();
      }
    }
  }
}
