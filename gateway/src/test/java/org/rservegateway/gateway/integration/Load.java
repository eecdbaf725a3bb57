package org.rservegateway.gateway.integration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Clients that open session after session and evaluate in each: every session checks that it gets
 * its own numbers back, and whatever goes wrong is counted by what the client got.
 */
final class Load implements AutoCloseable {

  private static final int EVALUATIONS = 3;

  private final int port;
  private final AtomicBoolean stopped = new AtomicBoolean();
  private final AtomicInteger left;
  private final AtomicInteger done = new AtomicInteger();
  private final Map<String, Integer> failures = new ConcurrentHashMap<>();
  private final List<Thread> threads = new ArrayList<>();

  private Load(int port, int clients, int sessions) {
    this.port = port;
    this.left = new AtomicInteger(sessions);
    for (int i = 0; i < clients; i++) {
      Thread thread = new Thread(this::work, "client-" + i);
      threads.add(thread);
      thread.start();
    }
  }

  /** Clients that go on until they are stopped. */
  static Load untilStopped(int port, int clients) {
    return new Load(port, clients, Integer.MAX_VALUE);
  }

  /** As many sessions by as many clients at a time; returns when all are done. */
  static Load of(int port, int clients, int sessions) throws InterruptedException {
    Load load = new Load(port, clients, sessions);
    for (Thread thread : load.threads) {
      thread.join();
    }
    return load;
  }

  private void work() {
    while (!stopped.get()) {
      int session = left.getAndDecrement();
      if (session <= 0) {
        return;
      }
      String failure = session(session);
      if (failure == null) {
        done.incrementAndGet();
      } else {
        failures.merge(failure, 1, Integer::sum);
      }
    }
  }

  private String session(int number) {
    try (RawClient client = new RawClient(port)) {
      for (int i = 0; i < EVALUATIONS; i++) {
        RawClient.Answer answer = client.eval("x <- %d + %d".formatted(number, i));
        if (!answer.isOk()) {
          return "error 0x%x: %s".formatted(answer.error(), answer.text().strip());
        }
        if (answer.asDouble() != number + i) {
          return "WRONG: " + answer.asDouble() + " for " + (number + i);
        }
      }
      return null;
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Sessions that went well. */
  int done() {
    return done.get();
  }

  /** What went wrong, and how often. */
  Map<String, Integer> failures() {
    return failures;
  }

  @Override
  public void close() throws InterruptedException {
    stopped.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
  }
}
