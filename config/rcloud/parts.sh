# shellcheck shell=bash disable=SC2154 # what other files set
# The parts of the cloud: each node's Rserve and node-tunnel, nginx, the gateway.

NGINX_DIR=$STATE_DIR/nginx
JAVA_DIR=$ROOT/config/java
START_SECONDS=60
# One heap of the C library's for all threads, trimmed: Java's compilers leave a dozen MiB in others that nobody needs.
JAVA_COMMAND=(env MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 "$JAVA")

tunnel_port() { echo $((TUNNEL_PORT_BASE + $1 - 1)); }

# The numbers of the nodes that were started: 1, 2, ...
node_numbers() {
  local name
  for name in "$NODES_DIR"/node*; do
    [[ ! -d $name ]] || echo "${name##*/node}"
  done | sort -n
}

# A node's directory for Rserve's socket and for what its R sessions write.
node_directory() { # NODE_NUMBER
  echo "$(<"$STATE_DIR/work")/node$1"
}

rserve_socket() { # NODE_NUMBER
  echo "$(node_directory "$1")/socket/rserve"
}

# As root each R session has a user of its own. No two node-tunnels of a machine have the same port, nor the same of
# these numbers, which no other system is known to use (systemd's "unused" range).
node_uids() { # NODE_NUMBER
  local first
  first=$((1880000000 + $(tunnel_port "$1") * 2000))
  echo "$first-$((first + 1999))"
}

start_rserve() { # NODE_NUMBER
  local directory work rserve settings=()
  directory=$NODES_DIR/node$1
  rserve=$(find_rserve) || die "Rserve is not found any more"
  work=$(node_directory "$1")
  (($(printf '%s' "$work/socket/rserve" | wc -c) <= 107)) ||
    die "$work is too long a path for a socket; choose a shorter directory with RSERVE_WORK_BASE"
  make_directory "$directory"
  make_directory "$work/files"
  settings=("RSERVE_RUN_DIR=$work" "RSERVE_FILES_DIR=$work/files" "RSERVE_PROGRAM=$rserve"
    "RSERVE_ENVIRONMENT=${RSERVE_ENVIRONMENT-} RSERVE_CLOUD_RUN")
  if [[ $(id -u) == 0 ]]; then
    mountpoint -q "$work/files" ||
      mount -t tmpfs -o "nosuid,nodev,mode=711,size=${RSERVE_FILES:-1g},nr_inodes=100k" rserve "$work/files" ||
      die "no file system of RSERVE_FILES=${RSERVE_FILES:-1g} could be mounted"
    node_uids "$1" >"$directory/uids"
    settings+=("RSERVE_UIDS=$(<"$directory/uids")" RSERVE_ENCLOSE=yes "RSERVE_NETWORK=${RSERVE_NETWORK:-none}"
      "RSERVE_MAX_PROCESSES=${RSERVE_MAX_PROCESSES:-200}")
    limit_network apply "$1" || die "RSERVE_NETWORK: see above"
  fi
  start_part "rserve-node$1" - "$directory" env "${settings[@]}" "$ROOT/config/rserve/run"
}

# Where R sessions have a network at all, what they reach of it; the parts of the cloud never.
limit_network() { # apply|remove NODE_NUMBER
  local uids=$NODES_DIR/node$2/uids
  [[ -e $uids && ${RSERVE_NETWORK:-none} != none ]] || return 0
  RSERVE_UIDS=$(<"$uids") RSERVE_NETWORK=$RSERVE_NETWORK \
    RSERVE_PROTECTED_PORTS="$port $admin_port $NGINX_PORT $TUNNEL_PORT_BASE-$((TUNNEL_PORT_BASE + 998))" \
    "$ROOT/config/rserve/network" "$1"
}

# Reads into "program" the command that starts a jar, with its options, and from its archive if there is one.
read_program() { # JAR
  local archive_options
  read_archive_options "$1"
  program=("${JAVA_COMMAND[@]}" "@$JAVA_DIR/$(basename "$1" .jar).options"
    ${archive_options[@]+"${archive_options[@]}"} -jar "$1")
}

start_tunnel() { # NODE_NUMBER
  local program
  local work sessions=work uids='' shared=''
  work=$(node_directory "$1")
  if [[ -e $NODES_DIR/node$1/uids ]]; then
    sessions=sessions uids=$(<"$NODES_DIR/node$1/uids") shared=$work/files/tmp:$work/files/shm
  fi
  read_program "$NODE_TUNNEL_JAR"
  NODE_TUNNEL_HOST=127.0.0.1 NODE_TUNNEL_PORT=$(tunnel_port "$1") RSERVE_SOCKET=$work/socket/rserve \
    NODE_NAME=node$1 NODE_TUNNEL_TOKEN_FILE=$STATE_DIR/token \
    NODE_TUNNEL_DRAIN=5 NODE_TUNNEL_STATE_DIR=$NODES_DIR/node$1/tunnel \
    RSERVE_WORK_DIR=$work/files/$sessions RSERVE_UIDS=$uids RSERVE_SHARED_DIRS=$shared \
    start_part "tunnel-node$1" "$(tunnel_port "$1")" "$NODES_DIR/node$1" "${program[@]}"
}

# Writes nginx's configuration for the nodes with these numbers.
render_nginx() { # OUTPUT NODE_NUMBER...
  local output=$1 nodes='' number
  shift
  for number; do
    nodes+="node$number=127.0.0.1:$(tunnel_port "$number"),"
  done
  RSERVE_NODES=$nodes NGINX_HOST=127.0.0.1 NGINX_PORT=$NGINX_PORT NGINX_RUN_DIR=$NGINX_DIR \
    "$ROOT/config/nginx/render" --output "$output"
}

# nginx as we call it; before 1.19.5 it can't be told where to log until it has read its configuration.
nginx_command() {
  nginx_command=("$NGINX" -c "$1")
  [[ $("$NGINX" -h 2>&1) != *'-e filename'* ]] || nginx_command+=(-e stderr)
}

start_nginx() { # NODE_NUMBER...
  make_directory "$NGINX_DIR" # its workers may be another user
  render_nginx "$NGINX_DIR/nginx.conf" "$@" || die "nginx's configuration could not be made"
  nginx_command "$NGINX_DIR/nginx.conf"
  start_part nginx "$NGINX_PORT" "$NGINX_DIR" "$ROOT/config/batch" "${nginx_command[@]}"
}

# Tells the running nginx the nodes; tunnels that stand stay.
reload_nginx() { # NODE_NUMBER...
  local answer
  render_nginx "$NGINX_DIR/next.conf" "$@" || return 1
  nginx_command "$NGINX_DIR/next.conf"
  answer=$("${nginx_command[@]}" -t 2>&1) || { complain "$answer"; return 1; }
  mv "$NGINX_DIR/next.conf" "$NGINX_DIR/nginx.conf"
  part_is_running nginx && kill -HUP "$part_pid"
}

start_gateway() { # [OPTION]
  local arguments=("$@") program
  read_program "$GATEWAY_JAR"
  [[ -z $config ]] || arguments+=(--config "$config")
  # Only for this function and what it starts. An empty setting stands for one of the configuration's.
  if [[ -n ${admin_token_file-} ]]; then
    local -x RCLOUD_ADMIN_TOKEN='' RCLOUD_ADMIN_TOKENFILE=$admin_token_file
  fi
  RCLOUD_LISTEN_HOST=$host RCLOUD_LISTEN_PORT=$port RCLOUD_ADMIN_HOST=$admin_host RCLOUD_ADMIN_PORT=$admin_port \
    RCLOUD_TUNNEL_PROXY=http://127.0.0.1:$NGINX_PORT RCLOUD_TUNNEL_TOKEN='' RCLOUD_TUNNEL_TOKENFILE=$STATE_DIR/token \
    start_part gateway "$port" "$STATE_DIR" "$ROOT/config/batch" "${program[@]}" ${arguments[@]+"${arguments[@]}"}
}

# True if the part does its work now.
part_is_healthy() {
  read_part "$1" || return 1
  case $1 in
    # Clients may need a login, TLS or a place in the queue; its admin port does not.
    gateway) http_is_ok "$(reachable_host "$admin_host")" "$admin_port" /health/ready ;;
    nginx | tunnel-*) http_is_ok 127.0.0.1 "$part_port" /health ;;
    rserve-*) rserve_listens "$part_pid" "$(rserve_socket "${1#rserve-node}")" ;;
  esac
}

part_title() {
  case $1 in
    rserve-*) echo "Rserve ${1#rserve-}" ;;
    tunnel-*) echo "node-tunnel ${1#tunnel-}" ;;
    *) echo "$1" ;;
  esac
}

await_part() {
  local title began=$SECONDS
  title=$(part_title "$1")
  begin_step "$title"
  until part_is_healthy "$1"; do
    part_is_running "$1" || die_with_log "$title ended while it was being started" "$LOG_DIR/$1.log"
    ((SECONDS - began < START_SECONDS)) || die_with_log "$title runs, but did not do its work within $START_SECONDS s" "$LOG_DIR/$1.log"
    show_progress
    sleep 0.1
  done
  end_step "$(listens_on "$1")"
}

start_nodes() { # NODE_NUMBER...
  local number
  for number; do start_rserve "$number"; done
  for number; do await_part "rserve-node$number"; done
  for number; do start_tunnel "$number"; done
}

await_tunnels() {
  local number
  for number; do await_part "tunnel-node$number"; done
}
