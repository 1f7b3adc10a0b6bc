# shellcheck shell=bash
# Builds parts (parts.sh) into the cache. Each part appears there at once, when
# all of it is done; an interrupted build leaves nothing but Go's own caches,
# with which the next one goes on where this one ended.
#
# One fetcher walks the parts while two lanes compile what is already there:
# Kubernetes, by far the biggest, in one, everything else in the other.

go_environment() {
  export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false -modcacherw'
  # The module proxy only: never a version control host.
  GOPROXY=$(go env GOPROXY)
  export GOPROXY=${GOPROXY%%[,|]direct}
}

# In a state folder of this run: NAME.fetched, NAME.built, and NAME.failed, whose
# text is the sentence to show.
fetch_part() { # state part
  local state=$1 part=$2 attempt from=$EPOCHREALTIME
  cd "$LOCAL_KUBERNETES/modules/$(part_module "$part")" || return 1
  for attempt in 1 2 3; do
    # shellcheck disable=SC2046 # one word a package
    if go list -deps $(part_packages "$part") >/dev/null 2>"$state/$part.log"; then
      touch "$state/$part.fetched"
      say "$part: fetched in $(seconds_since "$from") s"
      return 0
    fi
    sleep $((attempt * 2))
  done
  echo "$part: cannot fetch its Go modules from $GOPROXY ($(tail -n 1 "$state/$part.log")): check the network and run again" >"$state/$part.failed"
  return 1
}
compile_part() { # state part
  local state=$1 part=$2 from=$EPOCHREALTIME folder output flags
  until [[ -e $state/$part.fetched ]]; do
    ! compgen -G "$state/*.failed" >/dev/null || return 1
    kill -0 $$ 2>/dev/null || return 1
    sleep 0.2
  done
  folder=$(part_folder "$part")
  output=$CACHE/.new-${folder##*/}
  rm -rf "$output"
  mkdir -p "$output"
  cd "$LOCAL_KUBERNETES/modules/$(part_module "$part")" || return 1
  flags=$(part_ldflags "$part")
  local target=$output/
  case $part in etcd | coredns | netpol) target=$output/$part ;; esac
  # shellcheck disable=SC2046 # one word a package
  if ! go build -trimpath -ldflags "$flags" -o "$target" $(part_packages "$part") >"$state/$part.log" 2>&1; then
    cp "$state/$part.log" "$CACHE/$part.failed.log"
    echo "$part: cannot build: see $CACHE/$part.failed.log" >"$state/$part.failed"
    return 1
  fi
  mv -T "$output" "$folder"
  touch "$state/$part.built"
  say "$part $(part_version "$part"): built in $(seconds_since "$from") s ($(du -sm "$folder" | cut -f1) MB)"
}
# A line every ten seconds for as long as the build runs.
report_build() { # state from part...
  local state=$1 from=$2 part built waiting
  shift 2
  while sleep 10 && kill -0 $$ 2>/dev/null; do
    built=0 waiting=()
    for part in "$@"; do
      if [[ -e $state/$part.built ]]; then built=$((built + 1)); else waiting+=("$part"); fi
    done
    say "building ${waiting[*]:0:2}: $(seconds_since "$from") s, $built of $# parts done"
  done
}
build_lane() { # state which part...
  local state=$1 which=$2 part
  shift 2
  for part in "$@"; do
    if [[ $part == kubernetes ]]; then [[ $which == kubernetes ]] || continue; else [[ $which == others ]] || continue; fi
    compile_part "$state" "$part" || return 1
  done
}

missing_parts() { # part...
  local part
  for part in "$@"; do built_folder "$part" >/dev/null || echo "$part"; done
}
# One build at a time on this machine. Its jobs hold the lock, too: when the run
# that started them is killed, the next one waits for what they still write.
with_build_lock() { # command...
  mkdir -p "$CACHE"
  exec 8>"$CACHE/.lock"
  take_lock 8 "another run is building"
  "$@"
  exec 8>&-
}
# Builds those of the parts that are missing.
build_parts() { # part...
  local missing
  mapfile -t missing < <(missing_parts "$@")
  ((${#missing[@]})) || return 0
  require_go
  with_build_lock build_missing "${missing[@]}"
}
build_missing() { # part...
  local state from=$EPOCHREALTIME job jobs=() reporter missing
  mapfile -t missing < <(missing_parts "$@") # whoever waited may find the result
  ((${#missing[@]})) || return 0
  set -- "${missing[@]}"
  go_environment
  require_space_to_build
  say "building $# parts from Go modules into $CACHE: $*"
  rm -rf "$CACHE"/.new-*
  state=$(mktemp -d)
  report_build "$state" "$from" "$@" 8>&- &
  reporter=$!
  # The standard library first: it needs no download, and both lanes need it.
  (go build -trimpath net/http/... crypto/tls encoding/... text/template os/exec >/dev/null 2>&1 || true) &
  local standard_library=$!
  (for part in "$@"; do fetch_part "$state" "$part" || exit 1; done) &
  jobs+=($!)
  wait "$standard_library" || true
  (build_lane "$state" kubernetes "$@") &
  jobs+=($!)
  (build_lane "$state" others "$@") &
  jobs+=($!)
  # shellcheck disable=SC2064 # these jobs, whatever the variables say later
  trap "kill ${jobs[*]} $reporter 2>/dev/null || true" EXIT
  for job in "${jobs[@]}"; do wait "$job" || true; done
  kill "$reporter" 2>/dev/null || true
  trap - EXIT
  report_failure "$state"
  rm -rf "$state"
  mapfile -t missing < <(missing_parts "$@")
  ((${#missing[@]} == 0)) || die "the build of ${missing[*]} was interrupted: run again to go on"
  say "built $# parts in $(seconds_since "$from") s"
}
report_failure() { # state
  local file sentence
  for file in "$1"/*.failed; do
    [[ -e $file ]] || continue
    sentence=$(<"$file")
    rm -rf "$1"
    die "$sentence"
  done
}
