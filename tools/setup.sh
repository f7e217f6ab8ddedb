# What run.sh and test.sh share: messages, installing what is missing, and building a preset. Sourced
# by bash, never run. Everything is said on standard error, so that standard output stays the
# program's. Expects ROOT to be the repository; changes nothing outside build/ except by apt and in
# the caches of ccache and npm, in the home folder, that building fills.
# shellcheck shell=bash

# Lowest versions that are known to work, checked after installing.
readonly MIN_GXX=12 MIN_CMAKE=3.25 MIN_NODE=18

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
if [[ ! -t 2 ]]; then
  say() { printf '==> %s\n' "$*" >&2; }
fi
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do note "$line"; done
  exit 1
}

# ---- Packages ------------------------------------------------------------------------------------

# "package minimum" lines. A minimum of 0 is any version.
readonly BUILD_LIBRARIES='
libboost-dev 1.74
libhwy-dev 1.0.3
nlohmann-json3-dev 3.11
libspdlog-dev 1.10
libssl-dev 3
libcurl4-openssl-dev 7.85
libedit-dev 0
libcli11-dev 2.1
libhwloc-dev 2.4
libopenblas-pthread-dev 0.3.21
libtomlplusplus-dev 3.3
'
# shellcheck disable=SC2034  # test.sh reads it
readonly TEST_LIBRARIES='
libgtest-dev 1.12
libgmock-dev 1.12
libsimde-dev 0
'

# Version number of a program, or nothing when it is not there.
version_of() {
  command -v "$1" >/dev/null 2>&1 || return 0
  "$1" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true
}

# at_least FOUND MINIMUM: compares dotted numbers; an epoch ("4:12.2") counts for nothing.
at_least() {
  [[ -n $1 ]] || return 1
  local found=${1#*:}
  [[ $(printf '%s\n%s\n' "$2" "$found" | sort -V | head -n 1) == "$2" ]]
}

# Prints the packages that give the commands "command:package" which are not there.
missing_commands() {
  local pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s\n' "${pair#*:}"
  done
}

# Prints the packages of a "package minimum" list that are absent or too old.
missing_libraries() {
  local list=$1 installed name minimum found
  local -A have=()
  local names=()
  while read -r name minimum; do [[ -z $name ]] || names+=("$name"); done <<<"$list"
  # dpkg-query fails when it does not know one of the names; what it knows is printed all the same.
  # shellcheck disable=SC2016  # dpkg-query's own variables
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' "${names[@]}" \
    2>/dev/null || true)
  while read -r name _ found; do have[$name]=$found; done \
    < <(grep ' installed ' <<<"$installed" || true)
  while read -r name minimum; do
    [[ -z $name ]] && continue
    if [[ -z ${have[$name]:-} ]] || ! at_least "${have[$name]}" "$minimum"; then
      printf '%s\n' "$name"
    fi
  done <<<"$list"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Installs Debian packages; stops with what to do where that cannot work.
install_packages() {
  local packages=("$@")
  local command="apt-get install --no-install-recommends ${packages[*]}"
  if ! command -v apt-get >/dev/null 2>&1; then
    die "these packages are missing, and there is no apt to install them: ${packages[*]}" \
      "Fathom's scripts know Debian 12 and Ubuntu 24.04. On another system, install the" \
      "packages' counterparts by hand, then: cmake --preset release && cmake --build --preset release"
  fi
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null 2>&1; then
    die "these packages are missing, and installing them needs root or sudo: ${packages[*]}" \
      "As root, run: $command" \
      "then run this script again as yourself."
  fi
  say "Installing ${#packages[@]} missing packages: ${packages[*]}"
  local options=(-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  as_root apt-get "${options[@]}" update -q >&2 || note "apt-get update failed; going on without it"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install -q -y \
    --no-install-recommends "${packages[@]}" >&2; then
    die "could not install: ${packages[*]}" \
      "Is the network there? The first run needs Debian's package archive." \
      "An interrupted installation is mended with: dpkg --configure -a" \
      "What is installed already keeps working; run this script again when the network is back."
  fi
}

# check_version COMMAND MINIMUM WHY
check_version() {
  local found
  found=$(version_of "$1")
  at_least "$found" "$2" || die "$1 ${found:-of unknown version} is too old: $3 needs $2 or newer" \
    "found: $(command -v "$1" || echo none)"
}

# Everything the program and the page are built with, and the further packages in "$@" (empty: none).
install_build_tools() {
  local missing=()
  mapfile -t missing < <(
    missing_commands g++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config \
      python3:python3 ccache:ccache node:nodejs npm:npm
    python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("pip") is None)' 2>/dev/null ||
      echo python3-pip
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
    if command -v dpkg-query >/dev/null 2>&1; then missing_libraries "$BUILD_LIBRARIES"; fi
    local package
    for package in "$@"; do [[ -z $package ]] || printf '%s\n' "$package"; done
  )
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
  check_version g++ $MIN_GXX "Fathom"
  check_version cmake $MIN_CMAKE "the build"
  check_version node $MIN_NODE "the web page's build"
}

# ---- Building ------------------------------------------------------------------------------------

# Parallel jobs: one per processor, with 1.5 GB of available memory each.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo 2>/dev/null || echo 1)
  local jobs=$((memory < cores ? memory : cores))
  echo $((jobs > 0 ? jobs : 1))
}

# check_space FOLDER MEGABYTES WHAT: FOLDER or its nearest parent that exists.
check_space() {
  local folder=$1 free
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  ((free >= $2)) || die "no space left for $3: $2 MB are needed in $folder, $free MB are free"
}

# configure_preset PRESET [cmake option]...: and notes what it was configured with.
configure_preset() {
  local folder="$ROOT/build/$1"
  (cd "$ROOT" && cmake --preset "$@") >&2 9>&- || die "configuring build/$1 failed"
  echo "${*:2}" >"$folder/.options"
  cat "$ROOT/CMakePresets.json" >"$folder/.presets"
}

# build_preset PRESET TARGET [--keep] [cmake option]...: configures when needed and builds. An
# interrupted build goes on where it stopped. With --keep, the options are those of the first time:
# an existing configuration keeps its own.
build_preset() {
  local preset=$1 target=$2 keep="" known
  shift 2
  if [[ ${1:-} == --keep ]]; then
    keep=yes
    shift
  fi
  local folder="$ROOT/build/$preset" options=("$@")
  known=$(cat "$folder/.options" 2>/dev/null || true)
  [[ -z $keep || -z $known ]] || read -ra options <<<"$known"
  mkdir -p "$ROOT/build" || die "cannot write to $ROOT"
  # Two scripts at once would write the same files: the second waits.
  exec 9>"$ROOT/build/.lock"
  if ! flock -n 9; then
    say "Another build is running in $ROOT/build; waiting for it"
    flock 9
  fi
  local home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt" 2>/dev/null || true)
  if [[ -n $home && $home != "$ROOT" ]]; then
    say "build/$preset was made for $home; starting afresh"
    rm -rf "$folder"
  fi
  # Of another compiler CMake would keep some of what it found out with the last one.
  if [[ -e $folder/.options && $(<"$ROOT/CMakePresets.json") != "$(cat "$folder/.presets" 2>/dev/null)" ]]; then
    say "CMakePresets.json has changed since build/$preset was made; starting afresh"
    rm -rf "$folder"
  fi
  if [[ ! -e $folder/build.ninja ]]; then
    check_space "$ROOT" 1000 "the build"
    say "Configuring build/$preset"
    configure_preset "$preset" "${options[@]}"
  elif [[ -z $keep && "${options[*]}" != "$known" ]]; then
    say "Configuring build/$preset again"
    configure_preset "$preset" "${options[@]}"
  fi
  say "Building build/$preset ($target, $(build_jobs) at a time)"
  NINJA_STATUS='[%f/%t %es] ' ninja -C "$folder" -j "$(build_jobs)" "$target" >&2 9>&- ||
    die "building build/$preset failed; the messages above say where" \
      "After a change of the system: rm -r build/$preset, then run this script again."
  exec 9>&-
}
