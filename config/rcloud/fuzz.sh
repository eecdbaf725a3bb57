# shellcheck shell=bash disable=SC2154 # what other files set
# Runs the fuzz tests with inputs that a fuzzer invents; `./rcloud test` only repeats the kept ones.

command_fuzz() {
  local seconds=60 name='' tests=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --seconds=*)
        set -- --seconds "${1#*=}" "${@:2}"
        continue
        ;;
      --seconds)
        [[ -n ${2-} ]] || wrong_usage "fuzz: $1 needs a value"
        seconds=$2
        shift
        ;;
      -*) wrong_usage "fuzz: unknown option \"$1\"" ;;
      *)
        [[ -z $name ]] || wrong_usage "fuzz: unknown argument \"$1\""
        name=$1
        ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || wrong_usage "fuzz: --seconds: \"$seconds\" is not a number from 1 to 99999"
  mapfile -t tests < <(fuzz_tests "$name")
  [[ ${#tests[@]} -gt 0 ]] || wrong_usage "fuzz: there is no fuzz test \"$name\"; there are: $(fuzz_tests '' | paste -sd ' ')"
  install_missing build
  run_fuzz_tests
}

fuzz_tests() { # NAME
  find "$ROOT"/{wire,node-tunnel,gateway}/src/test -name "${1:-*FuzzTest}.java" -name '*FuzzTest.java' -printf '%f\n' |
    sed 's/\.java$//' | sort
}

run_fuzz_tests() {
  local before code=0
  mkdir -p "$LOG_DIR"
  before=$(mktemp "$STATE_DIR/fuzz.XXXXXX")
  say "Fuzzing ${#tests[@]} test$( ((${#tests[@]} == 1)) || echo s), $seconds s each (log: $LOG_DIR/fuzz.log)"
  rm -rf "$ROOT"/{wire,node-tunnel,gateway}/target/surefire-reports
  (cd "$ROOT" && mvn -B -Dstyle.color=never -fae -Pfuzz -Dfuzz.seconds="$seconds" -pl wire,node-tunnel,gateway -am \
    -Dtest="$(IFS=,; echo "${tests[*]}")" test </dev/null >"$LOG_DIR/fuzz.log" 2>&1) || code=1
  report_inputs
  if ! report_finds "$before"; then
    rm -f "$before"
    exit 1
  fi
  rm -f "$before"
  add_maven_reports
  ((code == 0 && passed > 0)) || die_with_log "the fuzz tests failed" "$LOG_DIR/fuzz.log"
  say "Nothing found"
}

# How much was tried: the fuzzer's last line of each test.
report_inputs() {
  awk '/Running .*FuzzTest$/ { sub(/.*\./, ""); name = $0 } /^Done [0-9]+ runs/ { printf "  %-28s %9d inputs\n", name, $2 }' "$LOG_DIR/fuzz.log"
}

# A find is kept among the inputs that every test run repeats from now on.
report_finds() { # FILE_FROM_BEFORE
  local finds
  finds=$(find "$ROOT"/{wire,node-tunnel,gateway}/src/test/resources -newer "$1" -type f -path '*Inputs/*')
  [[ -n $finds ]] || return 0
  grep -A 3 '== Java Exception' "$LOG_DIR/fuzz.log" >&2
  complain "found, and kept for the tests to repeat:"
  printf '  %s\n' "$finds" >&2
  return 1
}
