#!/usr/bin/env bash
# Runs every built fuzzer, or the named ones, for a while each.
#
#   tools/run_fuzzers.sh SECONDS [NAME...]
#
# Starts from the seeds in tests/data/fuzz/NAME and keeps what it learns in build/fuzz/corpus/NAME, so
# that the next run goes further. An input that breaks something is left in build/fuzz/findings.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/setup.sh
source "$ROOT/tools/setup.sh"

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || die "usage: tools/run_fuzzers.sh SECONDS [NAME...]"
seconds=$1
shift
if (($# == 0)); then
  for program in "$ROOT"/build/asan-ubsan/fuzz/*_fuzz; do
    [[ -x $program ]] || die "no fuzzer is built: cmake --preset asan-ubsan && cmake --build --preset asan-ubsan"
    name=$(basename "$program" _fuzz)
    set -- "$@" "$name"
  done
fi

findings="$ROOT/build/fuzz/findings"
mkdir -p "$findings"

# run_one NAME: fails when there is a finding.
run_one() {
  local name=$1 runs
  local corpus="$ROOT/build/fuzz/corpus/$name" seeds="$ROOT/tests/data/fuzz/$name"
  mkdir -p "$corpus"
  local folders=("$corpus") options=()
  [[ ! -d $seeds ]] || folders+=("$seeds")
  [[ ! -e $ROOT/tests/data/fuzz/$name.dict ]] || options+=("-dict=$ROOT/tests/data/fuzz/$name.dict")
  local log="$ROOT/build/fuzz/$name.log"
  # One input may take 10 s and 1 GB: more is a finding of its own.
  if "$ROOT/build/asan-ubsan/fuzz/${name}_fuzz" "-max_total_time=$seconds" -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 "-artifact_prefix=$findings/$name-" "${options[@]}" \
    "${folders[@]}" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    say "fuzz $name: ${runs:-?} inputs in $seconds s, nothing found"
  else
    say "fuzz $name: FAILED"
    tail -n 40 "$log" >&2
    return 1
  fi
}

# As many at a time as there are processors.
declare -A name_of=()
failed=()
collect_one() {
  local pid status=0
  wait -n -p pid || status=$?
  ((status == 0)) || failed+=("${name_of[$pid]}")
  unset "name_of[$pid]"
}
for name in "$@"; do
  ((${#name_of[@]} < $(nproc))) || collect_one
  run_one "$name" &
  name_of[$!]=$name
done
while ((${#name_of[@]} > 0)); do collect_one; done
((${#failed[@]} == 0)) || die "fuzzers with findings: ${failed[*]}" "The inputs are in $findings"
