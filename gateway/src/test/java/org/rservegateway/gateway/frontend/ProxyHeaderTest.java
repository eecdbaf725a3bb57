package org.rservegateway.gateway.frontend;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rservegateway.gateway.session.ClientOrigin;
import org.slf4j.LoggerFactory;

/** A balancer's header, in whatever pieces it comes. */
class ProxyHeaderTest {

  private static final String SIGNATURE = "0d0a0d0a000d0a515549540a";

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final StringBuilder behind = new StringBuilder();

  ProxyHeaderTest() {
    channel.freezeTime();
    channel
        .pipeline()
        .addLast(
            new HAProxyMessageDecoder(1024),
            new ProxyHeader(
                new Turned(new SimpleMeterRegistry()),
                client -> client.pipeline().addLast(new Behind())));
  }

  @AfterEach
  void end() {
    channel.finishAndReleaseAll();
  }

  private final class Behind extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      behind.append(((ByteBuf) message).toString(StandardCharsets.ISO_8859_1));
      ReferenceCountUtil.release(message);
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] v2(String rest) {
    return ByteBufUtil.decodeHexDump(SIGNATURE + rest);
  }

  static Stream<Arguments> headers() {
    String ports = "15b318a7";
    return Stream.of(
        Arguments.of(ascii("PROXY TCP4 10.9.8.7 127.0.0.1 5555 6311\r\n"), "10.9.8.7"),
        Arguments.of(ascii("PROXY TCP6 fd00::7 fd00::1 5555 6311\r\n"), "fd00::7"),
        Arguments.of(v2("2111000c0a090807" + "7f000001" + ports), "10.9.8.7"),
        Arguments.of(v2("2111000f0a090807" + "7f000001" + ports + "040000"), "10.9.8.7"),
        Arguments.of(
            v2("21210024fd00" + "00".repeat(13) + "07" + "00".repeat(15) + "01" + ports),
            "fd00::7"),
        // An IPv4 address in the shape of an IPv6 one is an IPv4 address to ranges and limits.
        Arguments.of(
            v2("21210024" + "00".repeat(10) + "ffff0a090807" + "00".repeat(15) + "01" + ports),
            "10.9.8.7"));
  }

  @ParameterizedTest
  @MethodSource("headers")
  void theClientIsTheOneThatTheHeaderNamesWhereverItIsCut(byte[] header, String address)
      throws Exception {
    ByteBuf all = Unpooled.wrappedBuffer(header, ascii("hello"));
    while (all.isReadable()) {
      channel.writeInbound(all.readBytes(1));
    }
    all.release();

    assertThat(ClientOrigin.of(channel).host()).isEqualTo(InetAddress.getByName(address));
    assertThat(behind).hasToString("hello");
    assertThat(channel.pipeline().names()).hasSize(2); // what is behind, and the tail
  }

  @ParameterizedTest
  @MethodSource("headers")
  void whatComesWithTheHeaderIsTheClients(byte[] header, String address) throws Exception {
    channel.writeInbound(Unpooled.wrappedBuffer(header, ascii("hello")));

    assertThat(ClientOrigin.of(channel).host()).isEqualTo(InetAddress.getByName(address));
    assertThat(behind).hasToString("hello");
  }

  @Test
  void aHeaderThatComesTooSlowlyIsNone() {
    for (byte each : ascii("PROXY TCP")) {
      if (!channel.isOpen()) {
        break;
      }
      channel.writeInbound(Unpooled.wrappedBuffer(new byte[] {each}));
      channel.advanceTimeBy(1, TimeUnit.SECONDS);
      channel.runScheduledPendingTasks();
    }

    assertThat(channel.isOpen()).isFalse();
    assertThat(behind.toString()).isEmpty();
  }

  /** The decoder's complaint quotes the header. */
  @Test
  void whatIsRefusedCantForgeALineOfTheLog() {
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger logger = (Logger) LoggerFactory.getLogger(Turned.class);
    log.start();
    logger.addAppender(log);
    try {
      channel.writeInbound(
          Unpooled.wrappedBuffer(
              ascii("PROXY TCP\n\033[2Jsession ended 10.9.8.7 127.0.0.1 1 2\r\n")));

      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .singleElement()
          .asString()
          .contains("no PROXY protocol header")
          .doesNotContainPattern("\\p{Cntrl}");
    } finally {
      logger.detachAppender(log);
    }
  }

  @Test
  void whatIsNoHeaderIsRefused() {
    for (String junk :
        List.of("PROXY TCP4 ada grace 1 2\r\n", "PROXY TCP4 10.9.8.7 10.9.8.8 99999 1\r\n")) {
      ProxyHeaderTest other = new ProxyHeaderTest();
      other.channel.writeInbound(Unpooled.wrappedBuffer(ascii(junk)));

      assertThat(other.channel.isOpen()).as(junk).isFalse();
      assertThat(other.behind.toString()).isEmpty();
    }
  }
}
