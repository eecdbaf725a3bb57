# shellcheck shell=bash disable=SC2154 # what other files set
# The comparison: what would be taken in the gateway's place, in front of the same Rserve nodes, and the work that is
# sent through each. docs/performance.md says what came of it.

COMPARE_PORT_BASE=26300
COMPARE_NODES=2
# Each forks an R process where nothing pools them.
COMPARE_IDLE_FORKED=200
COMPARE_IDLE=10000

command_compare() {
  local rounds=3 seconds=5 output=compare.md only='' targets='' warm_up_sessions=20000
  while [[ $# -gt 0 ]]; do
    case $1 in
      --rounds=* | --seconds=* | --output=* | --only=* | --targets=* | --warm-up-sessions=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --rounds | --seconds | --output | --only | --targets | --warm-up-sessions)
        [[ -n ${2-} ]] || wrong_usage "compare: $1 needs a value"
        local variable=${1#--}
        printf -v "${variable//-/_}" %s "$2"
        shift
        ;;
      *) wrong_usage "compare: unknown option \"$1\"" ;;
    esac
    shift
  done
  [[ $rounds =~ ^[1-9][0-9]?$ ]] || wrong_usage "compare: --rounds: \"$rounds\" is not a number from 1 to 99"
  [[ $seconds =~ ^[1-9][0-9]{0,2}$ ]] || wrong_usage "compare: --seconds: \"$seconds\" is not a number from 1 to 999"
  [[ $warm_up_sessions =~ ^[1-9][0-9]{3,5}$ ]] ||
    wrong_usage "compare: --warm-up-sessions: \"$warm_up_sessions\" is not a number from 1000 to 999999"
  output=$(readlink -m "$output")
  [[ -d ${output%/*} ]] || wrong_usage "compare: --output: there is no directory \"${output%/*}\""
  install_missing build compare

  compare_dir=$STATE_DIR/compare
  mkdir -p "$compare_dir" "$LOG_DIR"
  say "Compiling (log: $LOG_DIR/compare-build.log)"
  (cd "$ROOT" && mvn -B -q -pl wire,loadtest test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath \
    </dev/null >"$LOG_DIR/compare-build.log" 2>&1) || die_with_log "the comparison could not be compiled" "$LOG_DIR/compare-build.log"

  others=()
  trap 'end_comparison' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_compared || die "not all that is compared could be started"
  # Not under Maven, whose own work would be measured.
  "$JAVA" -Xmx1g -Xss256k -cp "$ROOT/loadtest/target/test-classes:$(<"$ROOT/loadtest/target/classpath")" \
    org.rservegateway.loadtest.compare.Compare "--rounds=$rounds" "--seconds=$seconds" "--output=$output" \
    "--only=$only" "--targets=$targets" "--warm-up-sessions=$warm_up_sessions" "${compared[@]}" ||
    exit # it has said what is wrong
  say "Written to $output"
}

start_compared() {
  direct_port=$((COMPARE_PORT_BASE + 1)) stock_port=$((COMPARE_PORT_BASE + 10))
  gateway_port=$((COMPARE_PORT_BASE + 20)) alone_port=$((COMPARE_PORT_BASE + 21))
  stream_port=$((COMPARE_PORT_BASE + 22)) haproxy_port=$((COMPARE_PORT_BASE + 23)) wstunnel_port=$((COMPARE_PORT_BASE + 24))
  local tunnel_base=$((COMPARE_PORT_BASE + 30)) admin_base=$((COMPARE_PORT_BASE + 50)) parts=$compare_dir/cloud/parts

  # More idle clients than a gateway admits by default, and still room for the next.
  RCLOUD_LIMITS_SESSIONS=$((2 * COMPARE_IDLE)) RCLOUD_TIMEOUTS_FIRSTCOMMAND=10m \
    RCLOUD_STATE_DIR=$compare_dir/cloud TUNNEL_PORT_BASE=$tunnel_base \
    NGINX_PORT=$((COMPARE_PORT_BASE + 40)) RCLOUD_ADMIN_PORT=$admin_base \
    "$ROOT/rcloud" up --detach --nodes "$COMPARE_NODES" --port "$gateway_port" >"$LOG_DIR/compare-up.log" 2>&1 ||
    die_with_log "the cluster could not be started" "$LOG_DIR/compare-up.log"
  local rserves=() tunnels=() number nginx gateway
  for number in $(seq "$COMPARE_NODES"); do
    rserves+=("--rserve=$(compared_pid "rserve-node$number")")
    tunnels+=("--program=node-tunnel:$(compared_pid "tunnel-node$number")")
  done

  local program
  read_program "$GATEWAY_JAR"
  # The first node's node-tunnel without nginx: what the gateway costs by itself. It may have so many R sessions there
  # that a node-tunnel's memory with a hundred can be seen.
  RCLOUD_POOL_MAXSESSIONSPERNODE=110 RCLOUD_LIMITS_SESSIONS=$((2 * COMPARE_IDLE)) RCLOUD_TIMEOUTS_FIRSTCOMMAND=10m \
    RCLOUD_LISTEN_PORT=$alone_port RCLOUD_ADMIN_PORT=$((admin_base + 1)) \
    RCLOUD_TUNNEL_PROXY=http://127.0.0.1:$tunnel_base RCLOUD_TUNNEL_TOKEN=$(<"$compare_dir/cloud/token") \
    "$ROOT/config/batch" "${program[@]}" >"$LOG_DIR/compare-gateway.log" 2>&1 &
  others+=($!)
  gateway=$!

  local stock=() direct=()
  direct_work=$(make_work_base) || return 1
  for number in $(seq "$COMPARE_NODES"); do
    start_direct_rserve $((direct_port + number - 1))
    direct+=("--rserve=$!")
  done
  for number in $(seq "$COMPARE_NODES"); do
    start_stock_rserve $((stock_port + number - 1))
    stock+=("--port=$((stock_port + number - 1))" "--rserve=$!")
  done

  compared_nginx >"$compare_dir/nginx.conf"
  mkdir -p "$compare_dir/logs"
  "$NGINX" -p "$compare_dir" -c "$compare_dir/nginx.conf" >"$LOG_DIR/compare-nginx.log" 2>&1 &
  others+=($!)
  nginx=$!
  compared_haproxy >"$compare_dir/haproxy.cfg"
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin haproxy -db -f "$compare_dir/haproxy.cfg" >"$LOG_DIR/compare-haproxy.log" 2>&1 &
  others+=($!)

  compared=(
    --target=direct "--port=$direct_port" "--port=$((direct_port + 1))" "${direct[@]}" "--idle=$COMPARE_IDLE_FORKED"
    "--target=stock Rserve" "${stock[@]}" "--idle=$COMPARE_IDLE_FORKED"
    "--target=nginx stream" "--port=$stream_port" "--program=nginx:$nginx" "${direct[@]}" "--idle=$COMPARE_IDLE_FORKED"
    "--target=HAProxy maxconn 15" "--port=$haproxy_port" "--program=HAProxy:$!" "${direct[@]}" --idle=30
  )
  if has wstunnel; then
    start_wstunnel
    compared+=("--target=wstunnel and nginx" "--port=$wstunnel_port" "${wstunnels[@]}" "--program=nginx:$nginx"
      "${direct[@]}" "--idle=$COMPARE_IDLE_FORKED")
  else
    wstunnel_port=
    say "wstunnel, the set-up that the gateway replaces, is left out: there is no such program (docs/performance.md says how to get it)"
  fi
  compared+=(
    "--target=gateway, nginx between" "--port=$gateway_port" "--program=gateway:$(compared_pid gateway)"
    "${tunnels[@]}" "--program=nginx:$(compared_pid nginx)" "${rserves[@]}" "--idle=$COMPARE_IDLE" --fresh
    "--target=gateway alone" "--port=$alone_port" "--program=gateway:$gateway" "${tunnels[0]}" "${rserves[0]}" "--idle=$COMPARE_IDLE"
  )

  local port deadline=$((SECONDS + START_SECONDS))
  for port in "$direct_port" "$stock_port" "$stream_port" "$haproxy_port" $wstunnel_port "$gateway_port" "$alone_port"; do
    until evaluates 127.0.0.1 "$port"; do
      ((SECONDS < deadline)) || { complain "nobody evaluates on port $port; the logs are in $LOG_DIR/compare-*.log"; return 1; }
      sleep 0.2
    done
  done
}

# The id of a part of the cluster that is compared.
compared_pid() {
  local pid
  read -r pid _ <"$parts/$1"
  echo "$pid"
}

# As a node runs it, but on a TCP port, since that is what the others lead to.
start_direct_rserve() { # PORT
  local directory=$direct_work/$1
  mkdir -p "$directory/files"
  (
    export RSERVE_RUN_DIR=$directory RSERVE_FILES_DIR=$directory/files RSERVE_PROGRAM
    RSERVE_PROGRAM=$(find_rserve)
    RSERVE_LINES="socket="$'\n'"port $1"$'\n'"remote disable"
    export RSERVE_LINES
    [[ $(id -u) != 0 ]] || export RSERVE_UIDS=$((1880000000 + $1 * 2000))-$((1880001999 + $1 * 2000))
    exec "$ROOT/config/rserve/run"
  ) </dev/null >"$LOG_DIR/compare-direct-$1.log" 2>&1 &
  others+=($!)
}

# As its package brings it: its own memory allocator, sessions' directories on disk, nothing evaluated beforehand.
start_stock_rserve() { # PORT
  local directory=$compare_dir/stock-$1
  rm -rf "$directory"
  mkdir -p "$directory"
  printf '%s\n' "port $1" "workdir $directory" "daemon disable" >"$directory/rserve.conf"
  (cd "$directory" && exec R CMD "$(find_rserve)" --no-save --RS-conf "$directory/rserve.conf") \
    </dev/null >"$LOG_DIR/compare-stock-$1.log" 2>&1 &
  others+=($!)
}

# The set-up that the gateway replaces (npm's wstunnel): one program where clients connect, nginx, and one beside each
# Rserve, which leads there only.
start_wstunnel() {
  local number
  wstunnels=()
  for number in $(seq "$COMPARE_NODES"); do
    wstunnel -s "127.0.0.1:$((wstunnel_port + number))" -t "127.0.0.1:$((direct_port + number - 1))" \
      >"$LOG_DIR/compare-wstunnel-$number.log" 2>&1 &
    others+=($!)
    wstunnels+=("--program=wstunnel:$!")
  done
  wstunnel -t "$wstunnel_port:127.0.0.1:$direct_port" "ws://127.0.0.1:$((wstunnel_port + 5))" \
    >"$LOG_DIR/compare-wstunnel-client.log" 2>&1 &
  others+=($!)
  wstunnels+=("--program=wstunnel:$!")
}

rserve_ports() { seq "$direct_port" $((direct_port + COMPARE_NODES - 1)); }

compared_nginx() {
  local module=/usr/lib/nginx/modules/ngx_stream_module.so
  [[ ! -e $module ]] || echo "load_module $module;"
  cat <<END
daemon off;
pid $compare_dir/nginx.pid;
error_log stderr warn;
worker_processes auto;
events { worker_connections 8192; }
stream {
  upstream rserve {
    least_conn;
$(rserve_ports | sed 's/.*/    server 127.0.0.1:&;/')
  }
  server { listen 127.0.0.1:$stream_port backlog=1024; proxy_pass rserve; proxy_timeout 1h; tcp_nodelay on; }
}
http {
  access_log off;
  upstream wstunnel {
    least_conn;
$(seq $((wstunnel_port + 1)) $((wstunnel_port + COMPARE_NODES)) | sed 's/.*/    server 127.0.0.1:&;/')
  }
  server {
    listen 127.0.0.1:$((wstunnel_port + 5));
    location / {
      proxy_pass http://wstunnel;
      proxy_http_version 1.1;
      proxy_set_header Upgrade \$http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
      proxy_buffering off;
    }
  }
}
END
}

# At most 15 sessions at a time on each node was the best that was found; the rest wait in HAProxy's queue.
compared_haproxy() {
  cat <<END
global
  maxconn 8000
defaults
  mode tcp
  timeout connect 10s
  timeout queue 60s
  timeout client 1h
  timeout server 1h
listen rserve
  bind 127.0.0.1:$haproxy_port backlog 1024
  balance leastconn
$(rserve_ports | sed 's/.*/  server node& 127.0.0.1:& maxconn 15/')
END
}

end_comparison() {
  local code=$?
  trap '' INT TERM HUP
  [[ ${#others[@]} -eq 0 ]] || { kill "${others[@]}" 2>/dev/null; wait "${others[@]}" 2>/dev/null; }
  RCLOUD_STATE_DIR=$compare_dir/cloud "$ROOT/rcloud" down >/dev/null
  rm -rf "$compare_dir"/stock-* ${direct_work:+"$direct_work"}
  exit "$code"
}
