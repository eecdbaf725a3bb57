# shellcheck shell=bash disable=SC2154 # what other files set
# Runs the benchmarks of single paths, with JMH's own options.

command_benchmark() { # [JMH OPTION]...
  local log=$LOG_DIR/benchmark-build.log
  install_missing build
  mkdir -p "$LOG_DIR"
  say "Compiling (log: $log)"
  (cd "$ROOT" && mvn -B -q -pl wire,node-tunnel,gateway test-compile dependency:build-classpath \
    -Dmdep.outputFile=target/classpath </dev/null >"$log" 2>&1) || die_with_log "the benchmarks could not be compiled" "$log"
  # Without options, runs that are short, and enough to see a change of a tenth.
  [[ $# -gt 0 ]] || set -- -f 1 -wi 3 -w 1 -i 5 -r 1
  exec "$JAVA" -cp "$ROOT/gateway/target/test-classes:$ROOT/gateway/target/classes:$(<"$ROOT/gateway/target/classpath")" \
    org.openjdk.jmh.Main -jvmArgsAppend "-Dio.netty.leakDetection.level=disabled -Djmh.shutdownTimeout=5" "$@"
}
