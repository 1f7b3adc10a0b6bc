#!/usr/bin/env bash
# Writes an image archive (docker-archive layout: `docker load` and `ctr images
# import` read it, and so does kind) from a folder, with tar and sha256sum only.
# Same input, same bytes.
#
#   image-archive.sh NAME:TAG ROOTFS OUT.tar [CONFIG-JSON]
#
# CONFIG-JSON is the image's "config" object, for example
#   {"User":"65532:65532","Entrypoint":["/server"]}
# All files belong to 0:0; mount a volume where a user must write.
set -euo pipefail
name=$1 root=$2 out=$3 config=${4:-}
: "${config:="{}"}"
work=$(mktemp -d)
trap 'rm -rf "$work" "$out.new"' EXIT
pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu "$@"; }
pack -C "$root" -cf "$work/layer.tar" .
digest=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"image-archive"}]}' \
  "$architecture" "$config" "$digest" >"$work/config.json"
printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$name" >"$work/manifest.json"
pack -C "$work" -cf "$out.new" manifest.json config.json layer.tar
mv -T "$out.new" "$out"
