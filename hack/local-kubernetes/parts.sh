# shellcheck shell=bash
# What is built from Go modules: which part comes from which packages, what its
# programs are called, and where in the cache they lie.
#
# The versions are those of modules/<module>/go.mod, the only place; their
# hashes are in the go.sum beside it, so a build fetches exactly what was tried.
# The parts are modules of their own because their dependencies must not mix;
# helm and coredns borrow the libraries that Kubernetes uses anyway
# (`replace` lines), or every one of them would be compiled three times.

LOCAL_KUBERNETES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/teleport-access/kubernetes

# All parts of a native cluster, in the order in which they are fetched (tools.sh
# adds kubectl and helm).
# shellcheck disable=SC2034 # for native.sh
NATIVE_PARTS=(kubernetes etcd containerd cni netpol coredns)

part_module() {
  case $1 in kubectl) echo kubernetes ;; *) echo "$1" ;; esac
}
part_packages() {
  local kubernetes=k8s.io/kubernetes/cmd containerd=github.com/containerd/containerd/v2/cmd
  local cni=github.com/containernetworking/plugins/plugins
  case $1 in
    kubernetes) printf '%s\n' $kubernetes/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy} ;;
    kubectl) echo $kubernetes/kubectl ;;
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    containerd) printf '%s\n' $containerd/{containerd,ctr,containerd-shim-runc-v2} ;;
    cni) printf '%s\n' $cni/{main/ptp,main/loopback,ipam/host-local,meta/portmap} ;;
    helm) echo helm.sh/helm/v3/cmd/helm ;;
    kind) echo sigs.k8s.io/kind ;;
    *) echo . ;;
  esac
}
part_programs() {
  local package
  case $1 in
    etcd | coredns | netpol) echo "$1" ;;
    *) for package in $(part_packages "$1"); do echo "${package##*/}"; done ;;
  esac
}
# The version of the module that gives the part its name, from go.mod.
part_version() {
  local path
  case $1 in
    kubernetes | kubectl) path=k8s.io/kubernetes ;;
    etcd) path=go.etcd.io/etcd/server/v3 ;;
    containerd) path=github.com/containerd/containerd/v2 ;;
    cni) path=github.com/containernetworking/plugins ;;
    coredns) path=github.com/coredns/coredns ;;
    netpol) path=k8s.io/client-go ;;
    helm) path=helm.sh/helm/v3 ;;
    kind) path=sigs.k8s.io/kind ;;
  esac
  awk -v path="$path" '$1 == path { print $2; exit } $1 == "require" && $2 == path { print $3; exit }' \
    "$LOCAL_KUBERNETES/modules/$(part_module "$1")/go.mod"
}
# Without these, Kubernetes calls itself v0.0.0, and charts and skew checks refuse it.
part_ldflags() {
  local version package
  version=$(part_version "$1")
  echo -n '-s -w'
  case $1 in
    kubernetes | kubectl)
      for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        echo -n " -X $package.gitVersion=$version -X $package.gitTreeState=clean"
      done
      version=${version#v}
      echo -n " -X k8s.io/component-base/version.gitMajor=${version%%.*}"
      version=${version#*.}
      echo -n " -X k8s.io/component-base/version.gitMinor=${version%%.*}"
      ;;
    helm) echo -n " -X helm.sh/helm/v3/internal/version.version=$version -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36" ;;
    containerd) echo -n " -X github.com/containerd/containerd/v2/version.Version=$version" ;;
  esac
}
# Everything a part's programs depend on, except for the Go release.
part_stamp() {
  local module
  module=$LOCAL_KUBERNETES/modules/$(part_module "$1")
  { part_packages "$1"; part_ldflags "$1"; cat "$module"/*; } | sha256sum | cut -c1-12
}
# The installed Go release (go1.26.8), or nothing.
go_release() { { GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true; } | awk '{ print $1 }'; }

# Where a part's programs are or will be: part-version-stamp-go.
part_folder() {
  local go
  go=$(go_release)
  echo "$CACHE/$1-$(part_version "$1")-$(part_stamp "$1")-${go:-nogo}"
}
# Prints the folder of a part that is built. Without Go, any release that built
# these sources will do.
built_folder() {
  local folder
  folder=$(part_folder "$1")
  [[ -d $folder ]] || [[ $folder != *-nogo ]] || folder=$(compgen -G "${folder%nogo}*" | head -n 1 || true)
  [[ -n $folder && -d $folder ]] && echo "$folder"
}
