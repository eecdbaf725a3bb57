# shellcheck shell=bash disable=SC2154 # what other files set
# The comparison: what would be taken in the gateway's place, in front of the same Rserve nodes, and the work that is
# sent through each. docs/performance.md says what came of it.

COMPARE_PORT_BASE=26300
COMPARE_NODES=2

command_compare() {
  local rounds=3 seconds=5 output=compare.md
  while [[ $# -gt 0 ]]; do
    case $1 in
      --rounds=* | --seconds=* | --output=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --rounds | --seconds | --output)
        [[ -n ${2-} ]] || wrong_usage "compare: $1 needs a value"
        printf -v "${1#--}" %s "$2"
        shift
        ;;
      *) wrong_usage "compare: unknown option \"$1\"" ;;
    esac
    shift
  done
  [[ $rounds =~ ^[1-9][0-9]?$ ]] || wrong_usage "compare: --rounds: \"$rounds\" is not a number from 1 to 99"
  [[ $seconds =~ ^[1-9][0-9]{0,2}$ ]] || wrong_usage "compare: --seconds: \"$seconds\" is not a number from 1 to 999"
  output=$(readlink -m "$output")
  install_missing build compare

  compare_dir=$STATE_DIR/compare
  mkdir -p "$compare_dir" "$LOG_DIR"
  others=()
  trap 'end_comparison' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_compared || die "not all that is compared could be started"
  say "Compiling (log: $LOG_DIR/compare-build.log)"
  (cd "$ROOT" && mvn -B -q -pl wire,loadtest test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath \
    </dev/null >"$LOG_DIR/compare-build.log" 2>&1) || die_with_log "the comparison could not be compiled" "$LOG_DIR/compare-build.log"
  # Not under Maven, whose own work would be measured.
  "$JAVA" -Xmx512m -cp "$ROOT/loadtest/target/test-classes:$(<"$ROOT/loadtest/target/classpath")" \
    org.rservegateway.loadtest.compare.Compare "--rounds=$rounds" "--seconds=$seconds" "--output=$output" \
    "direct=$direct_port" "nginx stream=$stream_port" "HAProxy maxconn 15=$haproxy_port" \
    "gateway, nginx between=$gateway_port" "gateway alone=$alone_port" || die "the comparison broke off"
  say "Written to $output"
}

start_compared() {
  direct_port=$((COMPARE_PORT_BASE + 1))
  gateway_port=$((COMPARE_PORT_BASE + 20)) alone_port=$((COMPARE_PORT_BASE + 21))
  stream_port=$((COMPARE_PORT_BASE + 22)) haproxy_port=$((COMPARE_PORT_BASE + 23))
  local tunnel_base=$((COMPARE_PORT_BASE + 30)) admin_base=$((COMPARE_PORT_BASE + 50))

  RCLOUD_STATE_DIR=$compare_dir/cloud RSERVE_PORT_BASE=$direct_port TUNNEL_PORT_BASE=$tunnel_base \
    NGINX_PORT=$((COMPARE_PORT_BASE + 40)) RCLOUD_ADMIN_PORT=$admin_base \
    "$ROOT/rcloud" up --detach --nodes "$COMPARE_NODES" --port "$gateway_port" >"$LOG_DIR/compare-up.log" 2>&1 ||
    die_with_log "the cluster could not be started" "$LOG_DIR/compare-up.log"

  # The first node's node-tunnel without nginx: what the gateway costs by itself.
  RCLOUD_LISTEN_PORT=$alone_port RCLOUD_ADMIN_PORT=$((admin_base + 1)) \
    RCLOUD_TUNNEL_PROXY=http://127.0.0.1:$tunnel_base RCLOUD_TUNNEL_TOKEN=$(<"$compare_dir/cloud/token") \
    "$JAVA" "@$JAVA_DIR/gateway.options" -jar "$GATEWAY_JAR" >"$LOG_DIR/compare-gateway.log" 2>&1 &
  others+=($!)

  compared_nginx >"$compare_dir/nginx.conf"
  mkdir -p "$compare_dir/logs"
  "$NGINX" -p "$compare_dir" -c "$compare_dir/nginx.conf" >"$LOG_DIR/compare-nginx.log" 2>&1 &
  others+=($!)
  compared_haproxy >"$compare_dir/haproxy.cfg"
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin haproxy -db -f "$compare_dir/haproxy.cfg" >"$LOG_DIR/compare-haproxy.log" 2>&1 &
  others+=($!)

  local port deadline=$((SECONDS + START_SECONDS))
  for port in "$direct_port" "$stream_port" "$haproxy_port" "$gateway_port" "$alone_port"; do
    until evaluates 127.0.0.1 "$port"; do
      ((SECONDS < deadline)) || { complain "nobody evaluates on port $port; the logs are in $LOG_DIR/compare-*.log"; return 1; }
      sleep 0.2
    done
  done
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
  exit "$code"
}
