package org.rservegateway.gateway.integration;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A CA, and what it signs, as files. */
final class TestCertificates {

  /**
   * A certificate and its key.
   *
   * @param bundle both
   */
  record Pair(Path certificate, Path key, X509Bundle bundle) {}

  private final Path directory;
  private final X509Bundle ca;

  TestCertificates(Path directory) throws Exception {
    this.directory = directory;
    ca =
        new CertificateBuilder()
            .subject("CN=the tests' CA " + System.nanoTime())
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Files.writeString(caFile(), ca.getCertificatePEM());
  }

  Path caFile() {
    return directory.resolve("ca.pem");
  }

  /** For a server or a client of this name. */
  Pair issue(String name) throws Exception {
    return issue(name, name, builder -> builder);
  }

  /** One whose handshakes cost the server ten times as much. */
  Pair issueRsa(String name) throws Exception {
    return issue(
        name, name + "-rsa", builder -> builder.algorithm(CertificateBuilder.Algorithm.rsa2048));
  }

  /** One of yesterday's, in files that are called otherwise. */
  Pair issueExpired(String name, String files) throws Exception {
    return issue(
        name,
        files,
        builder ->
            builder
                .notBefore(Instant.now().minus(Duration.ofDays(2)))
                .notAfter(Instant.now().minus(Duration.ofDays(1))));
  }

  private Pair issue(String name, String files, UnaryOperator<CertificateBuilder> more)
      throws Exception {
    X509Bundle bundle =
        more.apply(new CertificateBuilder().subject("CN=" + name).addSanDnsName(name))
            .buildIssuedBy(ca);
    Pair pair =
        new Pair(directory.resolve(files + ".pem"), directory.resolve(files + ".key"), bundle);
    write(pair, bundle);
    return pair;
  }

  /** Puts another certificate into the files of {@code pair}. */
  void write(Pair pair, X509Bundle other) throws IOException {
    Files.writeString(pair.key(), other.getPrivateKeyPEM());
    Files.writeString(pair.certificate(), other.getCertificatePathPEM());
  }

  /** What a Java client needs that trusts this CA alone, and shows these certificates. */
  SSLContext client(List<Pair> shown) throws Exception {
    TrustManagerFactory trust = ca.toTrustManagerFactory();
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        shown.isEmpty() ? null : shown.get(0).bundle().toKeyManagerFactory().getKeyManagers(),
        trust.getTrustManagers(),
        null);
    return context;
  }
}
