# shellcheck shell=bash disable=SC2154 # what other files set
# Starts parts again that have ended by themselves: at once the first time, then with a growing delay.

MOST_DELAY=30
STEADY_SECONDS=60

# Goes on until the run is over. While another ./rcloud is at work, it may be what ends the part.
keep_parts_running() {
  local name run=$RUN_ID
  local -A delay=() due=() began=()
  while read_run && [[ $RUN_ID == "$run" ]]; do
    # In the background, so that a signal is answered at once.
    sleep 1 &
    wait $!
    for name in $(part_names); do
      if [[ ! -e $PARTS_DIR/$name ]] || part_is_running "$name"; then
        unset "due[$name]"
      elif [[ -z ${due[$name]-} ]]; then
        ((SECONDS - ${began[$name]:-0} < STEADY_SECONDS)) || delay[$name]=0
        due[$name]=$((SECONDS + ${delay[$name]:-0}))
        complain "$(part_title "$name") ended; it is started again in ${delay[$name]:-0} s. Its log: $LOG_DIR/$name.log.1"
      fi
      if [[ -n ${due[$name]-} ]] && ((SECONDS >= due[$name])) && try_lock; then
        # Only now: it may have been removed, or the run ended, before the lock was ours.
        if [[ -e $PARTS_DIR/$name ]] && ! part_is_running "$name" && restart_part "$name"; then
          began[$name]=$SECONDS
          delay[$name]=$((2 * ${delay[$name]:-0} + 1))
          ((delay[$name] <= MOST_DELAY)) || delay[$name]=$MOST_DELAY
          unset "due[$name]"
        fi
        unlock
      fi
    done
  done
}

restart_part() {
  local numbers
  case $1 in
    rserve-node*) start_rserve "${1#rserve-node}" ;;
    tunnel-node*) start_tunnel "${1#tunnel-node}" ;;
    nginx)
      # Its workers may have outlived it, and still have the port. R sessions may outlive their Rserve.
      # shellcheck disable=SC2046 # process ids
      signal_processes KILL $(owned_processes nginx)
      wait_until_gone 2 nginx
      mapfile -t numbers < <(node_numbers)
      start_nginx "${numbers[@]}"
      ;;
    gateway) start_gateway ;;
  esac
}

# For a cloud that runs in the background: the supervisor is a process of the run as any other.
start_supervisor() {
  start_part supervisor - "$STATE_DIR" env "RCLOUD_STATE_DIR=$STATE_DIR" bash "$ROOT/rcloud" supervise
}

command_supervise() {
  umask "$PRIVATE_UMASK"
  read_run && read_settings && has_nginx || exit 1
  keep_parts_running
}
