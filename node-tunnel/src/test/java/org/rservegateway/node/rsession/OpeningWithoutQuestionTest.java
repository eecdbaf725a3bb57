package org.rservegateway.node.rsession;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.reaper.SessionRecord;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestConfigs.TestProof;

/**
 * R sessions that can't be asked, since they want a login first, on real event loops: the reaper
 * says which process it is. The table of processes is the test's.
 */
class OpeningWithoutQuestionTest {

  /** Greater than the kernel's ids: no process of the machine can be meant. */
  private static final long RSERVE = 5000000;

  private static final long USER = 1880100007;
  private static final UserRange RANGE = new UserRange(1880100000, 1880100009);

  @TempDir private Path directory;
  private final LocalAddress address = new LocalAddress(OpeningWithoutQuestionTest.class);
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
  private final CountDownLatch replaced = new CountDownLatch(1);

  /** What R has been told. */
  private final Queue<String> heard = new ConcurrentLinkedQueue<>();

  private final List<Path> made = new ArrayList<>();
  private Path processes;
  private SessionUsers users = new SessionUsers(Optional.empty());
  private ProcessReaper reaper;

  @BeforeEach
  void makeTable() throws IOException {
    processes = Files.createDirectory(directory.resolve("processes"));
    process(RSERVE, 1, 0);
  }

  @AfterEach
  void leaveNothing() throws Exception {
    assertThat(loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(20, TimeUnit.SECONDS))
        .isTrue();
    if (reaper != null) {
      for (Path process : List.copyOf(made)) {
        Files.delete(process.resolve("stat")); // it is gone
        Files.delete(process.resolve("status"));
        Files.delete(process);
      }
      reaper.close();
    }
    assertThat(heard).isEmpty();
  }

  /** That started in the future, and so belongs to a connection that is begun now. */
  private void process(long id, long parent, long user) throws IOException {
    Path process = Files.createDirectory(processes.resolve(String.valueOf(id)));
    made.add(process);
    Files.writeString(
        process.resolve("stat"),
        "%d (R) S %d 0 0 0 0 0 0 0 0 0 1 2 0 0 0 0 1 0 %d\n".formatted(id, parent, 1L << 40));
    Files.writeString(
        process.resolve("status"),
        "Name:\tR\nPPid:\t%1$d\nUid:\t%2$d\t%2$d\t%2$d\t%2$d\n".formatted(parent, user));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 32})
  void theOneChildOfRserveIsTheSession(int slice) throws Exception {
    process(5000011, RSERVE, 0);
    process(5000012, 1, 0);

    RSession session = open(RserveBytes.greetingWithLogin(), slice).get(20, TimeUnit.SECONDS);

    assertThat(session.processId()).as("the gateway is not told").isZero();
    assertThat(session.greeting().asksForLogin()).isTrue();
    assertThat(reaper.census().join()).isNotNull();
    assertThat(noted()).isEqualTo(5000011);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 1000})
  void objectCapabilitiesAreTheGreetingAndAreAskedNothing(int slice) throws Exception {
    byte[] greeting = RserveBytes.packet(0x434f7352, "capabilities".getBytes(UTF_8));
    process(5000011, RSERVE, 0);

    RSession session = open(greeting, slice).get(20, TimeUnit.SECONDS);

    assertThat(session.processId()).isZero();
    assertThat(session.greeting().bytes()).isEqualTo(greeting);
  }

  @Test
  void whereItMayBeOneOfSeveralNoneIsGivenOut() throws Exception {
    process(5000011, RSERVE, 0);
    process(5000012, RSERVE, 0);

    assertFailed(
        "2 children of Rserve, process 5000000, may be the new R session, and it can't be asked");
  }

  @Test
  void whereThereIsNoneNoneIsGivenOut() throws Exception {
    assertFailed(
        "0 children of Rserve, process 5000000, may be the new R session, and it can't be asked");
  }

  @Test
  void itsUserIsTaken() throws Exception {
    users = new SessionUsers(Optional.of(RANGE));
    process(5000011, RSERVE, USER);

    open(RserveBytes.greetingWithLogin(), 32).get(20, TimeUnit.SECONDS);

    assertThat(users.isTaken(USER)).isTrue();
  }

  @Test
  void aUserThatIsNoSessionsIsRefused() throws Exception {
    users = new SessionUsers(Optional.of(RANGE));
    process(5000011, RSERVE, 0);

    assertFailed("R 5000011 has no user of its own");
  }

  @Test
  void whereTheUserIsInUseAnotherSessionIsOpened() throws Exception {
    users = new SessionUsers(Optional.of(RANGE));
    users.take(USER);
    process(5000011, RSERVE, USER);

    Promise<RSession> session = open(RserveBytes.greetingWithLogin(), 32);

    assertThat(replaced.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(session.isDone()).isFalse();
    assertThat(users.isTaken(USER)).isTrue();
  }

  private long noted() throws IOException {
    List<String> lines = Files.readAllLines(directory.resolve("state/sessions"));
    return SessionRecord.decode(lines.get(lines.size() - 1)).orElseThrow().r().id();
  }

  private void assertFailed(String message) throws Exception {
    Promise<RSession> session = open(RserveBytes.greetingWithLogin(), 32);

    assertThat(session.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(session.cause()).isInstanceOf(OpeningException.class).hasMessage(message);
  }

  private Promise<RSession> open(byte[] greeting, int slice) throws InterruptedException {
    reaper =
        TestConfigs.reaper(
            new ProcessTable(processes),
            users,
            directory,
            Optional.empty(),
            "boot",
            new NodeHealth());
    OpeningRules rules =
        new OpeningRules(
            "x <- 42",
            Optional.empty(),
            new QuestionChoice(),
            new TestProof(OptionalLong.of(RSERVE), OptionalLong.empty(), ""),
            users,
            reaper);
    listen(greeting, slice);
    Promise<RSession> session = loops.next().newPromise();
    new Bootstrap()
        .group(loops)
        .channel(LocalChannel.class)
        .handler(new OpeningHandler(session, rules, replaced::countDown, System.nanoTime()))
        .connect(address)
        .sync();
    return session;
  }

  private void listen(byte[] greeting, int slice) throws InterruptedException {
    new ServerBootstrap()
        .group(loops)
        .channel(LocalServerChannel.class)
        .childHandler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel channel) {
                channel.pipeline().addLast(new Rserve(greeting, slice));
              }
            })
        .bind(address)
        .sync();
  }

  /** Greets, and listens. */
  private final class Rserve extends ChannelInboundHandlerAdapter {

    private final byte[] greeting;
    private final int slice;

    Rserve(byte[] greeting, int slice) {
      this.greeting = greeting;
      this.slice = slice;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      for (int from = 0; from < greeting.length; from += slice) {
        int length = Math.min(slice, greeting.length - from);
        ctx.writeAndFlush(Unpooled.copiedBuffer(greeting, from, length));
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf bytes = (ByteBuf) message;
      heard.add(bytes.toString(UTF_8));
      bytes.release();
    }
  }
}
