package org.rservegateway.support.tls;

import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.rservegateway.support.SmallFile;
import org.rservegateway.support.tls.TlsFileException.Part;

/**
 * The PEM files of one side of TLS; each is empty where there is none.
 *
 * @param certificate with the certificates that lead to its CA behind it
 * @param key the certificate's private key, PKCS #8 without a passphrase
 * @param ca whom the other side's certificate has to come from
 */
public record TlsFiles(String certificate, String key, String ca) {

  private static final int MAX_BYTES = 1 << 20;

  private static final Pattern KEY =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----([^-]+)-----END", Pattern.DOTALL);
  private static final String CONVERT = "openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW-FILE";

  /**
   * TLS for a server; where there is a CA, clients have to show a certificate of it.
   *
   * @throws TlsFileException if a file is missing or is not what it should be
   */
  public SslContext forServer(List<String> protocols) throws TlsFileException {
    X509Certificate[] chain = certificates(Part.CERTIFICATE, certificate);
    SslContextBuilder builder =
        SslContextBuilder.forServer(privateKey(chain[0].getPublicKey()), chain);
    if (!ca.isEmpty()) {
      builder.trustManager(certificates(Part.CA, ca)).clientAuth(ClientAuth.REQUIRE);
    }
    return build(builder.protocols(protocols));
  }

  /**
   * TLS for a client, which checks the server's certificate and name; without a CA, the JDK's own
   * count. It shows its certificate where it has one.
   *
   * @throws TlsFileException if a file is missing or is not what it should be
   */
  public SslContext forClient() throws TlsFileException {
    SslContextBuilder builder = SslContextBuilder.forClient();
    if (!ca.isEmpty()) {
      builder.trustManager(certificates(Part.CA, ca));
    }
    if (!certificate.isEmpty()) {
      X509Certificate[] chain = certificates(Part.CERTIFICATE, certificate);
      builder.keyManager(privateKey(chain[0].getPublicKey()), chain);
    }
    return build(builder);
  }

  /**
   * When the certificate expires.
   *
   * @throws TlsFileException if there is none to be read
   */
  public Instant expires() throws TlsFileException {
    return certificates(Part.CERTIFICATE, certificate)[0].getNotAfter().toInstant();
  }

  private static SslContext build(SslContextBuilder builder) throws TlsFileException {
    try {
      return builder.sslProvider(SslProvider.JDK).build();
    } catch (SSLException | IllegalArgumentException e) {
      throw new TlsFileException(Part.CERTIFICATE, "is of no use for TLS: " + e.getMessage());
    }
  }

  private static X509Certificate[] certificates(Part part, String file) throws TlsFileException {
    try {
      Collection<? extends java.security.cert.Certificate> found =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(read(part, file)));
      if (!found.isEmpty()) {
        return found.toArray(X509Certificate[]::new);
      }
    } catch (CertificateException e) {
      // said below, as a file without any
    }
    throw new TlsFileException(
        part, "holds no certificate: it must be a PEM file with \"-----BEGIN CERTIFICATE-----\"");
  }

  private PrivateKey privateKey(PublicKey wanted) throws TlsFileException {
    String text = new String(read(Part.KEY, key), StandardCharsets.ISO_8859_1);
    Matcher pem = KEY.matcher(text);
    if (!pem.find()) {
      throw new TlsFileException(
          Part.KEY,
          "holds no private key: it must be a PEM file with \"-----BEGIN PRIVATE KEY-----\"");
    }
    if (pem.group(1).startsWith("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED")) {
      throw new TlsFileException(
          Part.KEY, "is locked with a passphrase; write it without one: " + CONVERT);
    }
    if (!pem.group(1).isEmpty()) {
      throw new TlsFileException(
          Part.KEY,
          "is a key of the older form \"%sPRIVATE KEY\"; convert it: %s"
              .formatted(pem.group(1), CONVERT));
    }
    try {
      PrivateKey found =
          KeyFactory.getInstance(wanted.getAlgorithm())
              .generatePrivate(
                  new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(2))));
      if (belongTogether(found, wanted)) {
        return found;
      }
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      // a damaged key, or one of another kind
    }
    throw new TlsFileException(
        Part.KEY,
        "is not the %s key of the certificate in %s".formatted(wanted.getAlgorithm(), certificate));
  }

  private static boolean belongTogether(PrivateKey key, PublicKey certified)
      throws GeneralSecurityException {
    String algorithm =
        switch (certified.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> certified.getAlgorithm();
        };
    byte[] text = "the same?".getBytes(StandardCharsets.US_ASCII);
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(certified);
    signature.update(text);
    return signature.verify(signed);
  }

  private static byte[] read(Part part, String file) throws TlsFileException {
    try {
      return SmallFile.read(Path.of(file), MAX_BYTES);
    } catch (IOException e) {
      throw new TlsFileException(part, e.getMessage());
    } catch (InvalidPathException e) {
      // Its message quotes the path, whatever that holds.
      throw new TlsFileException(part, "can't be read: " + e.getClass().getSimpleName());
    }
  }
}
