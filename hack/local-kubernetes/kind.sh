# shellcheck shell=bash
# The kind driver: thin, because kind does the work. Its clusters are called
# teleport-access-NAME and have their kubeconfig in the data folder, so neither
# another kind cluster nor ~/.kube/config is touched.

kind_name() { echo "teleport-access-$NAME"; }
kind_exists() { kind get clusters 2>/dev/null | grep -qxF "$(kind_name)"; }

kind_prepare() {
  docker_answers || die "no Docker engine answers (docker info): start Docker, or use KUBERNETES_DRIVER=native"
  link_tools kubectl helm kind
  PATH=$TOOLS:$PATH
}
kind_up() {
  mkdir -p "$DATA"
  if kind_exists; then
    kind export kubeconfig --name "$(kind_name)" --kubeconfig "$KUBECONFIG_FILE" >&2
  else
    write_file "$DATA/kind.yaml" <<EOT
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    kubeadmConfigPatches:
      # Mounted Secrets and ConfigMaps follow within ten seconds, as with the native driver.
      - |
        kind: KubeletConfiguration
        syncFrequency: 10s
EOT
    kind create cluster --name "$(kind_name)" --config "$DATA/kind.yaml" --kubeconfig "$KUBECONFIG_FILE" --wait 180s >&2 ||
      die "kind could not create cluster $(kind_name): see its message above"
  fi
  say "cluster $NAME is up: export KUBECONFIG=$KUBECONFIG_FILE"
}
kind_load() { # archive
  kind load image-archive "$1" --name "$(kind_name)" >&2 || die "kind could not load $1: run hack/kubernetes up first, or build the archive again"
}
kind_down() {
  ! kind_exists || kind delete cluster --name "$(kind_name)" --kubeconfig "$KUBECONFIG_FILE" >&2
  rm -f "$KUBECONFIG_FILE"
}
kind_purge() {
  kind_down
  rm -rf "$DATA"
}
kind_status() {
  if ! kind_exists; then
    echo "cluster $NAME: kind, not up"
    return 0
  fi
  echo "cluster $NAME: kind, $(kind_name), node $(kind_node_address)"
  kubectl --kubeconfig "$KUBECONFIG_FILE" get nodes,pods -A -o wide
}
kind_node_address() {
  kubectl --kubeconfig "$KUBECONFIG_FILE" get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}{"\n"}'
}
