#!/usr/bin/env bash
# The gate of every commit: format, lint, types, layers, CRD drift, unit tests.
# Prints one line a part with its seconds, and a part's output only when it fails.
#
#   hack/check.sh [part...]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH
# Node strips the types of each source once, not once for each test file.
export NODE_COMPILE_CACHE=$PWD/node_modules/.cache/node

parts=("$@")
((${#parts[@]})) || parts=(format types lint layers crd-types chart-crds unit)
failed=0
for part in "${parts[@]}"; do
  from=$EPOCHREALTIME
  if output=$(npm run --silent "$part" 2>&1); then state=ok; else state=FAILED failed=1; fi
  awk -v p="$part" -v s="$state" -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "check: %-10s %-6s %5.1f s\n", p, s, b - a }'
  [[ $state == ok ]] || printf '%s\n' "$output"
  [[ $part != unit || $state != ok ]] || tail -n 1 <<<"$output"
done
exit $failed
