# shellcheck shell=bash
# Which index a native cluster has on this machine. The index gives its
# addresses 10.(200+INDEX).0.0/16 and the names of its veth, network namespace
# and cgroup, so two clusters, of one checkout or of two, never share any.
#
# A claim is a file $CACHE/indexes/INDEX that holds the path of the cluster's
# data folder. It counts while that folder says so too.

INDEXES=$CACHE/indexes
LAST_INDEX=55

claimant() { # index: the data folder that holds it, if any
  local data
  data=$(cat "$INDEXES/$1" 2>/dev/null) || return 0
  # An earlier checkout at the same place may be gone with its index file; its
  # claim is then ours to take over.
  [[ ! -d $data || $(cat "$data/index" 2>/dev/null || echo "$1") != "$1" ]] || echo "$data"
}
# Somebody else's network where ours would be (a route to 10.0.0.0/8 is not).
address_taken() { # index routes
  awk -v net="10.$((200 + $1))." '
    { split($1, parts, "/"); length_ = parts[2] == "" ? 32 : parts[2] }
    index($1, net) == 1 && length_ >= 9 { found = 1 }
    END { exit !found }' <<<"$2"
}
# The index a new cluster gets: the one its folder had before, or else the first
# that nobody claims, whose interface does not exist and whose addresses are free.
choose_index() { # data interfaces routes
  local data=$1 interfaces=$'\n'$2$'\n' routes=$3 index before
  before=$(grep -lxF -- "$data" "$INDEXES"/* 2>/dev/null | head -n 1) || true
  if [[ -n $before ]]; then
    echo "${before##*/}"
    return 0
  fi
  for ((index = 0; index <= LAST_INDEX; index++)); do
    [[ ! -e $INDEXES/$index || -z $(claimant "$index") ]] || continue
    [[ $interfaces != *$'\n'"tak$index"$'\n'* ]] || continue
    ! address_taken "$index" "$routes" || continue
    echo "$index"
    return 0
  done
  return 1
}
veth_name() { echo "tak$1"; }

# Reads the index of this cluster, or claims one and remembers it. Run by one at
# a time (machine_lock).
claim_index() {
  local index holder wanted=${CLUSTER_INDEX:-}
  index=$(cat "$DATA/index" 2>/dev/null || true)
  if [[ -n $index && -n $wanted && $index != "$wanted" ]]; then
    die "cluster $NAME has index $index: leave CLUSTER_INDEX out, or run hack/kubernetes purge first"
  fi
  index=${index:-$wanted}
  [[ -n $index ]] ||
    index=$(choose_index "$DATA" "$(ls /sys/class/net)" "$(ip -o -4 route show table main)") ||
    die "all indexes 0 to $LAST_INDEX are in use: run hack/kubernetes purge in a checkout whose cluster is not needed (see $INDEXES)"
  [[ $index =~ ^[0-9]+$ && $index -le $LAST_INDEX ]] || die "bad CLUSTER_INDEX '$index': give a number from 0 to $LAST_INDEX"
  holder=$(claimant "$index")
  [[ -z $holder || $holder == "$DATA" ]] || die "index $index is in use by the cluster in $holder: leave CLUSTER_INDEX out, or purge that cluster"
  mkdir -p "$INDEXES" "$DATA"
  write_file "$INDEXES/$index" <<<"$DATA"
  write_file "$DATA/index" <<<"$index"
}
release_index() {
  local index
  index=$(cat "$DATA/index" 2>/dev/null) || return 0
  [[ $(cat "$INDEXES/$index" 2>/dev/null) != "$DATA" ]] || rm -f "$INDEXES/$index"
}
