#!/usr/bin/env bash
# Unpacks ssh-audit beside the system, for the interop tests, and prints the folder with its
# modules: PYTHONPATH=$(hack/ssh-audit.sh) python3 -m ssh_audit.ssh_audit …
#
# One file of one version, by its digest; it needs nothing but Python's own library.
# Exits 1 with one sentence when it cannot (no python3, no pip, no package index).
set -euo pipefail

fail() { echo "ssh-audit: $1" >&2; exit 1; }

version=3.3.0
digest=8d2b22b7bb7c20c9d84452c9f13408015ec76eb025379cc70335e5315e4378d6
cache=${XDG_CACHE_HOME:-$HOME/.cache}/teleport-access/ssh-audit-$version
if [[ ! -d $cache ]]; then
  command -v python3 >/dev/null || fail "python3 not found: install it with: sudo apt-get install python3"
  python3 -m pip --version >/dev/null 2>&1 || fail "pip not found: install it with: sudo apt-get install python3-pip"
  # Unpacked beside its final place and renamed at the end: a broken run leaves nothing that looks installed.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  echo "ssh-audit==$version --hash=sha256:$digest" >"$work/requirements.txt"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --target "$work/lib" -r "$work/requirements.txt" 2>"$work/log" || fail "cannot be installed: $(tail -1 "$work/log")"
  mkdir -p "$(dirname "$cache")"
  mv -T "$work/lib" "$cache.$$"
  mv -T "$cache.$$" "$cache" 2>/dev/null || rm -rf "$cache.$$"
fi
echo "$cache"
