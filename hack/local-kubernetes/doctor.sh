# shellcheck shell=bash
# Says what this machine would use for a cluster, and what it lacks.

doctor_line() { printf '%-12s %s\n' "$1" "$2"; }
doctor_go() {
  local go
  go=$(go_release)
  if [[ -z $go ]]; then echo "not found (needed to build: $GO_MINIMUM or newer)"
  elif version_at_least "${go#go}" "$GO_MINIMUM"; then echo "$go"
  else echo "$go is too old (needed to build: $GO_MINIMUM or newer)"; fi
}
doctor_root() {
  if [[ $EUID == 0 ]]; then echo yes
  elif can_be_root; then echo "by sudo"
  else echo "no (the native driver needs root)"; fi
}
doctor_parts() { # part...
  local missing
  mapfile -t missing < <(missing_parts "$@")
  if ((${#missing[@]})); then echo "to build: ${missing[*]}"; else echo "all built"; fi
}
doctor() {
  local driver tools packages
  driver=$(choose_driver "${KUBERNETES_DRIVER:-}" "$(cat "$DATA/driver" 2>/dev/null || true)")
  mapfile -t tools < <(missing_tools kubectl helm)
  doctor_line driver "$driver$([[ ! -e $DATA/driver ]] || echo " (cluster $NAME was made with it)")"
  doctor_line data "$DATA ($(free_space "$DATA") GB free, $SPACE_TO_RUN needed)"
  doctor_line cache "$CACHE ($(free_space "$CACHE") GB free, $SPACE_TO_BUILD needed to build)"
  doctor_line go "$(doctor_go)"
  if [[ $driver == native ]]; then
    packages=$(missing_packages | tr '\n' ' ')
    doctor_line root "$(doctor_root)"
    doctor_line packages "${packages:-all there}"
    doctor_line index "$(cat "$DATA/index" 2>/dev/null || echo "chosen by up")"
    doctor_line parts "$(doctor_parts "${NATIVE_PARTS[@]}" "${tools[@]}")"
  else
    doctor_line parts "$(doctor_parts "${tools[@]}")"
  fi
}
