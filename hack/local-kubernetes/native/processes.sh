# shellcheck shell=bash
# The cluster's daemons: plain processes in its namespaces.

in_net() { nsenter --net="$NETNS_FILE" "$@"; }
inside() { nsenter --net="$NETNS_FILE" --mount="$MNTNS" --wd="$PWD" "$@"; }
containerd_client() {
  inside "$CONTAINERD/ctr" --address "$SOCKET" --namespace k8s.io "$@" 2> >(grep -v DEPRECATION >&2)
}

# A pid file counts only while the process behind it runs that program in our
# network namespace, so a stale file never makes us signal a stranger.
alive() { # program
  local pid
  pid=$(cat "$PIDS/$1" 2>/dev/null) && [[ -n $pid ]] || return 1
  [[ $(program_of "$pid") == "$1" && /proc/$pid/ns/net -ef $NETNS_FILE ]]
}
program_of() { # pid
  local exe
  exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 0
  exe=${exe% (deleted)}
  echo "${exe##*/}"
}
start() { # program args...
  alive "${1##*/}" && return 0
  local program=$1 name=${1##*/}
  shift
  # The lock's descriptors stay here, or the daemon would hold the lock for life.
  setsid nohup nsenter --net="$NETNS_FILE" --mount="$MNTNS" "$program" "$@" >>"$LOGS/$name.log" 2>&1 </dev/null 7>&- 9>&- &
  write_file "$PIDS/$name" <<<$!
}
terminate() { # program...
  local name
  for name in "$@"; do ! alive "$name" || kill "$(cat "$PIDS/$name")" 2>/dev/null || true; done
}
# Ends a program and waits for it: gently for some seconds, then not.
stop() { # program [seconds]
  local tries=$((${2:-10} * 20)) i
  terminate "$1"
  for ((i = 0; i < tries; i++)); do alive "$1" || break; sleep 0.05; done
  if alive "$1"; then
    kill -9 "$(cat "$PIDS/$1")" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do alive "$1" || break; sleep 0.05; done
  fi
  rm -f "$PIDS/$1"
}
wait_for() { # what seconds command...
  local what=$1 seconds=$2 from=$SECONDS next=10
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS - from < seconds)) || die "$what did not come up in $seconds s: see $LOGS, or run hack/kubernetes purge and up again"
    if ((SECONDS - from >= next)); then say "waiting for $what: $((SECONDS - from)) s"; next=$((next + 10)); fi
    sleep 0.1
  done
}

# -- everything that belongs to the cluster, daemons or pods ------------------
cgroup_mounts() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts; }
cgroup_members() {
  local mount
  for mount in $(cgroup_mounts); do
    [[ ! -d $mount/$CGROUP ]] || find "$mount/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done | sort -un
}
# (ip netns pids, without the need for the namespace to have a name)
namespace_members() {
  local pid_folder
  [[ -e $NETNS_FILE ]] || return 0
  for pid_folder in /proc/[0-9]*; do
    [[ ! $pid_folder/ns/net -ef $NETNS_FILE ]] || echo "${pid_folder#/proc/}"
  done
}
members() { { namespace_members; cgroup_members; } | sort -un; }
# Kills what a command lists until it lists nothing (for five seconds).
kill_all() { # command
  local i pids
  for ((i = 0; i < 50; i++)); do
    pids=$("$1")
    [[ -n $pids ]] || return 0
    # shellcheck disable=SC2086 # one word a pid
    kill -9 $pids 2>/dev/null || true
    sleep 0.1
  done
}

# The kubelet wants its cgroup root in every controller.
make_cgroup() {
  local mount file
  for mount in $(cgroup_mounts); do
    mkdir -p "$mount/$CGROUP"
    for file in cpuset.cpus cpuset.mems; do # v1: empty until written
      [[ ! -e $mount/$file || ! -e $mount/$CGROUP/$file || -n $(cat "$mount/$CGROUP/$file") ]] ||
        cat "$mount/$file" >"$mount/$CGROUP/$file"
    done
    [[ ! -e $mount/cgroup.subtree_control || ! -s $mount/cgroup.controllers ]] ||
      sed 's/\(^\| \)/ +/g' "$mount/cgroup.controllers" >"$mount/cgroup.subtree_control" 2>/dev/null || true
  done
}
remove_cgroup() {
  local mount
  for mount in $(cgroup_mounts); do
    [[ ! -d $mount/$CGROUP ]] || find "$mount/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
