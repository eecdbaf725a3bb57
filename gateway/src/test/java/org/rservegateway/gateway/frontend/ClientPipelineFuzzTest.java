package org.rservegateway.gateway.frontend;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import at.favre.lib.crypto.bcrypt.BCrypt;
import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.users.UsersException;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.support.tls.HandshakeQueue;
import org.rservegateway.support.tls.TlsContext;
import org.rservegateway.support.tls.TlsFiles;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/**
 * Whatever comes before a session, a balancer's header, TLS, a login, in whatever slices and
 * however slowly: who does not show a password has no session, and when the connection is gone
 * nothing is left.
 */
class ClientPipelineFuzzTest {

  private static final int MOST_STEPS = 40;
  private static final int MOST_BYTES = 120;
  private static final int CMD_LOGIN = 1;
  private static final String PASSWORD = "a-password-that-nobody-guesses";

  @TempDir private static Path directory;
  private static TlsContext tls;
  private static Path users;

  @BeforeAll
  static void makeFiles() throws Exception {
    X509Bundle own =
        new CertificateBuilder()
            .subject("CN=localhost")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Path certificate = directory.resolve("own.pem");
    Path key = directory.resolve("own.key");
    Files.writeString(certificate, own.getCertificatePEM());
    Files.writeString(key, own.getPrivateKeyPEM());
    tls =
        new TlsContext(
            new TlsFiles(certificate.toString(), key.toString(), ""),
            files -> files.forServer(List.of("TLSv1.2", "TLSv1.3")));
    users =
        Files.writeString(
            directory.resolve("users"),
            "ada:%s\ngrace:{plain}%s\n"
                .formatted(
                    BCrypt.withDefaults().hashToString(4, PASSWORD.toCharArray()), PASSWORD));
  }

  @DictionaryEntries({
    "PROXY TCP4 10.9.8.7 127.0.0.1 5555 6311\\x0D\\x0A",
    "PROXY UNKNOWN\\x0D\\x0A",
    "\\x0D\\x0A\\x0D\\x0A\\x00\\x0D\\x0AQUIT\\x0A\\x21\\x11\\x00\\x0C",
    "\\x16\\x03\\x01\\x00\\x10\\x01\\x00",
    "\\x01\\x00\\x00\\x00\\x10\\x00\\x00\\x00",
    "ada\\x0A",
    "grace\\x0A"
  })
  @FuzzTest
  void anyBytesBeforeASessionAreBorne(FuzzedDataProvider data) throws Exception {
    BufferBalance buffers = new BufferBalance();
    try (LoggedFaults faults = new LoggedFaults()) {
      Run run = new Run(data);
      for (int i = 0; i < MOST_STEPS && data.remainingBytes() > 0; i++) {
        run.step();
      }
      run.end();
      faults.assertNone();
    }
    buffers.assertEven();
  }

  /** One connection from its first byte to its end. */
  private static final class Run {

    private final FuzzedDataProvider data;
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final EmbeddedCluster cluster;
    private boolean showedPassword;

    Run(FuzzedDataProvider data) throws UsersException {
      this.data = data;
      boolean proxied = data.consumeBoolean();
      boolean encrypted = data.consumeBoolean();
      cluster =
          new EmbeddedCluster(
              Map.of(
                  "RCLOUD_LISTEN_PROXYPROTOCOLFROM",
                  proxied ? "[127.0.0.1]" : "[]",
                  "RCLOUD_LIMITS_SILENTPERCLIENT",
                  "1"));
      cluster.owns(channel);
      channel.freezeTime();
      Authenticator authenticator =
          new Authenticator(
              new GatewayConfig.Auth(
                  users.toString(), data.consumeBoolean(), data.consumeBoolean()),
              Runnable::run,
              System::nanoTime,
              (task, delay, unit) -> channel.eventLoop().schedule(task, delay, unit));
      Turned turned = new Turned(new SimpleMeterRegistry());
      new ClientPipeline(
              cluster.sessions(),
              encrypted ? Optional.of(tls) : Optional.empty(),
              Optional.of(authenticator),
              turned,
              new PendingClients(new HandshakeQueue(Runnable::run, 1), turned))
          .build(channel);
      channel.pipeline().fireChannelActive();
      look();
    }

    void step() {
      switch (data.consumeInt(0, 7)) {
        case 0, 1 -> receives(data.consumeBytes(data.consumeInt(1, MOST_BYTES)));
        case 2 -> receives(header());
        case 3, 4 -> receives(login());
        case 5 ->
            receives(
                data.pickValue(List.of("GET / HTTP/1.1", "\26\3\1\0\5\1\0\0\1\0"))
                    .getBytes(ISO_8859_1));
        case 6 -> pass(data.consumeInt(0, 3_000));
        default -> receives(data.consumeBytes(1));
      }
      look();
    }

    private byte[] header() {
      String address =
          data.pickValue(List.of("10.9.8.7", "fd00::7", "::ffff:10.9.8.7", data.consumeString(8)));
      return "PROXY TCP%s %s %s %d 6311\r\n"
          .formatted(address.contains(":") ? "6" : "4", address, address, data.consumeInt(0, 99999))
          .getBytes(ISO_8859_1);
    }

    private byte[] login() {
      boolean right = data.consumeBoolean();
      showedPassword |= right;
      String text =
          data.pickValue(List.of("ada", "grace", "eve", ""))
              + "\n"
              + (right ? PASSWORD : data.consumeString(8));
      byte[] bytes = text.getBytes(ISO_8859_1);
      ByteBuf out = Unpooled.buffer();
      new QapHeader(CMD_LOGIN, data.consumeInt(0, 9) == 0 ? 4 : 4 + bytes.length, 7).writeTo(out);
      out.writeIntLE(bytes.length << 8 | data.pickValue(List.of(4, 4, 4, 5))).writeBytes(bytes);
      byte[] packet = new byte[out.readableBytes()];
      out.readBytes(packet).release();
      return packet;
    }

    private void receives(byte[] bytes) {
      if (channel.isOpen() && bytes.length > 0) {
        channel.writeInbound(channel.alloc().buffer(bytes.length).writeBytes(bytes));
      }
    }

    private void pass(long millis) {
      channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
      channel.runScheduledPendingTasks();
    }

    private void look() {
      channel.runPendingTasks();
      channel.checkException();
      channel.releaseOutbound();
      if (!showedPassword) {
        assertThat(cluster.sessions().registry().admitted()).isZero();
        assertThat(ClientOrigin.of(channel).user()).isEmpty();
      }
    }

    void end() {
      // Longer than all that comes before a session may take, and than the last answer to it.
      for (int i = 0; i < 4; i++) {
        pass(TimeUnit.MINUTES.toMillis(1));
        look();
      }
      assertThat(channel.isOpen() && cluster.sessions().registry().admitted() == 0).isFalse();
      channel.close();
      pass(TimeUnit.MINUTES.toMillis(2));
      channel.finishAndReleaseAll();
      cluster.close();
      assertThat(cluster.sessions().registry().admitted()).isZero();
      assertThat(
              cluster
                  .sessions()
                  .registry()
                  .arrives(ClientOrigin.of(channel), cluster.sessions().config().limits()))
          .as("its place among the silent ones is free")
          .isEmpty();
    }
  }
}
