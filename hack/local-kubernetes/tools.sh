# shellcheck shell=bash
# kubectl and helm: those in PATH where their versions fit, or else built ones.
# $TOOLS holds a link to each, so that one folder in PATH is enough.

# What the word after --client says: v1.36.3, v3.22.0; nothing when it is no such program.
found_version() { # program
  case $1 in
    kubectl) kubectl version --client 2>/dev/null | awk '/^Client Version:/ { print $3; exit }' ;;
    helm) helm version --template '{{ .Version }}' 2>/dev/null ;;
    kind) kind version 2>/dev/null | awk '{ print $2; exit }' ;;
  esac || true
}
# kubectl works with API servers one minor release older or newer; helm's major
# release decides what a chart may say; kind's minor release which node image it starts.
version_fits() { # program version wanted
  local minor wanted
  case $1 in
    helm | kind)
      [[ ${2%%.*} == "${3%%.*}" ]] || return 1
      [[ $1 == helm ]] || version_at_least "${2#v}" "${3#v}"
      ;;
    kubectl)
      [[ $2 =~ ^v1\.([0-9]+)\.[0-9]+$ ]] || return 1
      minor=${BASH_REMATCH[1]}
      [[ $3 =~ ^v1\.([0-9]+)\. ]] || return 1
      wanted=${BASH_REMATCH[1]}
      ((minor >= wanted - 1 && minor <= wanted + 1))
      ;;
  esac
}
found_tool() { # program: prints the path of one in PATH that fits
  local path
  path=$(PATH=$(path_without_tools) command -v "$1") || return 1
  version_fits "$1" "$(PATH=$(path_without_tools) found_version "$1")" "$(part_version "$1")" || return 1
  echo "$path"
}
path_without_tools() {
  local entry entries path=
  IFS=: read -ra entries <<<"$PATH"
  for entry in "${entries[@]}"; do [[ $entry == "$TOOLS" ]] || path+=${path:+:}$entry; done
  echo "$path"
}
missing_tools() { # program...
  local program
  for program in "$@"; do found_tool "$program" >/dev/null || echo "$program"; done
}
# Links the tools, building those that are missing.
link_tools() { # program...
  local program target parts
  mapfile -t parts < <(missing_tools "$@")
  build_parts "${parts[@]}"
  mkdir -p "$TOOLS"
  for program in "$@"; do
    target=$(found_tool "$program") || target=$(built_folder "$program")/$program
    [[ $(readlink "$TOOLS/$program") != "$target" ]] || continue
    ln -sfn "$target" "$TOOLS/.$program.new"
    mv -T "$TOOLS/.$program.new" "$TOOLS/$program"
  done
}
