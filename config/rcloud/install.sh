# shellcheck shell=bash disable=SC2034 # what other files read
# What the machine must have: looked for by what it does, installed with apt where it is missing.

JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
OLDEST_JAVA=17
OLDEST_MAVEN=3.6.3

has() { command -v "$1" >/dev/null 2>&1; }

# Reads java_release (17), java_version (17.0.15+6) and java_home; false if there is no Java.
read_java() {
  local settings
  has "$JAVA" || return 1
  settings=$("$JAVA" -XshowSettings:properties -version 2>&1)
  java_release=$(sed -n 's/^ *java\.specification\.version = \(1\.\)\{0,1\}\([0-9]*\).*/\2/p' <<<"$settings")
  java_version=$(sed -n 's/^ *java\.runtime\.version = //p' <<<"$settings")
  java_home=$(sed -n 's/^ *java\.home = //p' <<<"$settings")
  [[ -n $java_release ]]
}

has_compiler() { read_java && [[ -x $java_home/bin/javac ]]; }

# Prints the file to start Rserve with, or "Rserve" where `R CMD Rserve` knows it.
find_rserve() {
  local home file
  home=$(R RHOME 2>/dev/null) || return 1
  if [[ -x $home/bin/Rserve ]]; then
    echo Rserve
    return
  fi
  # The usual places first: to ask R takes a while.
  for file in /usr/local/lib/R/site-library/Rserve/libs/Rserve /usr/lib/R/site-library/Rserve/libs/Rserve \
    "$(Rscript -e 'cat(system.file("libs", "Rserve", package = "Rserve"))' 2>/dev/null)"; do
    if [[ -n $file && -x $file ]]; then
      echo "$file"
      return
    fi
  done
  return 1
}

has_r_package() { [[ -n $(Rscript -e "cat(system.file(package = '$1'))" 2>/dev/null) ]]; }

# The packages for what is missing; "build", "test", "clients" and the like say what else than running is wanted.
missing_packages() {
  local purposes=" $* "
  if [[ $purposes == *" build "* ]]; then
    has_compiler || [[ -n ${JAVA_HOME-} ]] || jdk_package
    has mvn || echo maven
  else
    read_java || [[ -n ${JAVA_HOME-} ]] || jdk_package
  fi
  has R || echo r-base-core
  find_rserve >/dev/null || echo r-cran-rserve
  has_nginx || echo nginx
  if [[ $purposes == *" compare "* ]]; then
    has_haproxy || echo haproxy
    has_nginx_stream || echo libnginx-mod-stream
  fi
  if [[ $purposes == *" conditions "* ]]; then
    has nft || [[ -x /usr/sbin/nft ]] || echo nftables
    { has gcc && [[ -e /usr/include/stdlib.h ]]; } || printf '%s\n' gcc libc6-dev
  fi
  if [[ $purposes == *" clients "* ]]; then
    has git || echo git
    has g++ || echo g++
    [[ -e /usr/include/crypt.h ]] || echo libcrypt-dev
    has go || echo golang-go
    has node || echo nodejs
    has npm || echo npm
    has python3 && python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
    has prove || echo perl
    has_r_package RSclient || [[ $purposes == *" test "* ]] || echo r-cran-rsclient
    missing_perl_packages
  fi
  if [[ $purposes == *" test "* ]]; then
    has_r_package RSclient || echo r-cran-rsclient
    has ip || echo iproute2
    has_haproxy || [[ $purposes == *" compare "* ]] || echo haproxy
    # The console page is tested in a browser.
    has chromium || echo chromium
    has chromedriver || echo chromium-driver
    [[ -d /usr/share/fonts/truetype ]] || echo fonts-dejavu-core
  fi
}

# What the clients in Perl, WeBWorK's and the one that it was made from, and their tests use.
missing_perl_packages() {
  local module package
  while read -r module package; do
    perl -M"$module" -e 1 2>/dev/null || echo "$package"
  done <<'END'
Test2::V0 libtest2-suite-perl
Test::Fatal libtest-fatal-perl
Test::MockObject::Extends libtest-mockobject-perl
Class::Accessor libclass-accessor-perl
Class::Method::Modifiers libclass-method-modifiers-perl
Class::Tiny::Antlers libclass-tiny-antlers-perl
DBI libdbi-perl
GD libgd-perl
HTML::Parser libhtml-parser-perl
Locale::Maketext::Lexicon liblocale-maketext-lexicon-perl
Mojo::File libmojolicious-perl
namespace::clean libnamespace-clean-perl
Tie::IxHash libtie-ixhash-perl
Types::Serialiser libtypes-serialiser-perl
UUID::Tiny libuuid-tiny-perl
YAML::XS libyaml-libyaml-perl
END
}

has_haproxy() { PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v haproxy >/dev/null; }

has_nginx_stream() {
  [[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]] ||
    { has_nginx && "$NGINX" -V 2>&1 | grep -q -- '--with-stream\( \|$\)'; }
}

# Sets NGINX. Debian keeps it in /usr/sbin, which is not in everybody's path.
has_nginx() {
  NGINX=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v nginx)
}

# The distribution's own JDK, unless it is too old and a newer one stands beside it.
jdk_package() {
  local release package
  release=$(apt-cache policy default-jdk-headless 2>/dev/null | sed -n 's/^ *Candidate: [0-9]*:1\.\([0-9]*\).*/\1/p')
  if [[ -n $release && $release -lt $OLDEST_JAVA ]]; then
    for package in openjdk-21-jdk-headless openjdk-17-jdk-headless; do
      if [[ -n $(apt-cache show "$package" 2>/dev/null) ]]; then
        echo "$package"
        return
      fi
    done
  fi
  echo default-jdk-headless
}

# install_missing PURPOSE...: installs, or says what to do and ends.
install_missing() {
  local packages as_root=()
  mapfile -t packages < <(missing_packages "$@")
  if [[ ${#packages[@]} -gt 0 ]]; then
    has apt-get || die "missing here: ${packages[*]} (the names are Debian's). There is no apt-get: install them with this system's own tool"
    if [[ $(id -u) != 0 ]]; then
      if ! has sudo || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        die "missing here: ${packages[*]}. As root, run:
  apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
      fi
      as_root=(sudo)
    fi
    say "Installing ${packages[*]} (log: $LOG_DIR/install.log)"
    install_packages "${packages[@]}"
    mapfile -t packages < <(missing_packages "$@")
    [[ ${#packages[@]} -eq 0 ]] || die "installed, but still not found: what ${packages[*]} should bring. PATH is $PATH${JAVA_HOME:+, JAVA_HOME is $JAVA_HOME}"
  fi
  has_nginx
  check_versions "$@"
}

install_packages() {
  local log=$LOG_DIR/install.log nginx_is_new='' ok=yes
  has_nginx || nginx_is_new=yes
  mkdir -p "$LOG_DIR"
  keep_services_off
  {
    "${as_root[@]}" apt-get update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
  } </dev/null >"$log" 2>&1 || ok=
  allow_services
  # We start our own nginx. The package's would listen on port 80 for the whole network from the next boot on.
  if [[ -n $ok && -n $nginx_is_new && -d /run/systemd/system ]]; then
    "${as_root[@]}" systemctl disable --now nginx >>"$log" 2>&1 &&
      say "nginx was installed for this only: its own service on port 80 is off (systemctl enable --now nginx turns it on)"
  fi
  [[ -n $ok ]] || die_with_log "apt-get could not install $*" "$log"
}

# Debian's way to keep a package from starting its service while it is installed.
keep_services_off() {
  policy_is_ours=
  [[ ! -e /usr/sbin/policy-rc.d ]] || return 0
  # shellcheck disable=SC2016 # for the other shell
  "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d' && policy_is_ours=yes
}

allow_services() {
  [[ -z $policy_is_ours ]] || "${as_root[@]}" rm -f /usr/sbin/policy-rc.d
}

check_versions() {
  local what="$JAVA${JAVA_HOME:+ (from JAVA_HOME)}"
  read_java || die "$what does not run; install a JDK $OLDEST_JAVA or newer (apt-get install default-jdk-headless) and let JAVA_HOME name it, or unset JAVA_HOME"
  ((java_release >= OLDEST_JAVA)) ||
    die "$what is Java $java_release, in $java_home; needed is $OLDEST_JAVA or newer: install a newer one (apt-get install openjdk-17-jdk-headless) and set JAVA_HOME to it"
  if [[ " $* " == *" build "* ]]; then
    [[ -x $java_home/bin/javac ]] ||
      die "$what is a JRE only: $java_home has no javac; install a JDK $OLDEST_JAVA or newer (apt-get install default-jdk-headless) and set JAVA_HOME to it"
    check_maven
  fi
}

check_maven() {
  local version
  version=$(mvn -B --version 2>&1 | sed -n 's/.*Apache Maven \([0-9][0-9.]*\).*/\1/p')
  [[ -n $version ]] || die "mvn --version does not say a version: $(mvn -B --version 2>&1 | head -n 1)"
  [[ $(printf '%s\n' "$OLDEST_MAVEN" "$version" | sort -V | head -n 1) == "$OLDEST_MAVEN" ]] ||
    die "Maven $version ($(command -v mvn)) is too old; needed is $OLDEST_MAVEN or newer: install one from Maven's site and put its bin directory first in PATH"
}
