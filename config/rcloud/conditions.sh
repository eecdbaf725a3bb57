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

command_attack() {
  no_arguments attack "$@"
  command_conditions --only Attack
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
  sed -n 's/^CONDITION //p' "$log"
  ((code == 0)) || die_with_log "a condition was not met" "$log"
}
