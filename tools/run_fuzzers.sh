#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz, or the named ones, for a while each.
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
  for program in "$ROOT"/build/fuzz/fuzz/*_fuzz; do
    [[ -x $program ]] || die "no fuzzer is built: cmake --preset fuzz && cmake --build --preset fuzz"
    name=$(basename "$program" _fuzz)
    set -- "$@" "$name"
  done
fi

findings="$ROOT/build/fuzz/findings"
mkdir -p "$findings"
failed=()
for name in "$@"; do
  corpus="$ROOT/build/fuzz/corpus/$name"
  seeds="$ROOT/tests/data/fuzz/$name"
  mkdir -p "$corpus"
  folders=("$corpus")
  [[ ! -d $seeds ]] || folders+=("$seeds")
  options=()
  [[ ! -e $ROOT/tests/data/fuzz/$name.dict ]] || options+=("-dict=$ROOT/tests/data/fuzz/$name.dict")
  log="$ROOT/build/fuzz/$name.log"
  # One input may take 10 s and 1 GB: more is a finding of its own.
  if "$ROOT/build/fuzz/fuzz/${name}_fuzz" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 "-artifact_prefix=$findings/$name-" "${options[@]}" "${folders[@]}" \
    >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    say "fuzz $name: ${runs:-?} inputs in $seconds s, nothing found"
  else
    failed+=("$name")
    say "fuzz $name: FAILED"
    tail -n 40 "$log" >&2
  fi
done
((${#failed[@]} == 0)) || die "fuzzers with findings: ${failed[*]}" "The inputs are in $findings"
