# shellcheck shell=bash disable=SC2034,SC2154 # what other files use and set
# What the running cloud was started with, kept for `scale`, `restart` and whoever starts a part again.

# What a node or nginx takes from the environment: kept from `up`, so that `scale` goes on with the same.
KEPT_VARIABLES=(RSERVE_WARM_UP RSERVE_NETWORK RSERVE_FILES RSERVE_MAX_PROCESSES RSERVE_ENVIRONMENT
  NODE_TUNNEL_KEEP NODE_TUNNEL_KEEP_DIRECTORIES NODE_TUNNEL_KEEP_BYTES NGINX_CONNECT_TIMEOUT NGINX_READ_TIMEOUT NGINX_SEND_TIMEOUT
  NGINX_WORKER_SHUTDOWN_TIMEOUT NGINX_WORKERS NGINX_WORKER_CONNECTIONS NGINX_BUFFER NGINX_ACCESS_LOG NGINX_LOG_LEVEL)

write_settings() {
  local name
  for name in host port admin_host admin_port admin_token_file config NGINX_PORT TUNNEL_PORT_BASE; do
    printf '%s=%q\n' "$name" "${!name-}"
  done >"$STATE_DIR/settings"
  for name in "${KEPT_VARIABLES[@]}"; do
    [[ -z ${!name+set} ]] || printf 'export %s=%q\n' "$name" "${!name}"
  done >>"$STATE_DIR/settings"
  # The gateway's own, but for secrets, which have files of their own; what the environment says later goes before.
  for name in "${!RCLOUD_@}"; do
    case $name in RCLOUD_STATE_DIR | RCLOUD_LISTEN_PORT | RCLOUD_LISTEN_HOST | RCLOUD_ADMIN_PORT | RCLOUD_ADMIN_HOST | *_TOKEN | *_TOKENFILE) continue ;; esac
    # shellcheck disable=SC2016 # for the shell that reads it
    printf '[[ -n ${%s+set} ]] || export %s=%q\n' "$name" "$name" "${!name}"
  done >>"$STATE_DIR/settings"
}

# What the running cloud was started with, whatever the environment says now.
read_settings() {
  host=127.0.0.1 admin_host=127.0.0.1
  [[ -e $STATE_DIR/settings ]] || return 1
  unset "${KEPT_VARIABLES[@]}" RCLOUD_ADMIN_TOKEN RCLOUD_ADMIN_TOKENFILE RCLOUD_TUNNEL_TOKEN RCLOUD_TUNNEL_TOKENFILE
  # shellcheck source=/dev/null
  . "$STATE_DIR/settings"
}
