# shellcheck shell=bash
# Which Kubernetes is used: the one that KUBERNETES_DRIVER names; the one that the
# cluster was made with; else kind where a Docker engine answers, native elsewhere.

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

choose_driver() { # asked remembered
  case ${1:-auto} in
    auto | existing | kind | native) ;;
    *) die "bad KUBERNETES_DRIVER '$1': use existing, kind, native or auto" ;;
  esac
  if [[ -n $2 ]]; then
    [[ ${1:-auto} == auto || $1 == "$2" ]] ||
      die "cluster $NAME was made with the $2 driver: leave KUBERNETES_DRIVER out, or run hack/kubernetes purge first"
    echo "$2"
  elif [[ ${1:-auto} != auto ]]; then
    echo "$1"
  elif docker_answers; then
    echo kind
  else
    echo native
  fi
}
