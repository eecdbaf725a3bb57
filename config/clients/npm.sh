# shellcheck shell=bash disable=SC2034,SC2154 # what the suites read and set
# What the suites of npm's packages have in common.

# The package with its tests, and what both depend on, each of it in a version that is named.
npm_package() { # PACKAGE@VERSION DEPENDENCY@VERSION...
  local package=$1
  shift
  needs node
  needs npm
  export npm_config_fetch_retries=1 npm_config_fetch_timeout=30000 npm_config_update_notifier=false
  bring "npm's registry" npm pack --silent "$package"
  tar xf ./*.tgz && mv package suite && rm ./*.tgz || return
  # Scripts of packages are not run: none of these needs one.
  (cd suite && npm pkg delete devDependencies && npm_adapt &&
    bring "npm's registry" npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts "$@")
}

npm_adapt() { :; }

mocha_lines() { # FILE
  # Buffer's constructor, which these clients use, is deprecated since.
  tap_program "$(basename "$1" .js)" env NODE_NO_WARNINGS=1 node_modules/.bin/mocha --timeout 20000 --reporter tap "$1"
}
