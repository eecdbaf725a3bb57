package org.rservegateway.support.log;

import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import java.util.Arrays;
import org.rservegateway.support.Printable;

/**
 * An exception as the log may show it: its message is one line of a bounded length, as those of
 * what it was caused by, and of its frames, its causes and what they suppressed there are so many
 * at most.
 */
final class CleanThrowable implements IThrowableProxy {

  private static final int MAX_MESSAGE = 1024;
  private static final int MAX_FRAMES = 40;
  private static final int MAX_CAUSES = 4;
  private static final int MAX_SUPPRESSED = 2;
  private static final int MAX_NAME = 256;

  private final IThrowableProxy proxy;
  private final int causesLeft;

  private CleanThrowable(IThrowableProxy proxy, int causesLeft) {
    this.proxy = proxy;
    this.causesLeft = causesLeft;
  }

  /** What stands for {@code proxy}; null for null, as Logback has it. */
  static IThrowableProxy of(IThrowableProxy proxy) {
    return of(proxy, MAX_CAUSES);
  }

  private static IThrowableProxy of(IThrowableProxy proxy, int causesLeft) {
    return proxy == null || causesLeft < 0 ? null : new CleanThrowable(proxy, causesLeft);
  }

  @Override
  public String getMessage() {
    return clean(proxy.getMessage());
  }

  @Override
  public String getOverridingMessage() {
    return clean(proxy.getOverridingMessage());
  }

  private static String clean(String message) {
    return message == null ? null : Printable.escaped(message, MAX_MESSAGE);
  }

  @Override
  public String getClassName() {
    return Printable.escaped(proxy.getClassName(), MAX_NAME);
  }

  @Override
  public StackTraceElementProxy[] getStackTraceElementProxyArray() {
    StackTraceElementProxy[] frames = proxy.getStackTraceElementProxyArray();
    return frames.length <= MAX_FRAMES ? frames : Arrays.copyOf(frames, MAX_FRAMES);
  }

  /** Those that are not written since the exception above has them too. */
  @Override
  public int getCommonFrames() {
    int hidden = Math.max(0, proxy.getStackTraceElementProxyArray().length - MAX_FRAMES);
    return Math.max(0, proxy.getCommonFrames() - hidden);
  }

  @Override
  public IThrowableProxy getCause() {
    return of(proxy.getCause(), causesLeft - 1);
  }

  @Override
  public IThrowableProxy[] getSuppressed() {
    IThrowableProxy[] suppressed = proxy.getSuppressed();
    if (suppressed == null || causesLeft == 0) {
      return new IThrowableProxy[0];
    }
    return Arrays.stream(suppressed)
        .limit(MAX_SUPPRESSED)
        .map(one -> of(one, causesLeft - 1))
        .toArray(IThrowableProxy[]::new);
  }

  @Override
  public boolean isCyclic() {
    return proxy.isCyclic();
  }
}
