package org.rservegateway.gateway.benchmark;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.gateway.pool.Applicant;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.protocol.qap.QapGreeting;

/** Taking a tunnel whose R session waits, and giving it back: each session does that once. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DispatcherBenchmark {

  /** Nodes with four R sessions each that wait. */
  @Param({"1", "10", "100"})
  public int nodes;

  private final Taker taker = new Taker();
  private EmbeddedCluster cluster;
  private SessionDispatcher dispatcher;

  /** Opens the tunnels. */
  @Setup
  public void start() {
    cluster = new EmbeddedCluster(Map.of());
    dispatcher = cluster.dispatcher();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < nodes; i++) {
      names.add("node" + i);
    }
    dispatcher.nodesAre(names);
    cluster.allReady();
  }

  /** Closes them. */
  @TearDown
  public void end() {
    cluster.close();
  }

  /** Both. */
  @Benchmark
  public Lease takeAndGiveBack() {
    dispatcher.enqueue(taker);
    dispatcher.giveBack(taker.lease);
    return taker.lease;
  }

  private static final class Taker implements Applicant {

    private Lease lease;

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
      lease = assigned;
    }
  }
}
