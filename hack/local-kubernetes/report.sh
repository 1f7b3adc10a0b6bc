# shellcheck shell=bash
# How hack/kubernetes talks: progress and errors to stderr, results to stdout.
# An error is one sentence that names the thing and the next step.

say() { printf 'kubernetes: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Seconds since $1 (a value of $EPOCHREALTIME), with one decimal.
seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# Takes a lock on an open descriptor; says every ten seconds what it waits for.
take_lock() { # descriptor what
  local from=$SECONDS
  flock -n "$1" && return 0
  say "$2; waiting for it"
  until flock -w 10 "$1"; do say "$2; waiting for it: $((SECONDS - from)) s"; done
}
