# shellcheck shell=bash
# The cluster that is meant, and where its files are.

CHECKOUT=$(cd "$LOCAL_KUBERNETES/../.." && pwd)
NAME=${CLUSTER_NAME:-demo}
CLUSTERS=$CHECKOUT/.local/kubernetes
DATA=$CLUSTERS/$NAME          # everything of this cluster lies below
KUBECONFIG_FILE=$DATA/kubeconfig
TOOLS=$CLUSTERS/.bin          # kubectl and helm, for people and scripts

check_name() {
  [[ $NAME =~ ^[a-z][a-z0-9-]{0,30}$ ]] ||
    die "bad CLUSTER_NAME '$NAME': use lower-case letters, digits and dashes, at most 31, beginning with a letter"
}

# Writes standard input to a file that is never seen half-written.
write_file() { # path [mode]
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  chmod "${2:-644}" "$new"
  mv -T "$new" "$1"
}
# One run a cluster at a time: the second waits for the first.
cluster_lock() {
  mkdir -p "$CLUSTERS"
  exec 7>"$CLUSTERS/.$NAME.lock"
  take_lock 7 "another run works on cluster $NAME"
}
