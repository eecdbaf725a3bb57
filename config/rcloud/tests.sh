# shellcheck shell=bash
# Runs all tests and adds them up.

passed=0 failed=0 skipped=0

run_tests() { # verify|test yes|no|where-docker-runs
  local broken=()
  # Only what runs now counts.
  rm -rf "$ROOT"/*/target/surefire-reports "$ROOT"/*/target/failsafe-reports
  run_maven "$1" test.log || broken+=("mvn $1")
  if [[ $2 == yes ]] || { [[ $2 == where-docker-runs ]] && has docker && docker info >/dev/null 2>&1; }; then
    run_container_tests || broken+=("the containers' tests")
  fi
  add_maven_reports
  # What does not compile, or is not formatted, is a failure although no test says so.
  [[ ${#broken[@]} -eq 0 || $failed -gt 0 ]] || failed=1
  run_script "$ROOT/config/nginx/render-test" || broken+=("config/nginx/render-test")
  run_script "$ROOT/config/rcloud/rcloud-test" || broken+=("config/rcloud/rcloud-test")

  echo
  [[ ${#broken[@]} -eq 0 ]] || complain "failed: $(printf '%s, ' "${broken[@]}" | sed 's/, $//') (see above; Maven's output is in $LOG_DIR/test.log)"
  ((passed + failed > 0)) || complain "no test ran"
  echo "$passed passed, $failed failed, $skipped skipped"
  [[ ${#broken[@]} -eq 0 ]] && ((failed == 0 && passed > 0))
}

# On images of the jars that Maven has just made. Where no Docker engine answers, one is started, and ended.
run_container_tests() {
  local engine=$ROOT/config/docker/engine code=0
  say "The containers (log: $LOG_DIR/images.log)"
  "$engine" start && "$engine" base bookworm || return 1
  DOCKER_HOST=$("$engine" host)
  export DOCKER_HOST
  if (cd "$ROOT" && PREBUILT=yes compose build) >"$LOG_DIR/images.log" 2>&1; then
    # Where the tests run as root beside the engine, nothing has to clean up behind them, and ports are local.
    TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=localhost \
      run_maven verify containers.log -Pcontainers -pl containers -am || code=1
  else
    tail -n 20 "$LOG_DIR/images.log" >&2
    code=1
  fi
  "$engine" stop
  unset DOCKER_HOST
  return "$code"
}

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

run_maven() { # GOAL LOG OPTION...
  local goal=$1 log=$LOG_DIR/$2
  shift 2
  mkdir -p "$LOG_DIR"
  say "mvn -B $goal${*:+ $*} (log: $log)"
  (cd "$ROOT" && mvn -B -Dstyle.color=never -fae "$@" "$goal" </dev/null 2>&1) | tee "$log"
}

# The reports of surefire and failsafe: one <testsuite> a class, with its counts as attributes.
add_maven_reports() {
  local reports=() tests failures errors ignored
  shopt -s nullglob
  reports=("$ROOT"/*/target/{surefire,failsafe}-reports/TEST-*.xml)
  shopt -u nullglob
  [[ ${#reports[@]} -gt 0 ]] || return 0
  read -r tests failures errors ignored < <(
    cat "${reports[@]}" | tr '\n' ' ' | grep -o '<testsuite [^>]*>' | tr ' ' '\n' | tr -d '"' |
      awk -F = '{ sum[$1] += $2 } END { print sum["tests"] + 0, sum["failures"] + 0, sum["errors"] + 0, sum["skipped"] + 0 }'
  )
  failed=$((failed + failures + errors))
  skipped=$((skipped + ignored))
  passed=$((passed + tests - failures - errors - ignored))
}

# A test script's last line is "N passed, M failed, K skipped".
run_script() {
  local output code last
  say "${1#"$ROOT"/}"
  output=$("$1" </dev/null)
  code=$?
  printf '%s\n' "$output"
  last=${output##*$'\n'}
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
    return 1
  fi
  return "$code"
}
