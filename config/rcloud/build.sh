# shellcheck shell=bash disable=SC2154 # what other files set
# The two jars, made when one is missing or older than what it is made from.

GATEWAY_JAR=$ROOT/gateway/target/gateway.jar
NODE_TUNNEL_JAR=$ROOT/node-tunnel/target/node-tunnel.jar

build_is_needed() {
  local jar
  for jar in "$GATEWAY_JAR" "$NODE_TUNNEL_JAR"; do
    [[ -e $jar ]] || return 0
    [[ -z $(find "$ROOT/pom.xml" "$ROOT/.mvn" "$ROOT"/{wire,gateway,node-tunnel}/{pom.xml,src/main} \
      -newer "$jar" -print -quit 2>/dev/null) ]] || return 0
  done
  return 1
}

build() {
  local began=$SECONDS
  say "Building (the first time Maven fetches what it needs: a few minutes; log: $LOG_DIR/build.log)"
  # The style check is for those who change the code, not for those who want to run it.
  start_part build - "$ROOT" mvn -B -q -Dstyle.color=never -DskipTests -Dspotless.check.skip=true -pl gateway,node-tunnel -am package
  begin_step "Build"
  while part_is_running build; do
    show_progress
    sleep 0.5
  done
  if ! wait "$part_pid" || [[ ! -e $GATEWAY_JAR || ! -e $NODE_TUNNEL_JAR ]]; then
    die_with_log "the build failed" "$LOG_DIR/build.log"
  fi
  rm -f "$PARTS_DIR/build"
  # Maven leaves a jar alone that it finds current: it is as new as this build all the same.
  touch "$GATEWAY_JAR" "$NODE_TUNNEL_JAR"
  end_step "$((SECONDS - began)) s"
}
