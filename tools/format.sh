#!/usr/bin/env bash
# Formats the C++ files with clang-format, by .clang-format; or says which ones it would change.
#
#   tools/format.sh [FILE...]            format in place (default: all tracked C++ files)
#   tools/format.sh --check [FILE...]    change nothing; exit 1 when a file is not formatted
#
# clang-format's layout differs between versions; this project's is that of version 14.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/setup.sh
source "$ROOT/tools/setup.sh"

check=""
if [[ ${1:-} == --check ]]; then
  check=yes
  shift
fi
formatter=$(command -v clang-format-14 || command -v clang-format || true)
[[ -n $formatter ]] || die "clang-format is missing: apt-get install clang-format"
[[ $(version_of "$formatter") == 14.* ]] || die "clang-format 14 is needed, not $(version_of "$formatter")"

cd "$ROOT"
if (($# == 0)); then
  mapfile -t files < <(git ls-files 'src/*.h' 'src/*.cc' 'fuzz/*.cc' 'bench/*.h' 'bench/*.cc')
else
  files=("$@")
fi
if [[ -z $check ]]; then
  "$formatter" -i "${files[@]}"
  exit 0
fi
bad=()
for file in "${files[@]}"; do
  "$formatter" "$file" | cmp -s - "$file" || bad+=("$file")
done
((${#bad[@]} == 0)) || die "${#bad[@]} of ${#files[@]} files are not formatted:" "${bad[@]}" \
  "Run: tools/format.sh"
say "${#files[@]} files are formatted"
