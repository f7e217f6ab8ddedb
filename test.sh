#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
#
#   ./test.sh                       all tests of the release build, and each fuzzer for a short while
#   ./test.sh --sanitize address    the unit tests under AddressSanitizer and UBSan
#   ./test.sh --sanitize thread     the unit tests under ThreadSanitizer
#   ./test.sh --fuzz-seconds N      how long each fuzzer runs (default 20; 0: not at all)
#
# Safe to repeat; needs no network the second time. With CI=true, warnings are errors. Ends with the
# summary of ctest.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/setup.sh
source "$ROOT/tools/setup.sh"

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

sanitize=""
fuzz_seconds=20
while (($# > 0)); do
  case $1 in
    --sanitize)
      sanitize=${2:-}
      [[ $sanitize == address || $sanitize == thread ]] ||
        die "--sanitize takes address or thread, not '${2:-}'"
      shift 2
      ;;
    --fuzz-seconds)
      fuzz_seconds=${2:-}
      [[ $fuzz_seconds =~ ^(0|[1-9][0-9]*)$ ]] || die "--fuzz-seconds takes a number, not '${2:-}'"
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die "unknown argument '$1'; see ./test.sh --help" ;;
  esac
done

# run_ctest PRESET [ctest argument]...: its summary closes the output.
run_ctest() {
  local preset=$1
  shift
  say "Running the tests of build/$preset"
  "${runner[@]}" ctest --test-dir "$ROOT/build/$preset" --output-on-failure --no-tests=error \
    --timeout 600 -j "$(nproc)" "$@"
}

runner=(env)
options=(-DFATHOM_TESTS=ON)
if [[ ${CI:-} == true ]]; then
  options+=(-DFATHOM_WERROR=ON)
fi
mapfile -t test_packages < <(
  if command -v dpkg-query >/dev/null 2>&1; then missing_libraries "$TEST_LIBRARIES"; fi
  missing_commands git:git
)

# The address sanitizer's build is clang's, and has the fuzzers.
if [[ $sanitize == address ]] || { [[ -z $sanitize ]] && ((fuzz_seconds > 0)); }; then
  mapfile -O "${#test_packages[@]}" -t test_packages < <(
    missing_commands clang++:clang
    compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a' >/dev/null ||
      echo libclang-rt-dev
  )
fi

if [[ -n $sanitize ]]; then
  install_build_tools "${test_packages[@]}"
  preset=asan-ubsan
  [[ $sanitize == address ]] || preset=tsan
  build_preset "$preset" all "${options[@]}"
  # GCC 12's ThreadSanitizer cannot live with more than 28 random bits in a mapping's address.
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
  if [[ $sanitize == thread ]] && ((bits > 28)) && setarch -R true 2>/dev/null; then
    runner=(setarch -R)
  fi
  run_ctest "$preset" -L unit
  exit 0
fi

mapfile -t further < <(
  # Ubuntu's package of this name is a stub that wants snap: there the page's test is skipped.
  if ! command -v chromium >/dev/null 2>&1 && grep -qs '^ID=debian' /etc/os-release; then
    echo chromium
  fi
)
install_build_tools "${test_packages[@]}" "${further[@]}"
build_preset release all "${options[@]}"

python3 "$ROOT/tools/fetch_default_model.py" ||
  note "The tests that talk to the default model will be skipped."

fuzz_failed=""
if ((fuzz_seconds > 0)); then
  build_preset asan-ubsan fuzzers "${options[@]}"
  say "Running each fuzzer for $fuzz_seconds s"
  "$ROOT/tools/run_fuzzers.sh" "$fuzz_seconds" || fuzz_failed=yes
fi

run_ctest release
[[ -z $fuzz_failed ]] || die "all tests passed, but a fuzzer found something (see above)"
