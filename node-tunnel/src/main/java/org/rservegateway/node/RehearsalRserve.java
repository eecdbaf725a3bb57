package org.rservegateway.node;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.rservegateway.wire.QapHeader;

/**
 * An Rserve within this process, for the {@link WarmUp}. Its sessions say that they are processes
 * that no Linux has, and work in directories that are not there.
 */
final class RehearsalRserve implements AutoCloseable {

  /** Linux gives no process a greater id, whatever its settings. */
  private static final long GREATEST_PROCESS_ID = 4 * 1024 * 1024;

  private static final byte[] GREETING =
      "Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(US_ASCII);
  private static final int RESP_OK = 0x10001;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_STRING = 34;

  private final ChannelGroup connections =
      new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private final AtomicLong lastProcessId = new AtomicLong(GREATEST_PROCESS_ID);
  private final Path directory;
  private final Channel listener;

  /**
   * Listens on a free port of this machine's own.
   *
   * @param directory in which the sessions say that they work
   * @throws IOException if it can't
   */
  RehearsalRserve(EventLoopGroup eventLoops, ChannelFactory<ServerChannel> channels, Path directory)
      throws IOException {
    this.directory = directory;
    ChannelFuture bound =
        new ServerBootstrap()
            .group(eventLoops)
            .channelFactory(channels)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    connections.add(connection);
                    connection.pipeline().addLast(new R());
                  }
                })
            .bind("127.0.0.1", 0)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    listener = bound.channel();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    connections.close().awaitUninterruptibly();
  }

  /** One R session: it answers the opening question, and then nothing but that all is well. */
  private final class R extends ChannelInboundHandlerAdapter {

    private boolean asked;

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      ctx.writeAndFlush(ctx.alloc().buffer().writeBytes(GREETING));
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf request = (ByteBuf) message;
      String strings = asked ? "" : answer(request.toString(US_ASCII));
      asked = true;
      request.release();
      ByteBuf answer = ctx.alloc().buffer();
      if (strings.isEmpty()) {
        new QapHeader(RESP_OK, 0, 0).writeTo(answer);
      } else {
        write(strings, answer);
      }
      ctx.writeAndFlush(answer);
    }

    private String answer(String question) {
      long id = lastProcessId.incrementAndGet();
      String work = directory + "/conn" + id;
      return question.contains("Sys.getpid") ? id + "\0" + work + '\0' : work + "/RtmpRehearsal\0";
    }

    private static void write(String strings, ByteBuf out) {
      byte[] bytes = strings.getBytes(US_ASCII);
      int padding = -bytes.length & 3;
      int length = bytes.length + padding;
      new QapHeader(RESP_OK, 2 * Integer.BYTES + length, 0).writeTo(out);
      out.writeIntLE((length + Integer.BYTES) << 8 | DT_SEXP)
          .writeIntLE(length << 8 | XT_ARRAY_STRING)
          .writeBytes(bytes);
      for (int i = 0; i < padding; i++) {
        out.writeByte(1);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }
}
