package org.rservegateway.loadtest.qap;

import io.gatling.javaapi.core.ActionBuilder;
import io.gatling.netty.util.Transports;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import java.time.Duration;
import java.util.Optional;

/**
 * QAP1 for simulations: the steps of an R client. Each is a line of the report by its name; a step
 * that fails marks the user as failed. Without a connection, steps that need one are passed over.
 */
public final class Qap {

  /** Two headers of eight bytes, the vector's length, and what fills the last four. */
  private static final int MOST_OVERHEAD_BYTES = 24;

  private final String host;
  private final int port;
  private final long timeoutMillis;

  /**
   * Clients of one port.
   *
   * @param timeout that one step may take
   */
  public Qap(String host, int port, Duration timeout) {
    this.host = host;
    this.port = port;
    this.timeoutMillis = timeout.toMillis();
  }

  /** Connects, until the greeting has come. */
  public ActionBuilder connect(String name) {
    return () ->
        (context, next) -> {
          var netty = context.coreComponents().configuration().netty();
          ChannelFactory<? extends Channel> channels =
              Transports.newSocketChannelFactory(netty.useNativeTransport(), netty.useIoUring());
          return new Step(
              name,
              context,
              next,
              false,
              (session, none, reply) ->
                  Step.with(
                      session,
                      Connection.open(
                          session.eventLoop(), channels, host, port, timeoutMillis, reply)),
              reply -> Optional.empty());
        };
  }

  /** Has R evaluate {@code expression}, whose answer may be anything but an error. */
  public ActionBuilder eval(String name, String expression) {
    return eval(name, expression, reply -> Optional.empty());
  }

  /** Has R evaluate {@code expression}, whose answer has to be this number. */
  public ActionBuilder eval(String name, String expression, double answer) {
    return eval(
        name,
        expression,
        reply ->
            reply.number() == answer
                ? Optional.empty()
                : Optional.of("%s is %s".formatted(expression, reply.number())));
  }

  /** Has R send so many bytes, the value of {@code expression}. */
  public ActionBuilder download(String name, String expression, int bytes) {
    return eval(
        name,
        expression,
        reply ->
            reply.length() >= bytes && reply.length() <= bytes + MOST_OVERHEAD_BYTES
                ? Optional.empty()
                : Optional.of("%d bytes in place of %d".formatted(reply.length(), bytes)));
  }

  private ActionBuilder eval(String name, String expression, Step.Check check) {
    return request(
        name,
        (session, connection, reply) -> {
          connection.request(
              Packets.eval(ByteBufAllocator.DEFAULT, expression), timeoutMillis, reply);
          return session;
        },
        check);
  }

  /** Gives R a raw vector of so many bytes by the name {@code symbol}. */
  public ActionBuilder assign(String name, String symbol, int bytes) {
    return request(
        name,
        (session, connection, reply) -> {
          connection.request(
              Packets.assign(ByteBufAllocator.DEFAULT, symbol, bytes), timeoutMillis, reply);
          return session;
        },
        reply -> Optional.empty());
  }

  /** Closes the connection. */
  public ActionBuilder close(String name) {
    return request(
        name,
        (session, connection, reply) -> {
          connection.close(timeoutMillis, reply);
          return Step.without(session);
        },
        reply -> Optional.empty());
  }

  private static ActionBuilder request(String name, Step.Work work, Step.Check check) {
    return () -> (context, next) -> new Step(name, context, next, true, work, check);
  }
}
