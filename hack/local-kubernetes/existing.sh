# shellcheck shell=bash
# The existing driver: the cluster of the current kubeconfig context, only when
# asked for. It is never created, changed or deleted; what lies in the data
# folder is a copy of that one context.

existing_prepare() {
  link_tools kubectl helm
  PATH=$TOOLS:$PATH
}
existing_up() {
  local config
  config=$(kubectl config view --minify --flatten --raw 2>/dev/null) ||
    die "there is no current kubeconfig context: choose one with kubectl config use-context, or leave KUBERNETES_DRIVER out"
  mkdir -p "$DATA"
  write_file "$KUBECONFIG_FILE" 600 <<<"$config"
  kubectl --kubeconfig "$KUBECONFIG_FILE" get --raw /readyz --request-timeout=10s >/dev/null ||
    die "the cluster of context $(kubectl config current-context) does not answer: check it with kubectl get nodes"
  say "using the cluster of context $(kubectl config current-context): export KUBECONFIG=$KUBECONFIG_FILE"
}
existing_load() { # archive
  die "cannot load $1 into an existing cluster: push the image to a registry that the cluster pulls from, or load it with the cluster's own tool"
}
existing_down() { rm -f "$KUBECONFIG_FILE"; }
existing_purge() { rm -rf "$DATA"; }
existing_status() {
  [[ -e $KUBECONFIG_FILE ]] || { echo "cluster $NAME: existing, not in use"; return 0; }
  echo "cluster $NAME: existing, $(kubectl --kubeconfig "$KUBECONFIG_FILE" config current-context)"
  kubectl --kubeconfig "$KUBECONFIG_FILE" get nodes -o wide
}
existing_node_address() { kind_node_address; }
