# shellcheck shell=bash
# The cluster's network and mount namespaces, and the way to them.
#
# Nothing here touches the machine's firewall. What keeps a cluster apart is
# policy routing:
#  * a table that only packets made on this machine see (iif lo) leads to the
#    cluster; nobody can reach it through the machine's own interfaces;
#  * packets that come out of the cluster and are not for the machine itself see
#    a table that says "unreachable", plus the nodes it was linked with.

# What the clusters share (interfaces, rules, the claims) is changed by one run
# at a time. The lock is on a folder: it leaves no file behind.
machine_lock() { (flock 9; "$@") 9</run; }

# Whether the interface of our index is another cluster's.
index_is_foreign() {
  local alias
  alias=$(cat "/sys/class/net/$VETH/ifalias" 2>/dev/null) || return 1
  [[ $alias != "$DATA" ]]
}
require_own_index() {
  ! index_is_foreign || die "index $INDEX is in use by the cluster in $(cat "/sys/class/net/$VETH/ifalias"): run hack/kubernetes down there, or purge this one"
}
# A run that was killed may have made the namespace and not its way out.
network_is_complete() {
  [[ -e $NETNS_FILE && -e /sys/class/net/$VETH ]] && mountpoint -q "$NETNS_FILE" &&
    [[ -n $(ip rule show pref "$FROM_RULE") && -n $(ip rule show pref "$TO_RULE") ]]
}
make_network() {
  require_own_index
  ! network_is_complete || return 0
  drop_network
  ip netns add "$NETNS"
  ip link add "$VETH" type veth peer name eth0 netns "$NETNS"
  ip link set "$VETH" alias "$DATA"
  in_net ip link set lo up
  in_net sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  sysctl -qw "net.ipv4.conf.$VETH.forwarding=0" "net.ipv6.conf.$VETH.disable_ipv6=1" 2>/dev/null || true
  ip addr add "$HOST_IP/32" dev "$VETH"
  ip link set "$VETH" up
  in_net ip addr add "$IP/32" dev eth0
  in_net ip link set eth0 up
  in_net ip route add "$HOST_IP/32" dev eth0 src "$IP"
  # Service addresses: only so that the kernel finds a route before kube-proxy
  # rewrites them; there is no way out of the cluster (no default route).
  in_net ip route add "$SERVICE_CIDR" dev eth0 src "$IP"
  # Pods go out with the node's address.
  in_net nft -f - <<EOT
table ip cluster-egress {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $POD_CIDR oifname "eth0" masquerade
  }
}
EOT
  ip route add "$IP/32" dev "$VETH" src "$HOST_IP" table "$TO_RULE"
  ip route add "$SERVICE_CIDR" via "$IP" dev "$VETH" onlink src "$HOST_IP" table "$TO_RULE"
  ip route add "$POD_CIDR" via "$IP" dev "$VETH" onlink src "$HOST_IP" table "$TO_RULE"
  ip route add unreachable default table "$FROM_RULE"
  ip rule add pref "$TO_RULE" iif lo lookup "$TO_RULE"
  ip rule add pref "$FROM_RULE" iif "$VETH" lookup "$FROM_RULE"
}
drop_network() {
  while ip rule del pref "$TO_RULE" 2>/dev/null; do :; done
  while ip rule del pref "$FROM_RULE" 2>/dev/null; do :; done
  ip route flush table "$TO_RULE" 2>/dev/null || true
  ip route flush table "$FROM_RULE" 2>/dev/null || true
  ip link del "$VETH" 2>/dev/null || true
  [[ ! -e $NETNS_FILE ]] || ip netns del "$NETNS" 2>/dev/null || rm -f "$NETNS_FILE"
}

# The paths that the kubelet insists on, and the sysctls that it would set for
# the whole machine: it finds them as it wants them.
KUBELET_SYSCTLS=(vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000)
make_mounts() {
  local pair file
  [[ ! -e $DATA/namespaces/complete ]] || ! mountpoint -q "$MNTNS" || return 0
  drop_mounts
  mkdir -p "$DATA/namespaces" "$DATA/var-lib-kubelet" "$LOGS/pods" "$LOGS/containers" "$DATA/sysctl"
  mount --bind "$DATA/namespaces" "$DATA/namespaces"
  mount --make-private "$DATA/namespaces"
  touch "$MNTNS"
  unshare --mount="$MNTNS" --propagation slave true
  mkdir -p /var/lib/kubelet /var/log/containers /run/containerd
  inside mount --bind "$DATA/var-lib-kubelet" /var/lib/kubelet
  inside mount --bind "$LOGS/containers" /var/log/containers
  # containerd and its shims keep their sockets where it always does.
  inside mount -t tmpfs -o mode=755 tmpfs /run/containerd
  for pair in "${KUBELET_SYSCTLS[@]}"; do
    file=$DATA/sysctl/$(tr / . <<<"${pair%=*}")
    echo "${pair#*=}" >"$file"
    inside mount --bind "$file" "/proc/sys/${pair%=*}"
  done
  touch "$DATA/namespaces/complete"
}
drop_mounts() {
  while mountpoint -q "$MNTNS"; do umount "$MNTNS" || break; done
  while mountpoint -q "$DATA/namespaces"; do umount "$DATA/namespaces" || break; done
  rm -rf "$DATA/namespaces"
}
make_namespaces() {
  make_network
  make_mounts
}
# The namespaces, and with them every mount, route, firewall rule and interface
# inside, and the veth pair.
drop_namespaces() {
  drop_network
  drop_mounts
  # The last cluster also takes away the empty folders that served as mount
  # points. (Removing one earlier would unmount it in the other clusters.)
  if ! compgen -G "/run/netns/tak-*" >/dev/null; then
    rmdir /var/lib/kubelet /var/log/containers /run/containerd 2>/dev/null || true
  fi
  if [[ -d /run/netns && -z $(ls -A /run/netns) ]]; then
    while mountpoint -q /run/netns; do umount /run/netns || break; done
    rmdir /run/netns 2>/dev/null || true
  fi
}

# -- two clusters whose nodes can talk ----------------------------------------
# Both ways, node address to node address, and nothing else. (Pods leave with
# their node's address, so they may, too; they reach NodePorts and host ports.)
require_index() { # index
  [[ -e /run/netns/tak-$1 ]] || die "no cluster has index ${1:-(none given)}: hack/kubernetes status shows a cluster's index"
}
link_one_way() { # from to
  nsenter --net="/run/netns/tak-$1" ip route replace "10.$((200 + $2)).0.2/32" via "10.$((200 + $1)).0.1" dev eth0 onlink src "10.$((200 + $1)).0.2"
  ip route replace "10.$((200 + $2)).0.2/32" dev "$(veth_name "$2")" table $((12000 + $1))
  sysctl -qw "net.ipv4.conf.$(veth_name "$1").forwarding=1"
}
unlink_one_way() { # from to
  ip route del "10.$((200 + $2)).0.2/32" table $((12000 + $1)) 2>/dev/null || true
  nsenter --net="/run/netns/tak-$1" ip route del "10.$((200 + $2)).0.2/32" 2>/dev/null || true
}
link_clusters() { require_index "$1"; link_one_way "$INDEX" "$1"; link_one_way "$1" "$INDEX"; }
unlink_clusters() { require_index "$1"; unlink_one_way "$INDEX" "$1"; unlink_one_way "$1" "$INDEX"; }
