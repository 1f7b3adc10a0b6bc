# shellcheck shell=bash
# The native driver: a real single-node Kubernetes of plain processes (etcd, the
# Kubernetes daemons, containerd with runc, CoreDNS as a pod), for Linux machines
# without a Docker engine. Nothing is pulled: every binary is built beforehand
# (build.sh), every image is imported from an archive.
#
# Each cluster has a network namespace (its own firewall, ports, routes), a mount
# namespace (its mounts, and the few paths that the kubelet insists on) and a
# cgroup of its own; a veth pair leads to it (network.sh).

# Names and addresses that follow from the index (index.sh).
native_settings() {
  INDEX=$(cat "$DATA/index" 2>/dev/null) || return 1
  NODE=$NAME
  local net=10.$((200 + INDEX))
  HOST_IP=$net.0.1 # this machine's end of the veth pair
  IP=$net.0.2      # the node's address: all daemons listen here only
  POD_CIDR=$net.128.0/24
  SERVICE_CIDR=$net.64.0/18
  API_SERVICE=$net.64.1 # first address of SERVICE_CIDR
  DNS_SERVICE=$net.64.10
  DOMAIN=cluster.local
  # Mounted Secrets and ConfigMaps follow within this period (elsewhere: 1m).
  SYNC_FREQUENCY=10s
  NETNS=tak-$INDEX NETNS_FILE=/run/netns/tak-$INDEX
  MNTNS=$DATA/namespaces/mount
  VETH=$(veth_name "$INDEX") # on this machine; its peer is eth0
  CGROUP=tak-$INDEX
  TO_RULE=$((11000 + INDEX))   # routing table: from this machine to the cluster
  FROM_RULE=$((12000 + INDEX)) # routing table: from the cluster to anywhere else
  PKI=$DATA/pki CLIENTS=$DATA/clients LOGS=$DATA/log PIDS=$DATA/pid CONFIG=$DATA/config
  SOCKET=/run/containerd/containerd.sock # in the cluster's mount namespace
}
binaries() {
  KUBERNETES=$(built_folder kubernetes) CONTAINERD=$(built_folder containerd) CNI=$(built_folder cni)
  ETCD=$(built_folder etcd) NETPOL=$(built_folder netpol) KUBECTL=$TOOLS/kubectl
  RUNC=$(command -v runc)
}
kubectl_admin() { "$KUBECTL" --kubeconfig "$KUBECONFIG_FILE" --request-timeout=20s "$@"; }
DAEMONS=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy containerd netpol)

# -- the two images a cluster starts with ---------------------------------------
PAUSE_IMAGE=local-kubernetes/pause:1
DNS_IMAGE=local-kubernetes/coredns:$(part_version coredns)

images_folder() {
  local stamp
  stamp=$({ part_stamp coredns; cat "$LOCAL_KUBERNETES/pause/pause.c" "$LOCAL_KUBERNETES/image-archive.sh"; } | sha256sum | cut -c1-12)
  echo "$CACHE/images-$stamp"
}
make_system_images() {
  local folder work
  folder=$(images_folder)
  [[ ! -d $folder ]] || return 0
  work=$CACHE/.new-${folder##*/}
  rm -rf "$work"
  mkdir -p "$work/pause" "$work/coredns"
  gcc -Os -static -s -o "$work/pause/pause" "$LOCAL_KUBERNETES/pause/pause.c" || die "cannot compile pause.c: install gcc and libc6-dev"
  cp "$(built_folder coredns)/coredns" "$work/coredns/"
  system_image "$work" pause "$PAUSE_IMAGE"
  system_image "$work" coredns "$DNS_IMAGE"
  mv -T "$work" "$folder"
}
system_image() { # folder program name
  chmod 755 "$1/$2" "$1/$2/$2"
  "$LOCAL_KUBERNETES/image-archive.sh" "$3" "$1/$2" "$1/$2.tar" "$(printf '{"User":"65532:65532","Entrypoint":["/%s"]}' "$2")"
  rm -rf "${1:?}/$2"
}
load_system_images() {
  local name program
  for name in "$PAUSE_IMAGE" "$DNS_IMAGE"; do
    program=${name##*/}
    containerd_client images ls -q | grep -qxF "docker.io/$name" || import_image "$(images_folder)/${program%%:*}.tar"
  done
}
import_image() { containerd_client images import --local --digests=false "$(realpath "$1")" >/dev/null; }

# -- up ---------------------------------------------------------------------------
native_prepare() {
  local parts=("${NATIVE_PARTS[@]}") tools
  mapfile -t tools < <(missing_tools kubectl helm)
  parts+=("${tools[@]}")
  # What cannot be helped is said before anything is changed.
  require_linux
  mapfile -t parts < <(missing_parts "${parts[@]}")
  ((${#parts[@]} == 0)) || require_go
  require_space "$CLUSTERS" $SPACE_TO_RUN "a cluster"
  can_be_root || die "the native driver needs root: run again as root or with sudo, or install Docker"
  require_packages
  build_parts "${parts[@]}"
  with_build_lock make_system_images
}
native_up() {
  local from=$EPOCHREALTIME
  # The daemons need the usual umask: with 077 containerd makes every container's
  # root folder 0700 and only uid 0 can run anything.
  umask 022
  if ! machine_lock claim_index; then
    [[ -e $DATA/index ]] || rm -rf "$DATA"
    exit 1
  fi
  native_settings
  binaries
  remove_leftovers
  mkdir -p "$LOGS" "$PIDS" "$CONFIG/cni" "$DATA"/{kubelet,containerd,cni}
  mkdir -p "$PKI" "$CLIENTS" "$DATA/etcd"
  chmod 700 "$PKI" "$CLIENTS" "$DATA/etcd"
  machine_lock make_namespaces
  make_cgroup
  make_pki
  make_kubeconfigs
  make_config
  start_control_plane
  start_node
  wait_until_ready
  say "cluster $NAME is up in $(seconds_since "$from") s: export KUBECONFIG=$KUBECONFIG_FILE"
}
# What an interrupted run left and no pid file names; and all of a cluster whose
# data is gone, because it cannot be resumed.
remove_leftovers() {
  local name pid
  require_own_index
  if [[ ! -s $PKI/ca.crt ]]; then
    native_down
    return 0
  fi
  for name in "${DAEMONS[@]}"; do
    for pid in $(namespace_members); do
      [[ $(program_of "$pid") != "$name" || $(cat "$PIDS/$name" 2>/dev/null) == "$pid" ]] || kill -9 "$pid" 2>/dev/null || true
    done
  done
}
start_control_plane() {
  start "$CONTAINERD/containerd" --config "$CONFIG/containerd.toml"
  # Without fsync: the data is for development, and the disk may be slow.
  start "$ETCD/etcd" --name local --data-dir "$DATA/etcd" --unsafe-no-fsync \
    --listen-client-urls "https://$IP:2379" --advertise-client-urls "https://$IP:2379" \
    --listen-peer-urls "https://$IP:2380" --initial-advertise-peer-urls "https://$IP:2380" \
    --initial-cluster "local=https://$IP:2380" \
    --client-cert-auth --trusted-ca-file "$PKI/etcd-ca.crt" --cert-file "$PKI/etcd.crt" --key-file "$PKI/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "$PKI/etcd-ca.crt" --peer-cert-file "$PKI/etcd.crt" --peer-key-file "$PKI/etcd.key"
  start_api_server
  wait_for containerd 60 containerd_client version
  load_system_images
  wait_for kube-apiserver 120 kubectl_admin get --raw /readyz
  start "$KUBERNETES/kube-controller-manager" --kubeconfig "$CLIENTS/kube-controller-manager.conf" --bind-address "$IP" \
    --authentication-kubeconfig "$CLIENTS/kube-controller-manager.conf" --authorization-kubeconfig "$CLIENTS/kube-controller-manager.conf" \
    --client-ca-file "$PKI/ca.crt" --root-ca-file "$PKI/ca.crt" --service-account-private-key-file "$PKI/service-accounts.key" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --use-service-account-credentials --leader-elect=false \
    --allocate-node-cidrs --cluster-cidr "$POD_CIDR" --node-cidr-mask-size 24 --service-cluster-ip-range "$SERVICE_CIDR"
  start "$KUBERNETES/kube-scheduler" --kubeconfig "$CLIENTS/kube-scheduler.conf" --bind-address "$IP" --leader-elect=false \
    --authentication-kubeconfig "$CLIENTS/kube-scheduler.conf" --authorization-kubeconfig "$CLIENTS/kube-scheduler.conf"
}
start_api_server() {
  start "$KUBERNETES/kube-apiserver" --bind-address "$IP" --advertise-address "$IP" --secure-port 6443 \
    --etcd-servers "https://$IP:2379" --etcd-cafile "$PKI/etcd-ca.crt" \
    --etcd-certfile "$PKI/etcd-client.crt" --etcd-keyfile "$PKI/etcd-client.key" \
    --client-ca-file "$PKI/ca.crt" --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI/apiserver-kubelet-client.crt" --kubelet-client-key "$PKI/apiserver-kubelet-client.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-account-issuer "https://kubernetes.default.svc.$DOMAIN" \
    --service-account-key-file "$PKI/service-accounts.pub" --service-account-signing-key-file "$PKI/service-accounts.key" \
    --service-cluster-ip-range "$SERVICE_CIDR" \
    --requestheader-client-ca-file "$PKI/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$PKI/front-proxy-client.crt" --proxy-client-key-file "$PKI/front-proxy-client.key"
}
start_node() {
  start "$KUBERNETES/kubelet" --config "$CONFIG/kubelet.yaml" --kubeconfig "$CLIENTS/kubelet.conf" --root-dir "$DATA/kubelet" \
    --cert-dir "$PKI" --hostname-override "$NODE" --node-ip "$IP"
  start "$KUBERNETES/kube-proxy" --config "$CONFIG/kube-proxy.yaml"
  kubectl_admin apply --server-side --force-conflicts -f "$CONFIG/addons.yaml" >/dev/null
  start "$NETPOL/netpol" --kubeconfig "$CLIENTS/netpol.conf"
}
wait_until_ready() {
  wait_for "node $NODE" 120 node_ready
  wait_for "pods of the last run" 120 pods_are_real
  wait_for "cluster DNS" 120 dns_ready
}
# After a restart the API still shows what the last run left ("Ready", "Running"):
# the kubelet itself is asked, and every running container compared with containerd's tasks.
node_ready() {
  kubectl_admin get --raw "/api/v1/nodes/$NODE/proxy/healthz" || return 1
  [[ $(kubectl_admin get node "$NODE" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}
pods_are_real() {
  local id running
  running=$(containerd_client tasks ls | awk '$3 == "RUNNING" { print $1 }') || return 1
  for id in $(kubectl_admin get pods -A -o 'jsonpath={range .items[*].status.containerStatuses[?(@.state.running)]}{.containerID}{"\n"}{end}'); do
    grep -qxF "${id#containerd://}" <<<"$running" || return 1
  done
}
dns_ready() {
  [[ $(kubectl_admin -n kube-system get pod -l k8s-app=kube-dns -o 'jsonpath={.items[*].status.containerStatuses[*].ready}') == true ]]
}

# -- down ---------------------------------------------------------------------------
native_down() {
  native_settings || return 0
  ! index_is_foreign || return 0
  # Pods end the way a reboot ends them; the kubelet starts them afresh.
  local node=(kubelet kube-proxy netpol kube-scheduler kube-controller-manager) name
  terminate "${node[@]}"
  for name in "${node[@]}"; do stop "$name" 5; done
  kill_all cgroup_members
  terminate kube-apiserver containerd
  stop kube-apiserver 5
  stop containerd 5
  stop etcd
  # Whatever is left: the shims, which outlive containerd by design.
  kill_all members
  remove_cgroup
  machine_lock drop_namespaces
  rm -rf "$DATA/cni" "$PIDS" # addresses and processes of pods that are gone
}
native_purge() {
  native_down
  release_index
  rm -rf "$DATA"
}

# -- the rest -------------------------------------------------------------------------
require_up() { # program: the daemon that must be there
  if ! native_settings || ! alive "$1"; then die "cluster $NAME is not up: run CLUSTER_NAME=$NAME hack/kubernetes up"; fi
  binaries
}
native_load() { # archive
  require_up containerd
  import_image "$1" || die "$1 is not an image archive that containerd can read: build it again"
}
native_status() {
  local name
  native_settings || { echo "cluster $NAME: none"; return 0; }
  binaries
  echo "cluster $NAME: native, index $INDEX, node $IP"
  for name in "${DAEMONS[@]}"; do
    if alive "$name"; then
      printf '%-24s pid %-7s %5d MiB\n' "$name" "$(cat "$PIDS/$name")" \
        $(($(awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$PIDS/$name")/status") / 1024))
    else printf '%-24s stopped\n' "$name"; fi
  done
  ! alive kube-apiserver || kubectl_admin get nodes,pods -A -o wide
}
native_api_stop() {
  require_up containerd
  # At once, as a machine dies: a graceful end keeps watches open for a minute.
  stop kube-apiserver 0
}
native_api_start() {
  require_up etcd
  start_api_server
  wait_for kube-apiserver 120 kubectl_admin get --raw /readyz
}
native_node_address() { native_settings && echo "$IP"; }
native_link() { require_up containerd; machine_lock link_clusters "${1:-}"; }
native_unlink() { require_up containerd; machine_lock unlink_clusters "${1:-}"; }
native_exec() { require_up containerd; inside "$@"; }
