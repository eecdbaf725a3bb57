package org.rservegateway.node;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.math.BigDecimal;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What each R session is asked before a client gets it, in one evaluation: who and where it is. The
 * same evaluation puts the session's mark into R's environment, and gives it a temporary directory
 * of its own in its work directory, where Rserve's configuration has made that possible.
 *
 * <p>Nothing of that may fail the session, print, or be seen in the client's global environment.
 */
final class OpeningQuestion {

  /**
   * What R answers.
   *
   * @param workDirectory where it works; empty if it does not know
   */
  record Answer(long processId, String workDirectory) {}

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int MARK_BYTES = 16;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_STRING = 34;

  /**
   * Without R's own wrappers of its internal functions: in a process that has just been forked each
   * closure costs page faults, all together half of what a short session costs R. What R does not
   * have, or not so, ends in an error; then {@link #SAFE_EXPRESSION} is asked. A process id such as
   * 100000 comes as 1e+05.
   */
  private static final String QUICK_EXPRESSION =
      """
      (function(dir, pid) {
      answer <- c(pid, dir)
      .Internal(Sys.setenv("@variable@", "@mark@"))
      parts <- .Internal(strsplit(dir, "/conn", TRUE, FALSE, FALSE))[[1L]]
      if (parts[length(parts)] == answer[1L]) {
      .Internal(Sys.setenv("TMPDIR", dir))
      .Internal(tempdir(TRUE))
      }
      answer
      })(.Internal(getwd()), .Internal(Sys.getpid()))"""
          .replace("@variable@", RProcess.MARK_VARIABLE);

  /**
   * {@code tempdir(check = TRUE)} makes another directory only if the one that R has is gone: what
   * all sessions of an Rserve share stays where it is. No function is defined: R would compile it
   * when it is called twice, in each session.
   */
  private static final String SAFE_EXPRESSION =
      """
      local({
      pid <- sprintf("%d", Sys.getpid())
      dir <- getwd()
      try({
      Sys.setenv(@variable@ = "@mark@")
      if (identical(basename(dir), paste0("conn", pid))) {
      Sys.setenv(TMPDIR = dir)
      tempdir(check = TRUE)
      }}, silent = TRUE)
      c(pid, if (is.null(dir)) "" else enc2utf8(dir))
      })"""
          .replace("@variable@", RProcess.MARK_VARIABLE);

  private OpeningQuestion() {}

  /** A mark that nobody can guess, in 32 letters and digits. */
  static String newMark() {
    byte[] bytes = new byte[MARK_BYTES];
    RANDOM.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** The R expression that asks; an R that it does not suit answers with an error. */
  static String quickExpression(String mark) {
    return QUICK_EXPRESSION.replace("@mark@", mark);
  }

  /** The R expression that any R answers. */
  static String safeExpression(String mark) {
    return SAFE_EXPRESSION.replace("@mark@", mark);
  }

  /**
   * Reads the answer's payload: DT_SEXP, in it XT_ARRAY_STR, in it strings that a zero ends, and
   * padding.
   *
   * @throws OpeningException if that is no answer to the question
   */
  static Answer read(ByteBuf payload) throws OpeningException {
    if (payload.readableBytes() < 2 * Integer.BYTES
        || payload.readUnsignedByte() != DT_SEXP
        || payload.skipBytes(3).readUnsignedByte() != XT_ARRAY_STRING) {
      throw new OpeningException("R did not say its process id");
    }
    List<String> strings = strings(payload.skipBytes(3));
    try {
      long processId = new BigDecimal(strings.get(0)).longValueExact();
      if (processId > 0) {
        return new Answer(processId, strings.get(1));
      }
    } catch (ArithmeticException | NumberFormatException | IndexOutOfBoundsException e) {
      // said below
    }
    throw new OpeningException("R did not say its process id");
  }

  private static List<String> strings(ByteBuf in) {
    List<String> strings = new ArrayList<>();
    for (int length = in.bytesBefore((byte) 0); length >= 0; length = in.bytesBefore((byte) 0)) {
      strings.add(in.readCharSequence(length, UTF_8).toString());
      in.skipBytes(1);
    }
    return strings;
  }
}
