# shellcheck shell=bash
# The configuration files of the daemons, written anew by each `up`.

make_containerd_config() {
  write_file "$CONFIG/containerd.toml" <<EOT
version = 3
root = "$DATA/containerd/root"
state = "/run/containerd/state"
[grpc]
  address = "$SOCKET"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.internal.v1.opt']
  path = "$DATA/containerd/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "$PAUSE_IMAGE"
[plugins.'io.containerd.cri.v1.runtime']
  netns_mounts_under_state_dir = true
  # No profile is left in this machine's kernel.
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE nobody may lower an OOM score; runc would fail.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["$CNI"]
    conf_dir = "$CONFIG/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "$RUNC"
        Root = "$DATA/containerd/runc"
        SystemdCgroup = false
EOT
}
make_cni_config() {
  write_file "$CONFIG/cni/10-local.conflist" <<EOT
{"cniVersion": "1.0.0", "name": "local", "plugins": [
  {"type": "ptp", "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$DATA/cni",
            "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true, "backend": "nftables"}]}
EOT
}
make_kubelet_config() {
  write_file "$CONFIG/resolv.conf" </dev/null # no upstream resolver: nothing leaves the machine
  write_file "$CONFIG/kubelet.yaml" <<EOT
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $IP
healthzBindAddress: $IP
cgroupRoot: /$CGROUP
podLogsDir: $LOGS/pods
containerRuntimeEndpoint: unix://$SOCKET
cgroupDriver: cgroupfs
makeIPTablesUtilChains: false
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$DNS_SERVICE]
clusterDomain: $DOMAIN
resolvConf: $CONFIG/resolv.conf
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
# Images cannot be pulled again: never collect them, whatever the disk says.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 500Mi}
# Mounted Secrets and ConfigMaps follow within this period (default 1m).
syncFrequency: $SYNC_FREQUENCY
EOT
}
make_kube_proxy_config() {
  write_file "$CONFIG/kube-proxy.yaml" <<EOT
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: $NODE
clientConnection: {kubeconfig: $CLIENTS/kube-proxy.conf}
clusterCIDR: $POD_CIDR
healthzBindAddress: $IP:10256
metricsBindAddress: $IP:10249
# Services follow their pods at once (default: up to 1s late).
nftables: {minSyncPeriod: 50ms}
conntrack: {maxPerCore: 0}
oomScoreAdj: 0
EOT
}
make_config() {
  make_containerd_config
  make_cni_config
  make_kubelet_config
  make_kube_proxy_config
  make_addons
}
