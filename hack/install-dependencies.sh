#!/usr/bin/env bash
# Installs the project's npm packages and compiles ssh2's native crypto against
# the project's own Node 24. Nothing else of what npm brings may run a script.
#
#   hack/install-dependencies.sh
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || { echo "install: npm not found: install Node 20 or newer with npm (apt-get install nodejs npm)" >&2; exit 1; }
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 20)) || { echo "install: Node $major is too old: install Node 20 or newer with npm" >&2; exit 1; }

npm ci --no-progress

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "install: no Node 24 package for $(uname -m): use x86_64 or aarch64" >&2; exit 1 ;;
esac
export PATH=$PWD/node_modules/.bin:$PATH
addon=node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node
# Built for this Node, and without the clean-up hook that aborts it (packages/ssh/native/object-wrap.h).
built() {
  node -e 'process.exit(require("ssh2/lib/protocol/crypto.js").bindingAvailable ? 0 : 1)' 2>/dev/null &&
    ! grep -q RemoveEnvironmentCleanupHook "$addon"
}
built || {
  for tool in c++ make python3; do
    command -v $tool >/dev/null && continue
    [[ $EUID == 0 ]] && command -v apt-get >/dev/null || { echo "install: $tool not found: install it (apt-get install g++ make python3)" >&2; exit 1; }
    echo "install: installing g++ make python3"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ make python3 >/dev/null
  done
  CXXFLAGS="-include $PWD/packages/ssh/native/object-wrap.h" \
    npm rebuild ssh2 --ignore-scripts=false --foreground-scripts --nodedir="$PWD/node_modules/node-linux-$arch" >node_modules/.ssh2-build.log 2>&1 || true
}
# ssh2's own install script hides a failed build; ask the result.
built || { echo "install: ssh2's native crypto was not built; see node_modules/.ssh2-build.log" >&2; exit 1; }
