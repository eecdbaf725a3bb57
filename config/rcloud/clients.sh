# shellcheck shell=bash disable=SC2154 # what other files set
# Runs the suites of the clients that others wrote, each against an Rserve and through the gateway, and compares.
# config/clients holds the suites, and what may differ; docs/clients.md says what came of it.

CLIENT_DIFFERENCES=$ROOT/config/clients/differences
CLIENTS_PORT_BASE=26400
CLIENTS_NODES=2
# One suite against one target.
SUITE_SECONDS=120

command_test_clients() { # [SUITE]...
  local suite suites=("$@")
  mapfile -t all_suites < <(cd "$ROOT/config/clients/suites" && printf '%s\n' *)
  [[ $# -gt 0 ]] || suites=("${all_suites[@]}")
  for suite in "${suites[@]}"; do
    [[ -n $suite && " ${all_suites[*]} " == *" $suite "* ]] || wrong_usage "test: --clients: there is no suite \"$suite\"; there are: ${all_suites[*]}"
  done
  install_for_clients
  test_clients "${suites[@]}"
}

test_clients() { # SUITE...
  local suite
  clients_dir=$STATE_DIR/clients
  client_rows=() client_errors=() others=() suite_pid=
  # What an earlier one left.
  [[ ! -d $clients_dir ]] || RCLOUD_STATE_DIR=$clients_dir/cloud "$ROOT/rcloud" down >/dev/null
  rm -rf "$clients_dir"
  mkdir -p "$clients_dir" "$LOG_DIR" || die "$clients_dir can't be made"
  trap 'end_clients' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_client_servers

  for suite; do
    test_client "$suite"
  done
  check_differences

  echo
  printf '| client | language | version | directly | through the gateway | differences |\n|---|---|---|---|---|---|\n'
  printf '%s\n' "${client_rows[@]}"
  echo
  [[ ${#client_errors[@]} -eq 0 ]] || complain "not as expected (logs: $LOG_DIR/clients-SUITE-direct.log and -gateway.log):"$'\n'"$(printf '  %s\n' "${client_errors[@]}")"
  ((passed > 0)) || complain "no suite ran"
  say "Tests that came out the same directly and through the gateway, or as config/clients/differences says:"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0 && passed > 0))
}

# What the suites are run with. Where some of it can't be had, the suite that needs it says so.
install_for_clients() {
  (install_missing build clients) || {
    complain "going on without what could not be installed"
    install_missing build
  }
}

start_client_servers() {
  local program
  export RSERVE_PROGRAM
  RSERVE_PROGRAM=$(find_rserve) || die "Rserve is not found"
  gateway_port=$CLIENTS_PORT_BASE gateway_login=$((CLIENTS_PORT_BASE + 1))
  direct_port=$((CLIENTS_PORT_BASE + 20)) direct_login=$((CLIENTS_PORT_BASE + 21))
  say "Starting a cluster of $CLIENTS_NODES nodes (log: $LOG_DIR/clients-up.log)"
  # A gateway that is replaced ends its sessions soon, and its clients see the end of their connections.
  RCLOUD_STATE_DIR=$clients_dir/cloud NGINX_PORT=$((CLIENTS_PORT_BASE + 10)) TUNNEL_PORT_BASE=$((CLIENTS_PORT_BASE + 11)) \
    RCLOUD_ADMIN_PORT=$((CLIENTS_PORT_BASE + 2)) RCLOUD_TIMEOUTS_DRAIN=1s RSERVE_WARM_UP='library(Rserve)' \
    "$ROOT/rcloud" up --detach --nodes "$CLIENTS_NODES" --port "$gateway_port" >"$LOG_DIR/clients-up.log" 2>&1 ||
    die_with_log "the cluster could not be started" "$LOG_DIR/clients-up.log"
  # A second one before the same nodes, where clients have to log in; by each way that Rserve knows.
  (umask 077 && printf '%s\n' 'roger:{plain}testpassword' 'foo:{plain}bar' >"$clients_dir/users")
  read_program "$GATEWAY_JAR"
  RCLOUD_LISTEN_PORT=$gateway_login RCLOUD_ADMIN_PORT=$((CLIENTS_PORT_BASE + 3)) \
    RCLOUD_AUTH_USERS=$clients_dir/users RCLOUD_AUTH_CRYPT=true RCLOUD_AUTH_PLAINWITHOUTTLS=true \
    RCLOUD_TUNNEL_PROXY=http://127.0.0.1:$((CLIENTS_PORT_BASE + 10)) RCLOUD_TUNNEL_TOKENFILE=$clients_dir/cloud/token \
    "${program[@]}" >"$LOG_DIR/clients-login.log" 2>&1 9>&- &
  others+=($!)
  local deadline=$((SECONDS + START_SECONDS))
  until [[ -n $(listening_inode "$gateway_login") ]]; do
    if ((SECONDS >= deadline)) || ! read_process "${others[0]}"; then
      die_with_log "the gateway with logins could not be started" "$LOG_DIR/clients-login.log"
    fi
    sleep 0.1
  done
}

# with_target direct|gateway COMMAND...: with what tells a suite, and config/clients/server, the target.
with_target() {
  local -x CLIENTS_TARGET=$1 CLIENTS_WORK=$clients_dir/direct CLIENTS_SERVER=$ROOT/config/clients/server
  local -x CLIENTS_PORT=$direct_port CLIENTS_LOGIN=$direct_login RCLOUD_STATE_DIR=
  if [[ $1 == gateway ]]; then
    CLIENTS_PORT=$gateway_port CLIENTS_LOGIN=$gateway_login RCLOUD_STATE_DIR=$clients_dir/cloud
  fi
  shift
  mkdir -p "$CLIENTS_WORK"
  "$@"
}

test_client() { # SUITE
  local suite=$1 script=$ROOT/config/clients/suites/$1 why title language version target began=$SECONDS
  why=$("$script" fetch)
  case $? in
    0) ;;
    3)
      IFS=$'\t' read -r title language version < <("$script" describe)
      say "$title is left out: $why"
      client_rows+=("| $title | $language | $version | left out | left out | $why |")
      skipped=$((skipped + 1))
      return
      ;;
    *)
      say "$why"
      client_failed "$suite: $(head -n 1 <<<"$why")"
      return
      ;;
  esac
  IFS=$'\t' read -r title language version < <("$script" describe)
  for target in direct gateway; do
    with_target "$target" run_client "$suite"
  done
  compare_client "$suite"
  client_rows+=("| $title | $language | $version | $(counts direct) | $(counts gateway) | $difference |")
  say "$title $version: directly $(counts direct), through the gateway $(counts gateway) ($((SECONDS - began)) s)"
}

# Its results go into a file beside its log.
run_client() { # SUITE
  local log=$LOG_DIR/clients-$1-$CLIENTS_TARGET.log results=$clients_dir/$1-$CLIENTS_TARGET
  : >"$results.output"
  if "$CLIENTS_SERVER" start >"$log" 2>&1; then
    # In the background, so that a signal is answered at once.
    env --default-signal=INT,QUIT timeout --kill-after=5 "$SUITE_SECONDS" "$ROOT/config/clients/suites/$1" run 127.0.0.1 "$CLIENTS_PORT" \
      </dev/null >"$results.output" 2>>"$log" 9>&- &
    suite_pid=$!
    wait "$suite_pid"
    [[ $? != @(124|137) ]] || client_failed "$1: not through after $SUITE_SECONDS s, $CLIENTS_TARGET"
    suite_pid=
  fi
  # What several tests share is told by a number.
  grep -P '^(pass|fail|skip)\t' "$results.output" | awk -F '\t' -v OFS='\t' '{ n = ++seen[$2]; print $2 (n > 1 ? " (" n ")" : ""), $1 }' |
    LC_ALL=C sort >"$results"
  "$CLIENTS_SERVER" stop >>"$log" 2>&1
}

counts() { # TARGET
  awk -F '\t' '{ count[$2]++ } END { printf "%d passed, %d failed%s", count["pass"], count["fail"], count["skip"] ? ", " count["skip"] " skipped" : "" }' \
    "$clients_dir/$suite-$1"
}

# Test by test. Sets "difference", for the table.
compare_client() { # SUITE
  local test direct gateway why reasons=()
  difference=none
  if ! grep -q $'\tpass$' "$clients_dir/$1-direct"; then
    client_failed "$1: no test passed directly"
    difference="nothing passed"
  fi
  while IFS=$'\t' read -r test direct gateway; do
    if [[ $direct == skip && $gateway == skip ]]; then
      skipped=$((skipped + 1))
    elif [[ $direct == "$gateway" ]]; then
      passed=$((passed + 1))
    elif why=$(known_difference "$1" "$test" "$direct" "$gateway"); then
      passed=$((passed + 1))
      reasons+=("$why")
    else
      client_failed "$1: \"$test\": directly $direct, through the gateway $gateway"
      reasons+=("**$test**")
    fi
  done < <(LC_ALL=C join -t $'\t' -a 1 -a 2 -e missing -o 0,1.2,2.2 "$clients_dir/$1-direct" "$clients_dir/$1-gateway")
  [[ ${#reasons[@]} -eq 0 ]] || difference=$(printf '%s\n' "${reasons[@]}" | sort | uniq -c | sed -E 's/^ *([0-9]+) (.*)/\2 (\1)/' | paste -sd ';' | sed 's/;/; /g')
}

client_failed() {
  failed=$((failed + 1))
  client_errors+=("$*")
}

# Prints why, and notes that it happened.
known_difference() { # SUITE TEST DIRECT GATEWAY
  awk -F ' [|] ' -v suite="$1" -v test="$2" -v direct="$3" -v gateway="$4" -v happened="$clients_dir/happened" '
    !/^#/ && $1 == suite && $2 == test && ($3 == direct || $3 == direct "?") && $4 == gateway { print $5; print >>happened; found = 1 }
    END { exit !found }' "$CLIENT_DIFFERENCES"
}

# What is listed for a suite that ran, and did not happen.
check_differences() {
  local line
  touch "$clients_dir/happened"
  while read -r line; do
    [[ -e $clients_dir/${line%% *}-gateway && $line != *"? | "* ]] || continue
    grep -qxF -e "$line" "$clients_dir/happened" || client_failed "listed in config/clients/differences, and not so: $line"
  done < <(grep -v '^#' "$CLIENT_DIFFERENCES")
}

end_clients() {
  local code=$?
  trap '' INT TERM HUP
  [[ -z $suite_pid ]] || { kill "$suite_pid" && wait "$suite_pid"; } 2>/dev/null
  with_target direct "$ROOT/config/clients/server" stop >/dev/null 2>&1
  [[ ${#others[@]} -eq 0 ]] || { kill "${others[@]}" 2>/dev/null; wait "${others[@]}" 2>/dev/null; }
  RCLOUD_STATE_DIR=$clients_dir/cloud "$ROOT/rcloud" down >/dev/null
  exit "$code"
}
