package org.rservegateway.support.tls;

import java.io.Serial;

/** A file from which no TLS can be made. The message says which, why, and what to do. */
public final class TlsFileException extends Exception {

  @Serial private static final long serialVersionUID = 1;

  /** Which of the files it is. */
  public enum Part {
    CERTIFICATE,
    KEY,
    CA
  }

  private final Part part;

  TlsFileException(Part part, String message) {
    super(message);
    this.part = part;
  }

  /** Which of the files it is. */
  public Part part() {
    return part;
  }
}
