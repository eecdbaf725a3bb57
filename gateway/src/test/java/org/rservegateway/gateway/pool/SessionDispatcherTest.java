package org.rservegateway.gateway.pool;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.gateway.backend.RSessionListener;
import org.rservegateway.gateway.backend.Tunnel;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.tunnel.TunnelMessage;

class SessionDispatcherTest {

  private final EmbeddedCluster cluster =
      new EmbeddedCluster(Map.of("RCLOUD_POOL_WARM", "2", "RCLOUD_POOL_MAXSESSIONSPERNODE", "4"));
  private final SessionDispatcher dispatcher = cluster.dispatcher();

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void warmTunnelsAreOpenedToEachNode() {
    dispatcher.nodesAre(Set.of("a", "b"));

    assertThat(cluster.open("a")).hasSize(2);
    assertThat(cluster.open("b")).hasSize(2);
  }

  @Test
  void takenTunnelIsReplacedUntilTheNodeIsFull() {
    readyNodes("a");

    take();
    assertThat(cluster.open("a")).hasSize(3);
    take();
    assertThat(cluster.open("a")).hasSize(4);
    cluster.allReady();
    take();

    assertThat(cluster.open("a")).hasSize(4);
    assertThat(dispatcher.tunnels().get("a"))
        .isEqualTo(new SessionDispatcher.TunnelCounts(3, 1, 0));
  }

  @Test
  void sessionsGoToTheNodeWithTheFewest() {
    readyNodes("a", "b");

    List<String> taken = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      taken.add(take().tunnel.node().name());
    }

    assertThat(taken).containsExactly(taken.get(0), taken.get(1), taken.get(0), taken.get(1));
    assertThat(taken.get(0)).isNotEqualTo(taken.get(1));
  }

  @Test
  void sessionsOfOtherGatewaysCount() {
    dispatcher.nodesAre(Set.of("a", "b"));
    cluster.open("a").forEach(far -> far.ready(EmbeddedCluster.OPEN_GREETING, 5));
    cluster.open("b").forEach(Far::ready);

    assertThat(take().tunnel.node().name()).isEqualTo("b");
    assertThat(take().tunnel.node().name()).isEqualTo("b");
  }

  @Test
  void nodeWithoutAnRSessionThatWaitsIsPassedOver() {
    dispatcher.nodesAre(Set.of("a", "b"));
    cluster.open("b").forEach(Far::ready);

    assertThat(take().tunnel.node().name()).isEqualTo("b");
    assertThat(take().tunnel.node().name()).isEqualTo("b");
    assertThat(apply().tunnel).isNull();
  }

  @Test
  void whoMayHaveSomeNodesOnlyWaitsForTheseAndLetsOthersPass() {
    dispatcher.nodesAre(Set.of("a", "b"));
    cluster.open("a").forEach(Far::ready);
    Waiting onlyB = new Waiting(List.of("b"));
    assertThat(dispatcher.enqueue(onlyB)).isTrue();

    assertThat(take().tunnel.node().name()).isEqualTo("a");
    assertThat(onlyB.tunnel).isNull();
    cluster.open("b").get(0).ready();

    assertThat(onlyB.tunnel.node().name()).isEqualTo("b");
  }

  @Test
  void thoseWhoWaitAreServedInOrder() {
    dispatcher.nodesAre(Set.of("a"));
    Waiting first = apply();
    Waiting second = apply();
    Waiting third = apply();

    cluster.tunnels().get(0).ready();
    cluster.tunnels().get(1).ready();

    assertThat(first.tunnel).isSameAs(cluster.tunnels().get(0).tunnel());
    assertThat(second.tunnel).isSameAs(cluster.tunnels().get(1).tunnel());
    assertThat(third.tunnel).isNull();
  }

  @Test
  void whoMayHaveWhatIsFreeIsServedInOrderAmongTheOthers() {
    dispatcher.nodesAre(Set.of("a", "b"));
    Waiting onlyB = new Waiting(List.of("b"));
    Waiting any = new Waiting();
    Waiting alsoB = new Waiting(List.of("b"));
    List.of(onlyB, any, alsoB).forEach(dispatcher::enqueue);

    cluster.open("b").get(0).ready();
    assertThat(onlyB.tunnel).isNotNull();
    assertThat(any.tunnel).isNull();
    cluster.open("b").get(1).ready();
    assertThat(any.tunnel).isNotNull();
    assertThat(alsoB.tunnel).isNull();
    cluster.open("a").get(0).ready();
    assertThat(alsoB.tunnel).isNull();
    cluster.open("b").get(2).ready();

    assertThat(alsoB.tunnel).isNotNull();
    assertThat(dispatcher.waiting()).isZero();
  }

  @Test
  void whoWaitsMayHaveOtherNodesAfterAReload() {
    dispatcher.nodesAre(Set.of("a", "b"));
    List<String> nodes = new ArrayList<>(List.of("b"));
    Waiting waiting = new Waiting(nodes);
    dispatcher.enqueue(waiting);
    cluster.open("a").get(0).ready();
    assertThat(waiting.tunnel).isNull();

    nodes.set(0, "a");
    dispatcher.maintain();

    assertThat(waiting.tunnel.node().name()).isEqualTo("a");
  }

  /** Who waits is looked at when its turn comes, and not at each change. */
  @Test
  void changesAreCheapHoweverManyWait() {
    EmbeddedCluster large = new EmbeddedCluster(Map.of("RCLOUD_LIMITS_QUEUE", "100000"));
    large.dispatcher().nodesAre(Set.of("a"));
    List<Counted> crowd = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      crowd.add(new Counted(i % 3 == 0 ? List.of("b") : List.of()));
      assertThat(large.dispatcher().enqueue(crowd.get(i))).isTrue();
    }

    for (Counted counted : crowd) {
      assertThat(large.dispatcher().withdraw(counted)).isTrue();
    }

    assertThat(crowd).allSatisfy(counted -> assertThat(counted.asked).isLessThanOrEqualTo(4));
    assertThat(large.dispatcher().waiting()).isZero();
    large.close();
  }

  /** How often somebody who waits was looked at. */
  private static final class Counted implements Applicant {

    private final List<String> nodes;
    private int asked;

    Counted(List<String> nodes) {
      this.nodes = nodes;
    }

    @Override
    public List<String> nodes() {
      asked++;
      return nodes;
    }

    @Override
    public boolean wantsGreeting() {
      asked++;
      return false;
    }

    @Override
    public void greetingKnown(QapGreeting greeting) {
      throw new AssertionError("it has one");
    }

    @Override
    public void assigned(Lease lease) {
      throw new AssertionError("there is none");
    }
  }

  @Test
  void whoComesBackIsServedFirst() {
    dispatcher.nodesAre(Set.of("a"));
    Waiting waiting = apply();
    Waiting again = new Waiting();
    dispatcher.enqueueAgain(again);

    cluster.tunnels().get(0).ready();

    assertThat(again.tunnel).isNotNull();
    assertThat(waiting.tunnel).isNull();
  }

  @Test
  void tunnelComesBackOnlyWithAnotherRSession() {
    readyNodes("a");
    Waiting session = take();
    Far far = farOf(session);
    session.tunnel.serve(session.lease, session);

    session.tunnel.end(session, "done");
    far.message();
    assertThat(far.tunnel().isReady()).isFalse();
    assertThat(dispatcher.tunnels().get("a").inUse()).isEqualTo(1);
    far.ended(true);
    assertThat(dispatcher.tunnels().get("a").inUse()).isEqualTo(1);
    far.ready();

    assertThat(dispatcher.tunnels().get("a").inUse()).isZero();
  }

  @Test
  void aLeaseIsNoGoodForTheNextRSession() {
    readyNodes("a");
    Waiting slow = take();
    Far far = farOf(slow);
    far.ended(false);
    far.message();
    far.ready();
    List<Waiting> others = List.of(take(), take());
    Waiting other =
        others.stream().filter(one -> one.tunnel == slow.tunnel).findAny().orElseThrow();

    assertThat(slow.tunnel.serve(slow.lease, slow)).isNull();
    dispatcher.giveBack(slow.lease);

    assertThat(dispatcher.tunnels().get("a").inUse()).isEqualTo(2);
    assertThat(other.tunnel.serve(other.lease, other).session()).isEqualTo(2);
    assertThat(slow.tunnel.serve(slow.lease, slow)).isNull();
  }

  @Test
  void aLeaseThatComesBackAfterTheNextRSessionWasAnnouncedChangesNothing() {
    readyNodes("a");
    Waiting slow = take();
    Far far = farOf(slow);
    far.ended(false);
    far.message();
    far.ready();
    SessionDispatcher.TunnelCounts before = dispatcher.tunnels().get("a");
    assertThat(before.inUse()).isZero();

    dispatcher.giveBack(slow.lease);

    assertThat(dispatcher.tunnels().get("a")).isEqualTo(before);
  }

  @Test
  void aLeaseIsUsedOrGivenBackOnce() {
    readyNodes("a");
    Waiting session = take();
    assertThat(session.tunnel.serve(session.lease, session)).isNotNull();

    dispatcher.giveBack(session.lease);
    assertThat(dispatcher.tunnels().get("a").inUse()).isEqualTo(1);

    Waiting gone = take();
    dispatcher.giveBack(gone.lease);
    assertThat(gone.tunnel.serve(gone.lease, gone)).isNull();
    assertThat(dispatcher.tunnels().get("a").inUse()).isEqualTo(1);
  }

  @Test
  void tunnelGivenBackUnusedServesTheNext() {
    readyNodes("a");
    Waiting gone = take();

    dispatcher.giveBack(gone.lease);

    assertThat(dispatcher.tunnels().get("a"))
        .isEqualTo(new SessionDispatcher.TunnelCounts(0, 2, 1));
  }

  @Test
  void rSessionThatDiedWhileItWaitedIsNotHandedOut() {
    readyNodes("a");
    for (Far far : cluster.open("a")) {
      far.ended(false);
      far.message();
    }

    Waiting waiting = apply();
    assertThat(waiting.tunnel).isNull();
    cluster.tunnels().get(1).ready();

    assertThat(waiting.tunnel).isSameAs(cluster.tunnels().get(1).tunnel());
  }

  @Test
  void nodeThatFailsIsTriedAgainOnceAndEverLater() {
    dispatcher.nodesAre(Set.of("a"));
    cluster.open("a").forEach(Far::breaks);
    assertThat(cluster.open("a")).isEmpty();

    long before = 0;
    for (int failure = 1; failure <= 8; failure++) {
      long waited = 0;
      while (cluster.open("a").isEmpty()) {
        cluster.pass(Duration.ofMillis(5));
        waited += 5;
      }
      assertThat(cluster.open("a")).as("one try, not a crowd").hasSize(1);
      long longest = Math.min(5_000, 250L << (failure - 1));
      assertThat(waited).isBetween(longest / 2, longest + 5);
      assertThat(waited).isGreaterThan(Math.min(before, 2_400) / 3);
      before = waited;
      cluster.open("a").forEach(Far::breaks);
    }
  }

  @Test
  void nodeThatIsBackHasItsWarmTunnelsAgain() {
    dispatcher.nodesAre(Set.of("a"));
    cluster.open("a").forEach(Far::breaks);
    cluster.pass(Duration.ofSeconds(1));

    cluster.open("a").get(0).ready();

    assertThat(cluster.open("a")).hasSize(2);
    assertThat(dispatcher.describe()).doesNotContain("failing");
  }

  @Test
  void descriptionSaysWhatFailed() {
    dispatcher.nodesAre(Set.of("a"));
    cluster.open("a").get(0).says(new TunnelMessage.Failed(1, "no Rserve"));

    assertThat(dispatcher.describe())
        .isEqualTo(
            "0 waiting; node a: 0 in use, 0 ready, 1 opening, failing: the node can't open an R"
                + " session: no Rserve");
  }

  @Test
  void nodeThatLeftKeepsItsSessionsAndGetsNoMore() {
    readyNodes("a", "b");
    Waiting one = take();
    Waiting other = take();
    Waiting onA = one.tunnel.node().name().equals("a") ? one : other;
    onA.tunnel.serve(onA.lease, onA);

    dispatcher.nodesAre(Set.of("b"));

    assertThat(cluster.open("a")).extracting(Far::tunnel).containsExactly(onA.tunnel);
    Far far = farOf(onA);
    onA.tunnel.end(onA, "done");
    far.message();
    far.ended(true);
    far.ready();
    assertThat(far.channel().isOpen()).isFalse();
    assertThat(cluster.open("a")).isEmpty();
  }

  @Test
  void nodeThatJoinsServesThoseWhoWait() {
    Waiting waiting = apply();

    dispatcher.nodesAre(Set.of("late"));
    cluster.allReady();

    assertThat(waiting.tunnel.node().name()).isEqualTo("late");
  }

  @Test
  void proxyWithoutAListOfNodesIsOneNode() {
    dispatcher.nodesAreAnonymous();
    dispatcher.nodesAreAnonymous();
    cluster.allReady();

    assertThat(cluster.tunnels()).hasSize(2);
    assertThat(take().tunnel.node().tunnelPath()).isEqualTo("/tunnel");
  }

  @Test
  void tunnelsOfABurstAreKeptForAWhileAndThenClosed() {
    readyNodes("a");
    List<Waiting> sessions = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      sessions.add(take());
      cluster.allReady();
    }
    for (Waiting session : sessions) {
      dispatcher.giveBack(session.lease);
    }
    assertThat(dispatcher.tunnels().get("a").ready()).isEqualTo(4);

    cluster.pass(TunnelPool.SURPLUS_KEPT.minusMillis(1));
    assertThat(cluster.open("a")).hasSize(4);
    cluster.pass(Duration.ofMillis(1));
    assertThat(cluster.open("a")).hasSize(2);
  }

  @Test
  void tunnelThatIsTooOldIsReplaced() {
    readyNodes("a");
    List<Far> old = cluster.open("a");

    cluster.pass(Duration.ofHours(1));

    assertThat(old).noneMatch(far -> far.channel().isOpen());
    assertThat(cluster.open("a")).hasSize(2);
  }

  @Test
  void queueHasABound() {
    EmbeddedCluster small =
        new EmbeddedCluster(Map.of("RCLOUD_LIMITS_QUEUE", "2", "RCLOUD_POOL_WARM", "0"));

    assertThat(small.dispatcher().enqueue(new Waiting())).isTrue();
    assertThat(small.dispatcher().enqueue(new Waiting())).isTrue();
    assertThat(small.dispatcher().enqueue(new Waiting())).isFalse();
    small.close();
  }

  @Test
  void withoutWarmTunnelsOneIsOpenedOnDemand() {
    EmbeddedCluster cold = new EmbeddedCluster(Map.of("RCLOUD_POOL_WARM", "0"));
    cold.dispatcher().nodesAre(Set.of("a"));
    assertThat(cold.tunnels()).isEmpty();
    Waiting waiting = new Waiting();

    cold.dispatcher().enqueue(waiting);
    assertThat(cold.tunnels()).hasSize(1);
    cold.allReady();

    assertThat(waiting.tunnel).isNotNull();
    cold.close();
  }

  private void readyNodes(String... names) {
    dispatcher.nodesAre(Set.of(names));
    cluster.allReady();
  }

  private Waiting apply() {
    Waiting waiting = new Waiting();
    assertThat(dispatcher.enqueue(waiting)).isTrue();
    return waiting;
  }

  private Waiting take() {
    Waiting waiting = apply();
    assertThat(waiting.tunnel).isNotNull();
    return waiting;
  }

  private Far farOf(Waiting session) {
    return cluster.tunnels().stream()
        .filter(far -> far.tunnel() == session.tunnel)
        .findAny()
        .orElseThrow();
  }

  /** A session that has its greeting and waits for a tunnel. */
  private static final class Waiting implements Applicant, RSessionListener {

    private final List<String> nodes;
    private Tunnel tunnel;
    private Lease lease;

    Waiting() {
      this(List.of());
    }

    Waiting(List<String> nodes) {
      this.nodes = nodes;
    }

    @Override
    public List<String> nodes() {
      return nodes;
    }

    @Override
    public boolean wantsGreeting() {
      return false;
    }

    @Override
    public void greetingKnown(QapGreeting greeting) {
      throw new AssertionError("it has one");
    }

    @Override
    public void assigned(Lease assigned) {
      assertThat(lease).isNull();
      lease = assigned;
      tunnel = assigned.tunnel();
    }

    @Override
    public void received(ByteBuf bytes) {
      bytes.release();
    }

    @Override
    public void receiveCompleted() {}

    @Override
    public void writabilityChanged() {}

    @Override
    public void ended(boolean reachedR, String reason) {}

    @Override
    public void lost(String reason) {}
  }
}
