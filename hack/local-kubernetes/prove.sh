#!/usr/bin/env bash
# Proves the native driver on a cluster of its own: real objects in it, what a
# kill -9 of everything leaves behind, and that `down` leaves nothing. Not part of
# `make test`, which uses such a cluster anyway; about two minutes.
#
#   hack/local-kubernetes/prove.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export CLUSTER_NAME=prove-$$ KUBERNETES_DRIVER=native
unset CLUSTER_INDEX
kubernetes=hack/kubernetes data=.local/kubernetes/$CLUSTER_NAME
work=$(mktemp -d)
trap '$kubernetes purge; rm -rf "$work" ".local/kubernetes/.$CLUSTER_NAME.lock"' EXIT
failures=0

# prove SENTENCE COMMAND...: the command succeeds, within thirty seconds.
prove() {
  local sentence=$1 from=$SECONDS
  shift
  until "$@" >"$work/output" 2>&1; do
    if ((SECONDS - from >= 30)); then
      printf 'FAILED  %s\n' "$sentence"
      sed 's/^/        /' "$work/output"
      failures=$((failures + 1))
      return 0
    fi
    sleep 0.3
  done
  printf 'ok      %s\n' "$sentence"
}
not() { ! "$@"; }
# The output contains the text, whatever the exit code.
says() {
  local text=$1 output
  shift
  output=$("$@" 2>&1) || true
  grep "$text" <<<"$output" || { echo "$output" && return 1; }
}

# What this machine has that a cluster could have left: without the lines of the
# other clusters, and without the processes of this very pipeline.
machine_state() {
  local folder
  echo "mounts:"; grep -v "/netns/tak-" /proc/self/mounts | sort
  echo "network:"; find /run/netns /sys/class/net -mindepth 1 -printf '%f\n' 2>/dev/null | grep -v '^tak-\?[0-9]*$' | sort || true
  ip rule; ip -6 rule; ip route show table all; nft list ruleset
  echo "cgroups:"; find /sys/fs/cgroup -maxdepth 2 -name 'tak-*' -printf '%f\n' | sort -u
  echo "folders:"; ls -d /var/lib/kubelet /var/log/containers /run/containerd /etc/cni /opt/cni /var/lib/cni /var/lib/containerd 2>/dev/null || true
}
# The part of it that is about one index.
index_state() { # index
  ls -d "/run/netns/tak-$1" "/sys/class/net/tak$1" 2>/dev/null || true
  ip rule show pref $((11000 + $1)); ip rule show pref $((12000 + $1))
  find /sys/fs/cgroup -maxdepth 2 -name "tak-$1"
  grep -F "$data/" /proc/self/mounts || true
  # (A process that is gone but for its parent's attention has no memory map left.)
  for folder in /proc/[0-9]*; do [[ ! -s $folder/maps ]] || tr '\0' ' ' <"$folder/cmdline"; echo; done 2>/dev/null | grep -F "$CLUSTER_NAME/" || true
}

machine_state >"$work/before"
$kubernetes up
KUBECONFIG=$PWD/$data/kubeconfig PATH=$($kubernetes bin):$PATH
export KUBECONFIG PATH
address=$($kubernetes node-address) index=$(<"$data/index")
k() { timeout 20 kubectl -n prove "$@"; }

(cd hack/local-kubernetes/prove && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/root/prove" .)
hack/local-kubernetes/image-archive.sh local-kubernetes/prove:1 "$work/root" "$work/prove.tar" '{"User":"65532:65532","Entrypoint":["/prove"]}'
prove "an image archive is loaded" $kubernetes load "$work/prove.tar"
kubectl apply -f hack/local-kubernetes/prove/workload.yaml >/dev/null
prove "a Deployment rolls out" k rollout status deploy/server --timeout 20s
prove "pods become ready" k wait --for=condition=Ready pod --all --timeout 20s

prove "exec works and DNS answers in pods" says 10. k exec friend -- /prove lookup server.prove.svc.cluster.local
prove "a foreign name does not exist" says "no such host" k exec friend -- /prove lookup example.com
prove "a Service answers by name" says server- k exec friend -- /prove get http://server/
prove "a NodePort answers from the machine" says server- curl -sSm2 "http://$address:30080/"
prove "a ClusterIP answers from the machine" says server- curl -sSm2 "http://$(k get svc server -o 'jsonpath={.spec.clusterIP}')/"
prove "logs are readable" says listening k logs deploy/server
k port-forward svc/server 18099:80 >/dev/null 2>&1 &
forward=$!
prove "port-forward works" says server- curl -sSm2 http://127.0.0.1:18099/
kill $forward

policy() { printf 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" | k apply -f - >/dev/null; }
policy deny '{podSelector: {}, policyTypes: [Ingress]}'
prove "a NetworkPolicy without rules denies ingress" not k exec friend -- /prove get http://server/
prove "it denies the NodePort, too" not curl -sSm2 "http://$address:30080/"
policy friend '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: friend}}}], ports: [{port: 8080}]}]}'
prove "a rule lets the named pods in" says server- k exec friend -- /prove get http://server/
prove "and nobody else" not k exec stranger -- /prove get http://server/
policy egress '{podSelector: {matchLabels: {app: friend}}, policyTypes: [Egress], egress: []}'
prove "egress is denied" not k exec friend -- /prove get http://server/
k delete networkpolicy --all >/dev/null

prove "api-stop takes the API server away" $kubernetes api-stop
prove "which then does not answer" not kubectl --request-timeout=2s get nodes
prove "while pods go on" says server- curl -sSm2 "http://$address:30080/"
prove "api-start brings it back" $kubernetes api-start
prove "and the API answers" kubectl get nodes

# Everything dies at once, as when the machine's memory runs out.
everything() { for folder in /proc/[0-9]*; do [[ ! $folder/ns/net -ef /run/netns/tak-$index ]] || echo "${folder#/proc/}"; done; find /sys/fs/cgroup/*/"tak-$index" -name cgroup.procs -exec cat {} +; }
# shellcheck disable=SC2046 # one word a pid
kill -9 $(everything | sort -u) 2>/dev/null || true
echo "not a number" >"$data/pid/etcd"
prove "up works after a kill -9 of everything" $kubernetes up
prove "and its pods serve again" k wait --for=condition=Ready pod --all --timeout 20s
prove "through the NodePort" says server- curl -sSm2 "http://$address:30080/"
# Only the daemons die; the pods' processes live on.
for file in "$data"/pid/*; do kill -9 "$(<"$file")"; done
prove "up works after a kill -9 of the daemons" $kubernetes up
prove "and the same pods serve" says server- curl -sSm2 "http://$address:30080/"
one_process_a_pod() { [[ $(everything | sort -u | xargs -I{} readlink /proc/{}/exe | grep -c '^/prove$') == 4 ]]; }
prove "each of them once" one_process_a_pod
prove "up is idempotent" $kubernetes up

prove "a namespace is deleted" timeout 60 kubectl delete namespace prove
prove "down works" $kubernetes down
index_state "$index" >"$work/index"
prove "down leaves no process, mount, interface, namespace, rule or cgroup" not grep -q . "$work/index"
prove "a second down is no error" $kubernetes down
prove "up works on kept data" $kubernetes up
prove "the data was kept" says coredns kubectl -n kube-system get configmap
# Somebody deletes the folder of a running cluster.
rm -rf "$data" 2>/dev/null || true
prove "up works when the data folder of a running cluster was deleted" $kubernetes up
prove "with the same index" says "^$index\$" cat "$data/index"
prove "purge works" $kubernetes purge
prove "purge leaves no data" not test -e "$data"
index_state "$index" >"$work/index"
prove "purge leaves nothing of the cluster" not grep -q . "$work/index"
machine_state >"$work/after"
# Other clusters may come and go meanwhile; what they have is theirs.
others='tak-\?[0-9]\|lookup 1[12]0[0-9][0-9]\|table 1[12]0[0-9][0-9]\|^10\.2[0-9][0-9]\.'
prove "the machine is as it was" diff <(grep -v "$others" "$work/before") <(grep -v "$others" "$work/after")

if ((failures)); then echo "$failures not proved"; exit 1; fi
echo "all proved in $SECONDS s"
