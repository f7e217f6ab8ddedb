#!/bin/sh
# Builds the kernels for 64-bit ARM and runs their tests under qemu-user. Needs the Debian packages
# cmake, ninja-build, g++-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user, googletest, libhwy-dev.
set -eu
cd "$(dirname "$0")/.."
build=build/arm64
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/aarch64-toolchain.cmake" \
  -DFATHOM_KERNELS_ONLY=ON -DFATHOM_GTEST_SOURCE=/usr/src/googletest
cmake --build "$build" --target kernels_test
qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/src/kernels/kernels_test" --gtest_brief=1 "$@"
