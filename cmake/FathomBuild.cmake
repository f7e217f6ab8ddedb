# Compiler settings shared by every room, and fathom_library(), which declares one.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# A room's dependencies are found in its own folder and needed wherever the room is linked.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

find_program(FATHOM_CCACHE ccache)
if(FATHOM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${FATHOM_CCACHE}")
endif()

find_package(Threads REQUIRED)

add_library(fathom_options INTERFACE)
target_compile_options(fathom_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  -Wno-missing-field-initializers -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Warns about the standard library's own string assignment (GCC bug 105651).
  target_compile_options(fathom_options INTERFACE -Wno-restrict)
endif()
target_include_directories(fathom_options INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_link_libraries(fathom_options INTERFACE Threads::Threads)
if(FATHOM_WERROR)
  target_compile_options(fathom_options INTERFACE -Werror)
endif()
# What only a test's own files are compiled with: they take longer to compile than to run, and what
# they test keeps the options of the build.
set(FATHOM_TEST_OPTIONS "")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(FATHOM_TEST_OPTIONS -O1)
endif()
if(FATHOM_SANITIZE STREQUAL "address")
  # The address sanitizer sees null pointers and what lies outside objects by itself.
  target_compile_options(fathom_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize=null,object-size,vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(fathom_options INTERFACE -fsanitize=address,undefined)
  set(FATHOM_TEST_OPTIONS -O0 -fno-sanitize=undefined)
elseif(FATHOM_SANITIZE STREQUAL "thread")
  target_compile_options(fathom_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(fathom_options INTERFACE -fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With this sanitizer GCC 12 warns of its own <regex>; the other builds keep the warning.
    target_compile_options(fathom_options INTERFACE -Wno-maybe-uninitialized)
  endif()
elseif(FATHOM_SANITIZE)
  message(FATAL_ERROR "FATHOM_SANITIZE is '${FATHOM_SANITIZE}'; expected address, thread or empty")
endif()
if(FATHOM_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang" OR NOT FATHOM_SANITIZE STREQUAL "address")
    message(FATAL_ERROR "FATHOM_FUZZERS needs clang and the address sanitizer: configure with the "
      "preset 'asan-ubsan'")
  endif()
  target_compile_options(fathom_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(FATHOM_TESTS)
  enable_testing()
  if(FATHOM_GTEST_SOURCE)  # a cross-compiled build makes its own from Debian's source package
    add_subdirectory("${FATHOM_GTEST_SOURCE}" googletest EXCLUDE_FROM_ALL)
  else()
    find_package(GTest REQUIRED)
  endif()
  include(GoogleTest)
endif()

# fathom_library(NAME [COMPUTES] SOURCES a.cc ... [APART b.cc ...] [DEPS fathom_x lib ...]
#                [TESTS a_test.cc ...] [TEST_DEPS ...])
# Declares the library fathom_NAME (a room of docs/architecture.md) and, when tests are built, one
# test program NAME_test from TESTS, registered with ctest under the label "unit". SOURCES may be
# compiled several at a time (FATHOM_UNITY), so they share one unnamed namespace; those of APART,
# which have names there that others have too, never are. COMPUTES: a room whose loops take the time
# of a run.
function(fathom_library name)
  cmake_parse_arguments(ARG "COMPUTES" "" "SOURCES;APART;DEPS;TESTS;TEST_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(fathom_${name} STATIC ${ARG_SOURCES} ${ARG_APART})
    set_target_properties(fathom_${name} PROPERTIES UNITY_BUILD ${FATHOM_UNITY}
      UNITY_BUILD_BATCH_SIZE 12)
    set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    if(ARG_COMPUTES)
      target_compile_options(fathom_${name} PRIVATE $<$<CONFIG:Release>:-O3>)
    endif()
    target_link_libraries(fathom_${name} PUBLIC fathom_options ${ARG_DEPS})
  else()
    add_library(fathom_${name} INTERFACE)
    target_link_libraries(fathom_${name} INTERFACE fathom_options ${ARG_DEPS})
  endif()
  if(FATHOM_TESTS AND ARG_TESTS AND (NOT FATHOM_KERNELS_ONLY OR name STREQUAL "kernels"))
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE fathom_${name} ${ARG_TEST_DEPS} GTest::gmock
      GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE FATHOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_compile_options(${name}_test PRIVATE ${FATHOM_TEST_OPTIONS})
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()
