package org.rservegateway.gateway.session;

/**
 * How a session ended, as an operator sees it.
 *
 * @param session as it was at its end
 * @param reason one of {@link CloseReason#label}
 * @param text more about it; may be empty
 * @param endedMillis when, in milliseconds since 1970
 */
public record SessionEnd(SessionView session, String reason, String text, long endedMillis) {}
