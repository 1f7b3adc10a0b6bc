# shellcheck shell=bash
# What the machine must bring, and what is installed where that is possible.

GO_MINIMUM=1.26
# Space on the cache's disk, in GB: Go's module and build caches and the programs.
SPACE_TO_BUILD=12
# Space on the data's disk, in GB: one cluster with its images.
SPACE_TO_RUN=2

require_go() {
  local go
  go=$(go_release)
  [[ -n $go ]] || die "Go was not found, and no Docker engine answers: install Go $GO_MINIMUM or newer (https://go.dev/dl) or start Docker"
  version_at_least "${go#go}" "$GO_MINIMUM" || die "$go at $(command -v go) is too old: install Go $GO_MINIMUM or newer (https://go.dev/dl)"
}
version_at_least() { # version minimum
  [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# Free space in GB where a path is or will be.
free_space() {
  local path=$1
  until [[ -e $path ]]; do path=$(dirname "$path"); done
  df -Pk "$path" | awk 'NR == 2 { printf "%d", $4 / 1024 / 1024 }'
}
require_space() { # path GB what
  local free
  free=$(free_space "$1")
  ((free >= $2)) || die "no disk space: $1 has $free GB free, $3 needs $2 GB: make room there or point XDG_CACHE_HOME, GOCACHE and GOMODCACHE to a bigger disk"
}
require_space_to_build() {
  local path
  for path in "$CACHE" "$(go env GOCACHE)" "$(go env GOMODCACHE)"; do require_space "$path" $SPACE_TO_BUILD "building Kubernetes"; done
}

# Programs of the native driver and the Debian packages they come in.
NATIVE_PROGRAMS=(runc:runc nft:nftables ip:iproute2 sysctl:procps openssl:openssl nsenter:util-linux unshare:util-linux flock:util-linux
  gcc:gcc mmdebstrap:mmdebstrap)
missing_packages() {
  local pair packages=()
  for pair in "${NATIVE_PROGRAMS[@]}"; do command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}"); done
  # pause is linked statically; its C library has no program to look for.
  [[ -e /usr/include/stdlib.h || -e /usr/include/$(uname -m)-linux-gnu/bits/types.h ]] || packages+=(libc6-dev)
  ((${#packages[@]} == 0)) || printf '%s\n' "${packages[@]}" | sort -u
}
require_linux() { [[ $(uname -s) == Linux ]] || die "no Docker engine answers, and the native driver needs Linux: install or start Docker"; }
require_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]})) || return 0
  command -v apt-get >/dev/null || die "missing programs: install the equivalents of the Debian packages ${packages[*]}"
  can_be_root || die "missing programs: run apt-get install ${packages[*]} as root"
  say "installing ${packages[*]}"
  install_packages "${packages[@]}" || { as_root apt-get update -qq >&2 && install_packages "${packages[@]}"; } ||
    die "apt-get could not install ${packages[*]}: install them by hand"
}
install_packages() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

can_be_root() { [[ $EUID == 0 ]] || { command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; }; }
as_root() { if [[ $EUID == 0 ]]; then "$@"; else sudo "$@"; fi; }
