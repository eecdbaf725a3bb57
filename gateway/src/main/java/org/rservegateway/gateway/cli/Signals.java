package org.rservegateway.gateway.cli;

import java.lang.reflect.Proxy;

/**
 * What the process does on a signal. Java tells one from another by {@code sun.misc.Signal} only,
 * which javac warns of and lets nobody silence that; hence by reflection.
 */
final class Signals {

  private Signals() {}

  /**
   * Runs {@code action} on a thread of its own whenever the signal comes, in place of what the JVM
   * does then.
   *
   * @param name without "SIG"
   * @throws IllegalStateException if this JVM does not allow it
   */
  static void on(String name, Runnable action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object handling =
          Proxy.newProxyInstance(
              Signals.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                action.run(); // its only method is handle(Signal)
                return null;
              });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), handling);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JVM does not let SIG" + name + " be handled", e);
    }
  }
}
