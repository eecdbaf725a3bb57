# shellcheck shell=bash disable=SC2154 # what other files set
# Runs the suite of hostile conditions, which takes too long for each day's tests.

command_conditions() {
  local seconds=60 log=$LOG_DIR/conditions.log code=0
  while [[ $# -gt 0 ]]; do
    case $1 in
      --seconds=*)
        set -- --seconds "${1#*=}" "${@:2}"
        continue
        ;;
      --seconds)
        [[ -n ${2-} ]] || wrong_usage "conditions: $1 needs a value"
        seconds=$2
        shift
        ;;
      *) wrong_usage "conditions: unknown option \"$1\"" ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || wrong_usage "conditions: --seconds: \"$seconds\" is not a number from 1 to 99999"
  install_missing build test
  mkdir -p "$LOG_DIR"
  ulimit -n "$(ulimit -H -n)" 2>/dev/null
  say "Some minutes (log: $log)"
  (cd "$ROOT" && mvn -B -Dstyle.color=never -pl wire,node-tunnel,gateway -am -Dsurefire.failIfNoSpecifiedTests=false \
    -Dfailsafe.failIfNoSpecifiedTests=false -Dtest=NoSuchTest -Dit.test=ConditionsIT -Dtest.excludedGroups= \
    -Dconditions.seconds="$seconds" verify </dev/null >"$log" 2>&1) || code=1
  printf '| condition | what came of it |\n|---|---|\n'
  sed -n 's/^CONDITION //p' "$log"
  ((code == 0)) || die_with_log "a condition was not met" "$log"
}
