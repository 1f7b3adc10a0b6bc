#!/usr/bin/env bash
# The gate of every commit: format, lint, types, layers, CRD drift, unit tests.
# Prints one line a part with its seconds, and a part's output only when it fails.
#
#   hack/check.sh [part...]
#
# Without parts it runs all of them in two lanes: the compiler's work is one
# process, and the unit tests another: they share one, since starting node for
# each of two hundred files costs six times what the tests do.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH
# Node strips the types of each source once, not once for each test file.
export NODE_COMPILE_CACHE=$PWD/node_modules/.cache/node

# Runs parts in turn; fails if one of them did.
run() {
  local part from output state failed=0
  for part in "$@"; do
    from=$EPOCHREALTIME
    if output=$(npm run --silent "$part" 2>&1); then state=ok; else state=FAILED failed=1; fi
    # One printf a part, so that the lanes' lines do not mix.
    printf '%s\n' "$(
      awk -v p="$part" -v s="$state" -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "check: %-10s %-6s %5.1f s\n", p, s, b - a }'
      [[ $state == ok ]] || printf '%s\n' "$output"
      [[ $part != unit || $state != ok ]] || tail -n 1 <<<"$output"
    )"
  done
  return $failed
}

if (($#)); then
  run "$@"
  exit
fi
failed=0
run unit &
unit=$!
run format types lint layers crd-types chart-crds || failed=1
wait "$unit" || failed=1
exit $failed
