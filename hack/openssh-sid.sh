#!/usr/bin/env bash
# Installs the OpenSSH of Debian sid beside the system's, for interop tests, and
# prints the folder with its programs. Nothing is installed into the system: the
# packages are unpacked below the cache folder and run through their own loader.
#
#   hack/openssh-sid.sh            # prints its folder, below the cache
#
# Exits 1 with one sentence when it cannot (no Debian, no mmdebstrap, no mirror).
set -euo pipefail

fail() { echo "openssh-sid: $1" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/teleport-access/openssh-sid
programs="ssh scp sftp ssh-keygen ssh-agent ssh-add"
case $(dpkg --print-architecture) in
  amd64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  arm64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) fail "no sid for $(dpkg --print-architecture): run on amd64 or arm64" ;;
esac

# $1 program below the tree, $2 name, $3 where the tree stands now. --argv0 matters: ssh -J and sshd start themselves by it.
wrap() {
  [[ -e $3/tree/$1 ]] || return 0
  cat >"$3/bin/$2" <<WRAPPER
#!/bin/sh
t=$cache/tree
exec "\$t/usr/lib/$triplet/$loader" --library-path "\$t/usr/lib/$triplet" --argv0 "$cache/bin/$2" "\$t/$1" "\$@"
WRAPPER
  chmod 755 "$3/bin/$2"
}

if [[ -x $cache/bin/ssh ]]; then
  # What an older run of this file did not know of.
  [[ -x $cache/bin/ssh-sk-helper ]] || wrap usr/lib/openssh/ssh-sk-helper ssh-sk-helper "$cache"
  echo "$cache/bin"
  exit 0
fi

command -v mmdebstrap >/dev/null || fail "mmdebstrap not found: install it (apt-get install mmdebstrap)"
mirror=$(sed -n 's/^URIs: *\(.*debian\)\/\{0,1\}$/\1/p; s/^deb \(http[^ ]*debian\)\/\{0,1\} .*/\1/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1 || true)
mode=unshare
[[ $EUID == 0 ]] && mode=root

# Unpacked beside its final place and renamed at the end: a broken run leaves nothing that looks installed.
work=$cache.$$
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work/tree" "$work/bin"
mmdebstrap --quiet --mode="$mode" --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
  --include=openssh-server,openssh-client,openssh-sftp-server \
  sid - ${mirror:+"deb $mirror sid main"} 2>"$work/log" \
  | tar -C "$work/tree" -x --exclude='./dev/*' \
  || fail "cannot get packages from ${mirror:-Debian}: $(tail -1 "$work/log")"

for program in $programs; do wrap "usr/bin/$program" "$program" "$work"; done
wrap usr/sbin/sshd sshd "$work"
for program in sshd-session sshd-auth sftp-server ssh-sk-helper; do
  wrap "usr/lib/openssh/$program" "$program" "$work"
done

rm -rf "$cache"
mv "$work" "$cache"
"$cache/bin/ssh" -V >/dev/null 2>"$cache/version" || {
  rm -rf "$cache"
  fail "the unpacked ssh does not run here"
}
echo "$cache/bin"
