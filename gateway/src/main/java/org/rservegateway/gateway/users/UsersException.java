package org.rservegateway.gateway.users;

import java.io.Serial;

/** A file of users that can't be used; the message says why, and shows no secret. */
public final class UsersException extends Exception {

  @Serial private static final long serialVersionUID = 1;

  UsersException(String message) {
    super(message);
  }
}
