# shellcheck shell=bash disable=SC2034,SC2154 # what the suites read and set
# The library that both of pyRserve's suites use, in an environment of its own.

PYRSERVE_VERSION=1.0.4

install_pyrserve() {
  needs python3
  python3 -m venv venv || left_out "python3 can't make an environment here (venv)"
  # The last NumPy 1, with which pyRserve 1.0.4 was published; there is none for Python 3.13.
  bring "Python's package index" venv/bin/pip install --disable-pip-version-check --retries 1 --timeout 20 \
    "pyRserve==$PYRSERVE_VERSION" 'numpy==1.26.4; python_version < "3.13"' 'numpy==2.2.6; python_version >= "3.13"' pytest==8.3.4
}
