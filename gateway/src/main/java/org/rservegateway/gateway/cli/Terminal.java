package org.rservegateway.gateway.cli;

import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a command prints, and how much fits there. */
final class Terminal {

  private static final int HEIGHT = 24;
  private static final int TOOL_SECONDS = 2;

  /** Lines and columns, as stty prints them. */
  private static final Pattern SIZES = Pattern.compile("(\\d{1,5}) (\\d{1,5})");

  private Terminal() {}

  static PrintWriter out() {
    return new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), false);
  }

  /** Columns; into a file or another program, lines are as long as they are. */
  static int width() {
    return size(2, Integer.MAX_VALUE);
  }

  /** Lines; 24 where that is unknown. */
  static int height() {
    return size(1, HEIGHT);
  }

  /** Whether somebody looks at what is printed. */
  static boolean isLookedAt() {
    try {
      Process test =
          new ProcessBuilder("test", "-t", "1")
              .redirectOutput(ProcessBuilder.Redirect.INHERIT)
              .start();
      return test.waitFor(TOOL_SECONDS, TimeUnit.SECONDS) && test.exitValue() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static int size(int which, int otherwise) {
    if (!isLookedAt()) {
      return otherwise;
    }
    try {
      Process stty =
          new ProcessBuilder("stty", "size")
              .redirectInput(ProcessBuilder.Redirect.INHERIT)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String answer = new String(stty.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      stty.waitFor(TOOL_SECONDS, TimeUnit.SECONDS);
      Matcher sizes = SIZES.matcher(answer);
      int size = sizes.find() ? Integer.parseInt(sizes.group(which)) : 0;
      return size > 0 ? size : otherwise;
    } catch (IOException e) {
      return otherwise;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return otherwise;
    }
  }
}
