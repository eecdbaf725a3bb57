package org.rservegateway.gateway.users;

/**
 * What a client shows to log in.
 *
 * @param secret the password, or the answer to the challenge of the greeting
 * @param salt that challenge; empty where none was offered
 * @param mayBePlain whether {@code secret} may be the password itself
 */
public record Credentials(String name, String secret, String salt, boolean mayBePlain) {

  /** Without the secret. */
  @Override
  public String toString() {
    return name;
  }
}
