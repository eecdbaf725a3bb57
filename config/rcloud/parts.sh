# shellcheck shell=bash disable=SC2154 # what other files set
# The parts of the cloud: each node's Rserve and node-tunnel, nginx, the gateway.

NODES_DIR=$STATE_DIR/nodes
NGINX_DIR=$STATE_DIR/nginx
JAVA_DIR=$ROOT/config/java
START_SECONDS=60
# One heap of the C library's for all threads, trimmed: Java's compilers leave a dozen MiB in others that nobody needs.
JAVA_COMMAND=(env MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 "$JAVA")

rserve_port() { echo $((RSERVE_PORT_BASE + $1 - 1)); }

tunnel_port() { echo $((TUNNEL_PORT_BASE + $1 - 1)); }

# The numbers of the nodes that were started: 1, 2, ...
node_numbers() {
  local name
  for name in "$NODES_DIR"/node*; do
    [[ ! -d $name ]] || echo "${name##*/node}"
  done | sort -n
}

# Where the R sessions of a node work.
work_directory() { # NODE_NUMBER
  echo "$(<"$STATE_DIR/work")/node$1"
}

start_rserve() { # NODE_NUMBER
  local directory=$NODES_DIR/node$1 work rserve
  rserve=$(find_rserve) || die "Rserve is not found any more"
  work=$(work_directory "$1")
  mkdir -p "$directory" "$work"
  fill_template "$ROOT/config/rserve.conf" \
    RSERVE_PORT "$(rserve_port "$1")" WORK_DIR "$work" >"$directory/rserve.conf"
  # Huge pages for R's heap: the fork copies fewer page-table entries, so a session starts and ends faster. Functions
  # of libraries are found once, and not by each session for itself. Room for a million of R's cells (56 MB) before it
  # looks for garbage: that takes a session 30 ms, and a copy of all that it shares with the others.
  # Mistakes go to standard error. Standard output is left out of the log: each session would write there
  # again, at its end, what Rserve had not flushed before the fork.
  # shellcheck disable=SC2016 # for the other shell
  GLIBC_TUNABLES=glibc.malloc.hugetlb=1 LD_BIND_NOW=1 \
    start_part "rserve-node$1" "$(rserve_port "$1")" "$directory" sh -c 'exec "$@" >/dev/null' sh \
    R CMD "$rserve" --no-save --min-nsize=1M --RS-conf "$directory/rserve.conf"
}

# fill_template FILE NAME VALUE...: prints it with @NAME@ replaced.
fill_template() {
  local text
  text=$(<"$1")
  shift
  while [[ $# -gt 0 ]]; do
    text=${text//"@$1@"/"$2"}
    shift 2
  done
  printf '%s\n' "$text"
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
  read_program "$NODE_TUNNEL_JAR"
  NODE_TUNNEL_HOST=127.0.0.1 NODE_TUNNEL_PORT=$(tunnel_port "$1") RSERVE_PORT=$(rserve_port "$1") \
    NODE_NAME=node$1 TUNNEL_TOKEN=$(<"$STATE_DIR/token") \
    NODE_TUNNEL_DRAIN=5 NODE_TUNNEL_STATE_DIR=$NODES_DIR/node$1/tunnel RSERVE_WORK_DIR=$(work_directory "$1") \
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
  mkdir -p "$NGINX_DIR"
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
  RCLOUD_LISTEN_HOST=$host RCLOUD_LISTEN_PORT=$port RCLOUD_ADMIN_PORT=$admin_port \
    RCLOUD_TUNNEL_PROXY=http://127.0.0.1:$NGINX_PORT RCLOUD_TUNNEL_TOKEN=$(<"$STATE_DIR/token") \
    start_part gateway "$port" "$STATE_DIR" "$ROOT/config/batch" "${program[@]}" ${arguments[@]+"${arguments[@]}"}
}

# True if the part does its work now.
part_is_healthy() {
  read_part "$1" || return 1
  case $1 in
    gateway) evaluates "$(reachable_host "$host")" "$part_port" ;;
    nginx) http_is_ok "$part_port" /health ;;
    tunnel-*) http_is_ok "$part_port" /health ;;
    rserve-*) rserve_greets "$part_port" ;;
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
