package org.rservegateway.node.rsession;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.math.BigDecimal;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rservegateway.node.process.RClaim;
import org.rservegateway.node.process.RProcess;

/**
 * What each R session is asked before a client gets it, in one evaluation: who and where it is.
 *
 * <p>A session with a user of its own has a temporary directory that Rserve has made for that user:
 * the evaluation makes it the work directory. Any other session gets its mark into R's environment,
 * and a temporary directory in its work directory, where Rserve's configuration has made that
 * possible.
 *
 * <p>Nothing of that may fail the session, print, or be seen in the client's global environment.
 */
public final class OpeningQuestion {

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int MARK_BYTES = 16;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_STRING = 34;

  /**
   * Without a function, and without R's own wrappers of its internal ones: in a process that has
   * just been forked each closure costs page faults. R answers with its temporary directory, whose
   * path holds what we want to know: Rserve names a session's work directory by its process id. For
   * an R that has such a directory; if it has not, the answer shows it.
   */
  private static final String QUICK_EXPRESSION =
      """
      {.Internal(Sys.setenv(c("@variable@", "TMPDIR"), c("@mark@", .Internal(getwd()))))
      .Internal(tempdir(TRUE))}"""
          .replace("@variable@", RProcess.MARK_VARIABLE);

  private static final Pattern TEMPORARY_DIRECTORY =
      Pattern.compile("(.*/conn([1-9][0-9]{0,9}))/(Rtmp[A-Za-z0-9]+)", Pattern.DOTALL);

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

  /** The quick one to a session with a user of its own, whose directory Rserve has made. */
  private static final String QUICK_EXPRESSION_TO_USER =
      """
      {.Internal(setwd(.Internal(tempdir(FALSE))))
      .Internal(Sys.setenv("TMPDIR", .Internal(getwd())))
      c(.Internal(Sys.getpid()), .Internal(getwd()))}""";

  private static final String SAFE_EXPRESSION_TO_USER =
      """
      local({
      try({
      setwd(tempdir())
      Sys.setenv(TMPDIR = getwd())
      }, silent = TRUE)
      dir <- getwd()
      c(sprintf("%d", Sys.getpid()), if (is.null(dir)) "" else enc2utf8(dir))
      })""";

  private OpeningQuestion() {}

  /** A mark that nobody can guess, in 32 letters and digits. */
  static String newMark() {
    byte[] bytes = new byte[MARK_BYTES];
    RANDOM.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /**
   * The R expression for a session that has a directory of its own.
   *
   * @param ownUser whether it has a user of its own
   */
  static String quickExpression(String mark, boolean ownUser) {
    return ownUser ? QUICK_EXPRESSION_TO_USER : QUICK_EXPRESSION.replace("@mark@", mark);
  }

  /**
   * The R expression that any R answers.
   *
   * @param ownUser whether the session has a user of its own
   */
  static String safeExpression(String mark, boolean ownUser) {
    return ownUser ? SAFE_EXPRESSION_TO_USER : SAFE_EXPRESSION.replace("@mark@", mark);
  }

  /** What the answer to the quick question says; empty if that question did not do. */
  static Optional<RClaim> readQuick(ByteBuf payload) {
    List<String> strings = strings(payload);
    if (strings.size() > 1) {
      return read(strings);
    }
    Matcher path = TEMPORARY_DIRECTORY.matcher(strings.isEmpty() ? "" : strings.get(0));
    return path.matches()
        ? Optional.of(new RClaim(Long.parseLong(path.group(2)), path.group(1), path.group(3)))
        : Optional.empty();
  }

  /**
   * What the answer to the safe question says.
   *
   * @throws OpeningException if that is no answer to the question
   */
  static RClaim readSafe(ByteBuf payload) throws OpeningException {
    return read(strings(payload))
        .orElseThrow(() -> new OpeningException("R did not say its process id"));
  }

  /** The process id and the directory. */
  private static Optional<RClaim> read(List<String> strings) {
    try {
      long processId = new BigDecimal(strings.get(0)).longValueExact();
      if (processId > 0) {
        return Optional.of(new RClaim(processId, strings.get(1), ""));
      }
    } catch (ArithmeticException | NumberFormatException | IndexOutOfBoundsException e) {
      // empty, as a number that can't be one
    }
    return Optional.empty();
  }

  /** Of a payload: DT_SEXP, in it XT_ARRAY_STR, in it strings that a zero ends, and padding. */
  private static List<String> strings(ByteBuf in) {
    List<String> strings = new ArrayList<>();
    if (in.readableBytes() < 2 * Integer.BYTES
        || in.readUnsignedByte() != DT_SEXP
        || in.skipBytes(3).readUnsignedByte() != XT_ARRAY_STRING) {
      return strings;
    }
    in.skipBytes(3);
    for (int length = in.bytesBefore((byte) 0); length >= 0; length = in.bytesBefore((byte) 0)) {
      strings.add(in.readCharSequence(length, UTF_8).toString());
      in.skipBytes(1);
    }
    return strings;
  }
}
