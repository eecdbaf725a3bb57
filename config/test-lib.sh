# shellcheck shell=bash disable=SC2034 # what the tests read
# A few words for shell tests: expect WHAT COMMAND..., skip WHAT, and the sum at the end.

LIB_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=config/rcloud/checks.sh
. "$LIB_DIR/rcloud/checks.sh"

# A path with a space, because people have them.
TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/rcloud test.XXXXXX")
passed_count=0 failed_count=0 skipped_count=0

# expect WHAT COMMAND...: passes if the command succeeds; what it printed is shown if not.
expect() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "  ok    $what"
    passed_count=$((passed_count + 1))
  else
    echo "  FAIL  $what"
    printf '          %s\n' "${output//$'\n'/$'\n'          }"
    failed_count=$((failed_count + 1))
  fi
}

skip() {
  echo "  skip  $1"
  skipped_count=$((skipped_count + 1))
}

# exits CODE COMMAND...: true if it ends with that code; its output goes on.
exits() {
  local wanted=$1 code
  shift
  "$@"
  code=$?
  [[ $code == "$wanted" ]] || { echo "exit code $code, not $wanted"; return 1; }
}

# prints TEXT COMMAND...: true if the text is in its output, whatever its exit code.
prints() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  [[ $output == *"$text"* ]] || { echo "not in the output: $text"; echo "$output"; return 1; }
}

# eventually COMMAND...: true as soon as the command succeeds, false after 20 s.
eventually() {
  local deadline=$((SECONDS + 20))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { "$@"; return 1; }
    sleep 0.05
  done
}

not() { ! "$@"; }

# A port that nobody listens on, and that we did not give before.
free_port() {
  next_port=$((${next_port:-$((20000 + RANDOM % 8000))} + 1))
  while [[ -n $(listening_inode "$next_port") ]]; do next_port=$((next_port + 1)); done
}

http_get() { # PORT PATH: the whole answer
  bounded 5 http_exchange "$1" "$2"
}

http_exchange() {
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
  cat <&3
}

summary() {
  echo "$passed_count passed, $failed_count failed, $skipped_count skipped"
  [[ $failed_count == 0 ]]
}
