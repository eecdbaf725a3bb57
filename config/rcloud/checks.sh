# shellcheck shell=bash disable=SC2154 # what other files set
# What tells whether a part does its work: real exchanges, each in bounded time, with nothing but bash.

# bounded SECONDS FUNCTION ARGUMENT...: the function in a process of its own.
bounded() {
  local seconds=$1 function=$2
  shift
  timeout "$seconds" bash -c "$(declare -f "$function"); \"\$@\"" bounded "$@" 2>/dev/null 9>&-
}

# A connection would be an R session; only the node-tunnel opens these.
rserve_listens() { # PID SOCKET
  [[ -S $2 ]] && grep -q " $2\$" "/proc/$1/net/unix" 2>/dev/null
}

http_status_line() { # HOST PORT PATH
  exec 3<>"/dev/tcp/$1/$2" || exit
  printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$3" "$1" "$2" >&3
  IFS= read -r line <&3 && printf '%s' "$line"
}

http_is_ok() { # HOST PORT PATH
  [[ $(bounded 5 http_status_line "$1" "$2" "$3") == HTTP/1.?\ 200* ]]
}

# How a greeting begins: "Rsrv", or "RsOC" where there are object capabilities.
greeting() { # HOST PORT
  exec 3<>"/dev/tcp/$1/$2" || exit
  head -c 4 <&3
}

# A client's first minute: greeting, CMD_eval of the DT_STRING "1+1", and the answer, in hexadecimal.
evaluation() { # HOST PORT
  exec 3<>"/dev/tcp/$1/$2" || exit
  head -c 32 <&3 >/dev/null
  printf '\3\0\0\0\10\0\0\0\0\0\0\0\0\0\0\0\4\4\0\0001+1\0' >&3
  # Header 16, DT_SEXP 4, XT_ARRAY_DOUBLE 4, one double 8.
  head -c 32 <&3 | od -An -v -tx1 | tr -d ' \n'
}

# True if 1+1 comes back as 2: RESP_OK, and 2.0 as a little-endian double.
evaluates() { # HOST PORT
  local answer
  answer=$(bounded 10 evaluation "$1" "$2")
  [[ $answer == 01000100* && $answer == *0000000000000040 ]]
}

# Where to reach a listener that may listen on all addresses.
reachable_host() {
  case $1 in
    0.0.0.0 | '*' | '') echo 127.0.0.1 ;;
    :: | '[::]') echo ::1 ;;
    *) echo "$1" ;;
  esac
}

# The inode of the socket that listens on a TCP port; nothing if there is none.
listening_inode() {
  awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ (":" port "$") { print $10; exit }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# " (by process 123, nginx)" where we may see who owns a socket.
socket_owner() {
  local path pid
  path=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null)
  pid=${path#/proc/}
  pid=${pid%%/*}
  [[ -z $pid ]] || printf ' (by process %s, %s)' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)"
}
