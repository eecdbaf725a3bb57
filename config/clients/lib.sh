# shellcheck shell=bash disable=SC2034,SC2154 # what the suites read and set
# What the suites of Rserve's clients have in common. Each is a script in suites/ that is called as
#
#   SUITE describe        prints its title, its language and the version of what it tests, with tabs between
#   SUITE fetch           brings what it needs into the cache, once, with a log beside it. Ends with 3 where that can't be
#                         had, and prints why
#   SUITE run HOST PORT   runs the tests against that server. Prints a line for each: pass, fail or skip, a tab, and the
#                         test's name; and at last "N passed, M failed, K skipped"
#
# A suite sets title, language and version, and has two functions: download fills the directory it starts in, which is
# the suite's entry in the cache; tests starts in an empty directory and prints the lines. Nothing that is downloaded
# belongs into the repository, since its licences are others'.
#
# Environment
#   XDG_CACHE_HOME   the cache is the directory rcloud-clients below it (HOME/.cache)
#   CLIENTS_LOGIN    a port of that server where clients have to log in
#   CLIENTS_SERVER   config/clients/server, by which a suite starts the server anew
set -uo pipefail

CLIENTS_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
CACHE=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/rcloud-clients
DOWNLOAD_SECONDS=120
NOT_TO_BE_HAD=3

has() { command -v "$1" >/dev/null 2>&1; }

suite() { # WHAT [HOST PORT]
  local code
  name=$(basename "$0")
  # Another way to download it makes another entry.
  entry=$CACHE/$name/$version-$(cat "$0" "$CLIENTS_DIR"/*.sh "$CLIENTS_DIR"/programs/RunTests.java | cksum | cut -d ' ' -f 1)
  case ${1-} in
    describe) printf '%s\t%s\t%s\n' "$title" "$language" "$(cat "$entry/version" 2>/dev/null || echo "$version")" ;;
    fetch) fetch ;;
    run)
      host=$2 port=$3
      scratch=$(mktemp -d "${TMPDIR:-/tmp}/rcloud-clients.XXXXXX") || exit
      trap 'rm -rf "$scratch"' EXIT
      cd "$scratch" || exit
      tests </dev/null | tee "$scratch/results"
      summary "$scratch/results"
      ;;
    *)
      echo "usage: $0 describe | fetch | run HOST PORT" >&2
      exit 64
      ;;
  esac
}

fetch() {
  local code
  [[ ! -e $entry/complete ]] || return 0
  rm -rf "${CACHE:?}/$name"
  mkdir -p "$entry" || exit
  # What says why goes to where we print, all else into a log.
  (cd "$entry" && download) 3>&1 </dev/null >"$CACHE/$name.log" 2>&1
  code=$?
  if [[ $code == 0 ]]; then
    touch "$entry/complete"
  else
    rm -rf "$entry"
    [[ $code == "$NOT_TO_BE_HAD" ]] || { echo "its download broke:"; tail -n 15 "$CACHE/$name.log"; }
  fi
  return "$code"
}

left_out() { # WHY
  echo "$*" >&3
  exit "$NOT_TO_BE_HAD"
}

needs() { # PROGRAM WHAT
  has "$1" || left_out "there is no $1 here${2:+ ($2)}"
}

# bring WHAT COMMAND...: a download; where it does not come about in time, the suite is left out.
bring() {
  local what=$1
  shift
  timeout --kill-after=5 "$DOWNLOAD_SECONDS" "$@" || left_out "$what could not be reached"
}

# One commit, by its hash, which is a checksum of all that it holds.
github() { # OWNER/NAME COMMIT DIRECTORY
  needs git
  git init -q "$3" && GIT_TERMINAL_PROMPT=0 bring "github.com/$1" git -C "$3" fetch -q --depth 1 "https://github.com/$1" "$2" &&
    git -C "$3" -c advice.detachedHead=false checkout -q FETCH_HEAD && rm -rf "$3/.git"
}

# What Debian's package is made from, without Debian's changes, unpacked into the directory; its version into a file. The machine's own list of
# sources stays as it is; apt gets a list of its own, in which each line asks for sources too.
debian_source() { # PACKAGE DIRECTORY
  local apt=$PWD/apt archive
  needs apt-get
  mkdir -p "$apt"/{parts,lists/partial,cache/archives/partial} "$2"
  cp /etc/apt/sources.list.d/*.{list,sources} "$apt/parts/" 2>/dev/null
  cp /etc/apt/sources.list "$apt/" 2>/dev/null || : >"$apt/sources.list"
  sed -i -e 's/^deb /deb-src /' -e 's/^Types:.*/Types: deb-src/' "$apt"/sources.list "$apt"/parts/* 2>/dev/null
  local options=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none
    -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
  bring "Debian's lists of sources" apt-get "${options[@]}" update
  (cd "$2" && bring "Debian's source package of $1" apt-get "${options[@]}" source --download-only --tar-only "$1") || exit
  for archive in "$2"/*.orig.tar.*; do
    [[ $archive != *.asc ]] || continue
    archive=${archive##*/}
    (cd "$2" && tar xf "$archive" --strip-components=1) && archive=${archive#*_} && echo "${archive%.orig.tar.*}" >version || return
  done
  rm -rf "$apt"
}

# perl's modules that a suite needs.
needs_perl() { # MODULE...
  local module
  for module; do
    perl -M"$module" -e 1 2>/dev/null || left_out "there is no $module for perl here"
  done
}

# ---- results

pass() { printf 'pass\t%s\n' "$*"; }

fail() { printf 'fail\t%s\n' "$*"; }

# passes NAME COMMAND...: a test that passes if the command succeeds; what it printed is shown if not.
passes() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    pass "$name"
  else
    fail "$name"
    printf '%s\n' "$output" >&2
  fi
}

# The lines for what the Test Anything Protocol says, which perl's, mocha's and our own programs speak.
tap() { # [PREFIX]
  PREFIX=${1:+$1: } awk '
    /^(not )?ok / {
      verdict = /^ok / ? "pass" : "fail"
      name = $0
      sub(/^(not )?ok [0-9]*( -)? */, "", name)
      # A test that is skipped may have no other name than why.
      if (sub(/^# *(SKIP|skip) */, "", name) || name ~ /# *(SKIP|skip)/) verdict = "skip"
      sub(/ *(#.*)?$/, "", name)
      printf "%s\t%s%s\n", verdict, ENVIRON["PREFIX"], name
    }
    /^1\.\.0 *# *(SKIP|skip)/ { printf "skip\t%sall of it\n", ENVIRON["PREFIX"] }'
}

# A program that speaks TAP: what it says, and whether it ended well.
tap_program() { # PREFIX COMMAND...
  local prefix=$1
  shift
  "$@" | tee "$scratch/tap" | tap "$prefix"
  if [[ ${PIPESTATUS[0]} == 0 ]]; then
    pass "$prefix: ends well"
  else
    fail "$prefix: ends well"
  fi
  cat "$scratch/tap" >&2
}

# pytest's words, as --verbose prints them.
pytest_lines() {
  sed -nE 's/^([^ ]+::[^ ]+) PASSED.*/pass\t\1/p; s/^([^ ]+::[^ ]+) (FAILED|ERROR).*/fail\t\1/p; s/^([^ ]+::[^ ]+) SKIPPED.*/skip\t\1/p'
}

# Go's words, as -v prints them.
go_lines() {
  sed -nE 's/^ *--- PASS: ([^ ]+).*/pass\t\1/p; s/^ *--- FAIL: ([^ ]+).*/fail\t\1/p; s/^ *--- SKIP: ([^ ]+).*/skip\t\1/p'
}

summary() { # RESULTS
  awk -F '\t' '{ count[$1]++ } END { printf "%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"] }' "$1"
}
