# shellcheck shell=bash disable=SC2154 # what other files set
# Runs the suite of hostile conditions, which takes too long for each day's tests.

command_conditions() {
  local seconds=60 only='' tests=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --seconds=* | --only=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --seconds | --only)
        [[ -n ${2-} ]] || wrong_usage "conditions: $1 needs a value"
        if [[ $1 == --seconds ]]; then seconds=$2; else only=$2; fi
        shift
        ;;
      *) wrong_usage "conditions: unknown option \"$1\"" ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || wrong_usage "conditions: --seconds: \"$seconds\" is not a number from 1 to 99999"
  mapfile -t tests < <(condition_tests "$only")
  [[ ${#tests[@]} -gt 0 ]] || wrong_usage "conditions: nothing matches \"$only\"; there are: $(condition_tests '' | paste -sd ' ')"
  install_missing build test conditions
  run_condition_tests
}

# What is tried from R and from the network; what each day's tests try of that is done once more, for its figures.
command_attack() {
  local seconds=60 tests
  no_arguments attack "$@"
  mapfile -t tests < <(condition_tests Attack)
  tests+=(StrangersIT PendingClientsIT ProxyStrangersIT AdminConnectionsIT AdminLogIT)
  install_missing build test conditions
  run_condition_tests
  run_container_tests >"$LOG_DIR/attack-containers.log" 2>&1 || die_with_log "the containers' tests failed" "$LOG_DIR/attack-containers.log"
  print_conditions "$LOG_DIR/containers.log"
}

condition_tests() { # REGEX
  find "$ROOT/gateway/src/test" -name '*ConditionIT.java' -printf '%f\n' | sed 's/\.java$//' | grep -Ei -e "$1" | sort
}

run_condition_tests() {
  local log=$LOG_DIR/conditions.log code=0
  mkdir -p "$LOG_DIR"
  ulimit -n "$(ulimit -H -n)" 2>/dev/null
  [[ $(id -u) == 0 ]] || say "Not as root: without network namespaces, file systems and control groups of their own some can't run"
  say "Some minutes (log: $log)"
  (cd "$ROOT" && mvn -B -Dstyle.color=never -pl wire,node-tunnel,gateway -am -Dsurefire.failIfNoSpecifiedTests=false \
    -Dfailsafe.failIfNoSpecifiedTests=false -Dtest=NoSuchTest -Dit.test="$(IFS=,; echo "${tests[*]}")" -Dtest.excludedGroups= \
    -Dconditions.seconds="$seconds" verify </dev/null >"$log" 2>&1) || code=1
  printf '| condition | what came of it |\n|---|---|\n'
  print_conditions "$log"
  ((code == 0)) || die_with_log "a condition was not met" "$log"
}

print_conditions() { # LOG
  sed -n 's/^CONDITION //p' "$1"
}
