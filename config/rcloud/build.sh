# shellcheck shell=bash disable=SC2154 # what other files set
# The two jars, made when one is missing or older than what it is made from, and archives of their classes.

GATEWAY_JAR=$ROOT/gateway/target/gateway.jar
NODE_TUNNEL_JAR=$ROOT/node-tunnel/target/node-tunnel.jar
PROGRAM_JARS=("$GATEWAY_JAR" "$NODE_TUNNEL_JAR")

build_is_needed() {
  local jar module
  for jar in "${PROGRAM_JARS[@]}"; do
    [[ -e $jar ]] || return 0
    # Maven leaves a jar as it is when another module has changed.
    module=${jar%/target/*}
    [[ -z $(find "$ROOT/pom.xml" "$ROOT/.mvn" {"$ROOT/wire","$module"}/{pom.xml,src/main} \
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
  touch "${PROGRAM_JARS[@]}"
  end_step "$((SECONDS - began)) s"
}

# What a program's classes are archived in, by the Java that the note beside it names.
class_archive() { # JAR
  echo "${1%.jar}.classes"
}

# Java's options for a program's archive, if there is one.
read_archive_options() { # JAR
  local archive
  archive=$(class_archive "$1")
  archive_options=()
  [[ ! $archive -nt $1 ]] || archive_options=("-XX:SharedArchiveFile=$archive")
}

# Programs start twice as fast with them, and without them too.
archive_classes() {
  local jar archive name java noted answer
  java="$java_version in $java_home"
  for jar in "${PROGRAM_JARS[@]}"; do
    archive=$(class_archive "$jar")
    name=$(basename "$jar" .jar)
    noted=$(cat "$archive.java" 2>/dev/null)
    [[ -w ${jar%/*} && (! $archive -nt $jar || $noted != "$java") ]] || continue
    rm -f "$archive" "$archive.java"
    begin_step "Classes of $name"
    if answer=$("$JAVA_DIR/archive-classes" "$name" "$jar" "$JAVA_DIR/$name.options" "$archive" "$JAVA" 2>&1); then
      echo "$java" >"$archive.java"
      end_step archived
    else
      finish_line
      complain "the $name will start slowly: $answer"
    fi
  done
}
