# shellcheck shell=bash disable=SC2034,SC2119,SC2120 # what other files read and call
# The processes that `up` started: how they are started, known again, and ended.
#
# A bare process id says nothing, because ids come round. A process is ours if
#   - its environment holds the random mark of this run, which every descendant inherits, also one that
#     made itself a daemon; or
#   - its user is one of those that a node's R sessions have, each their own; or
#   - it belongs to the session (setsid) of a part whose leader still has the start time we noted; or
#   - it belongs to such a session, the leader is gone, and it works below our state directory.
# The second and third are for nginx, which overwrites its environment with its title.

PARTS_DIR=$STATE_DIR/parts
NODES_DIR=$STATE_DIR/nodes
LOG_DIR=$STATE_DIR/log
STOP_SECONDS=10

# For what `up` and its like write: tokens, settings and logs are nobody else's.
PRIVATE_UMASK=077
USUAL_UMASK=$(umask)

# Reads /proc/PID/stat: process_state, process_parent, process_session,
# process_start. False if there is no such process, or a dead one.
read_process() {
  local stat=
  # The name, in parentheses, may hold anything, the end of a line too.
  { IFS= read -r -d '' stat <"/proc/$1/stat"; } 2>/dev/null
  # shellcheck disable=SC2086 # split into fields
  set -- ${stat##*) }
  [[ $# -ge 20 ]] || return 1
  process_state=$1 process_parent=$2 process_session=$4 process_start=${20}
  [[ $process_state != [ZX] ]]
}

# A directory through which other users, such as R's, may reach what is theirs, but in which they see nothing.
make_directory() { # DIRECTORY
  [[ -d $1 ]] || (umask 066 && mkdir -p "$1")
}

# A new run: the mark, and the boot it belongs to.
begin_run() {
  forget_run
  mkdir -p "$PARTS_DIR" "$LOG_DIR"
  make_work_base >"$STATE_DIR/work"
  RUN_ID=$(random_hex 16)
  printf '%s %s\n' "$RUN_ID" "$(boot_id)" >"$STATE_DIR/run"
}

# A directory of its own for Rserves' sockets and for what R sessions write, which is in memory where that can be: each
# session makes and removes directories, which a disk takes ten times as long for. As root each node has a file system
# of its own below it; the names are short, since a socket's path has 107 bytes at most.
make_work_base() {
  if [[ -z ${RSERVE_WORK_BASE-} && $(id -u) == 0 ]]; then
    RSERVE_WORK_BASE=/run
  fi
  if [[ -n ${RSERVE_WORK_BASE-} ]]; then
    (
      directory=$(mktemp -d "$RSERVE_WORK_BASE/rcloud.XXXXXX") && chmod 711 "$directory" && echo "$directory"
    ) || die "RSERVE_WORK_BASE: no directory can be made in \"$RSERVE_WORK_BASE\""
  elif [[ $(stat -f -c %T /dev/shm 2>/dev/null) != tmpfs ]] || ! mktemp -d /dev/shm/rcloud.XXXXXX 2>/dev/null; then
    make_directory "$STATE_DIR/nodes" && make_directory "$STATE_DIR/nodes/work" && echo "$STATE_DIR/nodes/work"
  fi
}

boot_id() { cat /proc/sys/kernel/random/boot_id; }

random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# False if nothing was started since the machine booted.
read_run() {
  local boot
  RUN_ID=
  { read -r RUN_ID boot <"$STATE_DIR/run"; } 2>/dev/null || return 1
  [[ -n $RUN_ID && $boot == "$(boot_id)" ]]
}

# start_part NAME PORT DIRECTORY COMMAND...: in a session of its own, with its output in its log.
start_part() {
  local name=$1 port=$2 directory=$3 log=$LOG_DIR/$1.log
  shift 3
  [[ ! -e $log ]] || mv -f "$log" "$log.1"
  # A shell starts what it puts in the background with SIGINT ignored, and R's system() would pass that on.
  (umask "$USUAL_UMASK" && cd "$directory" && exec env -u RCLOUD_STATE_DIR --default-signal=INT,QUIT "RSERVE_CLOUD_RUN=$RUN_ID" \
    setsid "$@") </dev/null >"$log" 2>&1 9>&- &
  read_process $! || process_start=0
  printf '%s %s %s\n' $! "$process_start" "$port" >"$PARTS_DIR/$name"
}

# Reads a part's record: part_pid, part_start, part_port.
read_part() {
  { read -r part_pid part_start part_port <"$PARTS_DIR/$1"; } 2>/dev/null
}

part_is_running() {
  read_part "$1" && read_process "$part_pid" && [[ $process_start == "$part_start" ]]
}

# The names of all parts that were started, in the order in which they are shown.
part_names() {
  local name
  [[ -d $PARTS_DIR ]] || return 0
  for name in gateway nginx build; do
    [[ ! -e $PARTS_DIR/$name ]] || echo "$name"
  done
  (cd "$PARTS_DIR" && printf '%s\n' tunnel-* rserve-* | grep -v '\*' | sort -V -t - -k 2)
}

any_part_is_running() {
  local name
  read_run || return 1
  for name in $(part_names); do
    ! part_is_running "$name" || return 0
  done
  return 1
}

# Prints the ids of all processes that are ours; with names of parts, only of these parts' sessions.
owned_processes() {
  read_run || return 0
  {
    [[ $# -gt 0 ]] || grep -lzxF "RSERVE_CLOUD_RUN=$RUN_ID" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
    session_members "$@"
    processes_of_session_users "$@"
  } | sort -un
}

# What runs as a user of the R sessions of all nodes, or of these parts.
processes_of_session_users() { # [PART]...
  local name ranges=''
  for name in "$NODES_DIR"/node*/uids; do
    [[ -e $name ]] || continue
    name=${name%/uids}
    if [[ $# -eq 0 || " $* " == *" rserve-${name##*/} "* ]]; then ranges+=" $(<"$name/uids")"; fi
  done
  [[ -z $ranges ]] || awk -v ranges="${ranges# }" '
    BEGIN { n = split(ranges, range, " ") }
    $1 == "Uid:" {
      for (i = 1; i <= n; i++) { split(range[i], bound, "-"); if ($2 >= bound[1] && $2 <= bound[2]) { split(FILENAME, path, "/"); print path[3] } }
      nextfile
    }' /proc/[0-9]*/status 2>/dev/null
}

session_members() {
  local name pid directory work
  local -A leader_lives=()
  work=$(cat "$STATE_DIR/work" 2>/dev/null)
  # shellcheck disable=SC2046 # names hold no white space
  [[ $# -gt 0 ]] || set -- $(part_names)
  for name; do
    if part_is_running "$name"; then
      leader_lives[$part_pid]=yes
    elif read_part "$name"; then
      # Another process that has the leader's id by now is a stranger, and so is its session.
      read_process "$part_pid" || leader_lives[$part_pid]=no
    fi
  done
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    read_process "$pid" || continue
    case ${leader_lives[$process_session]-} in
      yes) echo "$pid" ;;
      no)
        directory=$(readlink "/proc/$pid/cwd" 2>/dev/null) || continue
        [[ $directory/ != "$STATE_DIR"/* && $directory/ != "${work:-$STATE_DIR}"/* ]] || echo "$pid"
        ;;
    esac
  done
}

count_children() { # PID
  local pid count=0
  for pid in /proc/[0-9]*; do
    ! read_process "${pid#/proc/}" || [[ $process_parent != "$1" ]] || count=$((count + 1))
  done
  echo "$count"
}

# Waits until none of the named parts (of all, without names) has a process left; false after SECONDS.
wait_until_gone() {
  local deadline=$((SECONDS + $1))
  shift
  while [[ -n $(owned_processes "$@") ]]; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

signal_processes() { # SIGNAL PID...
  local signal=$1
  shift
  [[ $# -eq 0 ]] || kill -s "$signal" "$@" 2>/dev/null
}

# Ends the named parts with all that they started, or everything. SIGTERM, a bounded wait, SIGKILL.
stop_parts() {
  local deadline name
  # shellcheck disable=SC2046 # process ids
  signal_processes TERM $(owned_processes "$@")
  if ! wait_until_gone "$STOP_SECONDS" "$@"; then
    deadline=$((SECONDS + STOP_SECONDS))
    while ((SECONDS < deadline)); do
      # Again and again: a process may have started another meanwhile.
      # shellcheck disable=SC2046 # process ids
      signal_processes KILL $(owned_processes "$@")
      ! wait_until_gone 1 "$@" || break
    done
  fi
  [[ -z $(owned_processes "$@") ]] || return 1
  for name; do
    rm -f "$PARTS_DIR/$name"
  done
}

# Ends all that a run started and forgets the run; the logs stay.
stop_everything() {
  # The gateway first: it answers the requests that are under way before their R goes.
  if part_is_running gateway; then
    signal_processes INT "$part_pid" # at once; SIGTERM would let sessions go on
    wait_until_gone "$STOP_SECONDS" gateway
  fi
  if ! stop_parts; then
    # shellcheck disable=SC2046 # process ids
    complain "these processes could not be ended:" $(owned_processes)
    return 1
  fi
  forget_run
}

forget_run() {
  local work uids
  for uids in "$NODES_DIR"/node*/uids; do
    [[ ! -e $uids ]] || RSERVE_UIDS=$(<"$uids") "$ROOT/config/rserve/network" remove
  done
  work=$(cat "$STATE_DIR/work" 2>/dev/null)
  if [[ -n $work ]]; then
    unmount_files "$work"/node*
    rm -rf --one-file-system "$work"
  fi
  rm -rf "$PARTS_DIR" "$STATE_DIR"/{nodes,nginx,run,token,admin.token,settings,work}
}

# Nodes' file systems for what R sessions write; as root only.
unmount_files() { # NODE_DIRECTORY...
  local directory
  for directory; do
    ! mountpoint -q "$directory/files" || umount "$directory/files" || umount -l "$directory/files"
  done
}
