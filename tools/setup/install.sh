#!/usr/bin/env bash
# Installs what ingot needs and is not there yet; with everything in place it returns at once and touches nothing.
#   install.sh build   tools and libraries of a build, an empty private Python environment (to fetch models)
#   install.sh test    also what ./test uses: second compiler, oracles
#   install.sh full    also what ./test --full uses
#   install.sh source  only what fetching source distributions takes
# System packages (apt*.txt) need root: directly, or through sudo where it asks no password. Without either it says what to
# run. Python packages (python*.txt) go into $INGOT_CACHE/python and nowhere else; pip takes only files whose hash stands in
# the list. It never asks a question.
set -euo pipefail
# shellcheck source=tools/setup/project.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/project.sh"
lists=$project/tools/setup
environment=$INGOT_CACHE/python

case ${1:-} in
  build) apt_lists=(apt.txt) python_lists=() ;;
  test) apt_lists=(apt.txt apt-test.txt) python_lists=(python.txt) ;;
  full) apt_lists=(apt.txt apt-test.txt apt-full.txt) python_lists=(python.txt python-full.txt python-source.txt) ;;
  source) apt_lists=() python_lists=(python-source.txt) ;;
  *) fail "unknown set '${1:-}'" "expected: install.sh build|test|full|source" ;;
esac

# ---- system packages

# not_installed PACKAGE…: those that dpkg does not know as installed.
not_installed() {
  local installed package
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF -- "$package installed" <<<"$installed" || printf '%s\n' "$package"
  done
}

as_root=()
may_install() {
  if [ "$(id -u)" = 0 ]; then
    as_root=(env)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
  else
    return 1
  fi
}

apt_updated=
apt_install() {
  local apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
  if [ -z "$apt_updated" ]; then
    quietly apt-update "${apt[@]}" update || say "the package lists could not be refreshed; trying with the old ones"
    apt_updated=yes
  fi
  quietly apt-install "${apt[@]}" install --no-install-recommends "$@"
}

install_system_packages() {
  local list name note required=() optional=() missing
  for list in "${apt_lists[@]}"; do
    while read -r name note; do
      case $name in '' | '#'*) continue ;; esac
      if [ "$note" = optional ]; then optional+=("$name"); else required+=("$name"); fi
    done <"$lists/$list"
  done
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is not a Debian system; going on with what it has. Debian calls what is needed: ${required[*]}"
    return
  fi

  mapfile -t missing < <(not_installed "${required[@]}")
  if ((${#missing[@]})); then
    if ! may_install; then
      fail "system packages are missing; installing them takes root, and sudo is not there or asks for a password" \
        "run this, then start again:" \
        "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    fi
    say "installing ${#missing[@]} system packages: ${missing[*]}"
    apt_install "${missing[@]}" || fail "the system packages could not be installed" \
      "check the network and the package sources, then start again; missing: ${missing[*]}"
  fi

  mapfile -t missing < <(not_installed "${optional[@]}")
  for name in "${missing[@]}"; do
    if ! may_install; then
      say "going on without $name (installing takes root): tests that use it are skipped. To have it: sudo apt-get install -y $name"
    else
      say "installing $name"
      apt_install "$name" || say "going on without $name: tests that use it are skipped"
    fi
  done
}

# ---- private Python environment

install_python_packages() {
  local python=/usr/bin/python3 list stamp hash
  if [ ! -x "$python" ]; then python=$(command -v python3) || fail "python3 is not installed" "install it, then start again"; fi
  if ! "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making the private Python environment in $environment"
    rm -rf -- "$environment"
    quietly python-environment "$python" -m venv "$environment" || fail "the Python environment could not be made" \
      "on Debian the package python3-venv holds what it takes"
  fi
  for list in "${python_lists[@]}"; do
    stamp=$environment/installed-$list
    hash=$(sha256sum <"$lists/$list")
    if [ "$(cat -- "$stamp" 2>/dev/null)" = "$hash" ]; then continue; fi
    say "installing the Python packages of tools/setup/$list into the private environment"
    quietly pip-install "$environment/bin/python" -m pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary :all: -r "$lists/$list" || fail "the Python packages of tools/setup/$list could not be installed" \
      "check the network, then start again"
    printf '%s\n' "$hash" >"$stamp"
  done
}

install_system_packages
install_python_packages
