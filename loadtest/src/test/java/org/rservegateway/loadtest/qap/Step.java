package org.rservegateway.loadtest.qap;

import io.gatling.commons.stats.KO$;
import io.gatling.commons.stats.OK$;
import io.gatling.commons.stats.Status;
import io.gatling.commons.util.Clock;
import io.gatling.commons.validation.Success;
import io.gatling.commons.validation.Validation;
import io.gatling.core.action.Action;
import io.gatling.core.session.Session;
import io.gatling.core.structure.ScenarioContext;
import io.gatling.http.action.UnnamedRequestAction;
import java.util.Optional;
import java.util.function.Consumer;
import scala.Option;
import scala.runtime.BoxedUnit;

/**
 * One step of a client as Gatling runs it: it is one line of the report, whatever becomes of it,
 * and then the next step begins.
 */
final class Step extends UnnamedRequestAction {

  private static final String CONNECTION = "qap.connection";

  /** What is done; it has to reply exactly once. */
  @FunctionalInterface
  interface Work {
    Session begin(Session session, Connection connection, Consumer<Reply> reply);
  }

  /** What is wrong with a reply that is no error. */
  @FunctionalInterface
  interface Check {
    Optional<String> mistake(Reply reply);
  }

  private final String name;
  private final Action next;
  private final Clock clock;
  private final Work work;
  private final Check check;
  private final boolean needsConnection;

  Step(
      String name,
      ScenarioContext context,
      Action next,
      boolean needsConnection,
      Work work,
      Check check) {
    super(context.coreComponents().statsEngine());
    this.name = name;
    this.next = next;
    this.clock = context.coreComponents().clock();
    this.needsConnection = needsConnection;
    this.work = work;
    this.check = check;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Action next() {
    return next;
  }

  @Override
  public Clock clock() {
    return clock;
  }

  @Override
  public Validation<BoxedUnit> sendRequest(Session session) {
    long start = clock.nowMillis();
    Connection connection = connectionOf(session);
    if (needsConnection && (connection == null || !connection.isOpen())) {
      // What could not be connected has been counted; what follows would only count it again.
      next.$bang(session.markAsFailed());
      return new Success<>(BoxedUnit.UNIT);
    }
    Session[] after = {session};
    boolean[] begun = {false};
    Consumer<Reply> end = reply -> ended(after[0], start, reply);
    after[0] =
        work.begin(
            session,
            connection,
            reply -> {
              if (begun[0]) {
                end.accept(reply);
              } else {
                // It was so quick that the session is not known yet.
                session.eventLoop().execute(() -> end.accept(reply));
              }
            });
    begun[0] = true;
    return new Success<>(BoxedUnit.UNIT);
  }

  private void ended(Session session, long start, Reply reply) {
    Optional<String> mistake = reply.failure().or(() -> mistake(reply));
    Status status = mistake.isPresent() ? KO$.MODULE$ : OK$.MODULE$;
    long end = clock.nowMillis();
    statsEngine()
        .logResponse(
            session.scenario(),
            session.groups(),
            name,
            start,
            end,
            status,
            Option.empty(),
            Option.apply(mistake.orElse(null)));
    Session counted = session.logGroupRequestTimings(start, end);
    next.$bang(mistake.isPresent() ? counted.markAsFailed() : counted);
  }

  private Optional<String> mistake(Reply reply) {
    try {
      return check.mistake(reply);
    } catch (RuntimeException e) {
      return Optional.of("the answer can't be read: " + e);
    }
  }

  static Session with(Session session, Connection connection) {
    return session.set(CONNECTION, connection);
  }

  static Session without(Session session) {
    return session.remove(CONNECTION);
  }

  private static Connection connectionOf(Session session) {
    Option<Object> found = session.attributes().get(CONNECTION);
    return found.isDefined() ? (Connection) found.get() : null;
  }
}
