# The web page: built from web/ and embedded into the program.
#
#   fathom_embed_web(TARGET)  adds a source to TARGET that defines fathom::WebAssets()
#                             (server/web_assets.h); with FATHOM_WEB=OFF it has no files.
#   fathom_web_tests()        registers the page's own tests with ctest: labels "web" (unit tests and
#                             the type check) and "e2e" (in a browser: against a mock server, and
#                             with the built program and the default model where that is installed).
#
# Everything happens in ${CMAKE_BINARY_DIR}/web: a copy of the sources, node_modules and the built
# page. The source tree is only read. npm is asked for packages only when package-lock.json changed,
# and then takes from its cache what it has.
include_guard()

set(FATHOM_WEB_SOURCE "${CMAKE_SOURCE_DIR}/web")
set(FATHOM_WEB_BUILD "${CMAKE_BINARY_DIR}/web")
set(FATHOM_WEB_MIN_NODE 18)
set(FATHOM_WEB_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/FathomWebEmbed.cmake")
set(FATHOM_WEB_COPY_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/FathomWebCopy.cmake")

function(fathom_find_node)
  find_program(FATHOM_NODE node)
  find_program(FATHOM_NPM npm)
  if(NOT FATHOM_NODE OR NOT FATHOM_NPM)
    message(FATAL_ERROR "The web page needs node and npm, which were not found. Install Node.js "
      "${FATHOM_WEB_MIN_NODE} or newer with npm (Debian: apt install nodejs npm), or build without "
      "the page: -DFATHOM_WEB=OFF")
  endif()
  execute_process(COMMAND "${FATHOM_NODE}" --version OUTPUT_VARIABLE version
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE "^v" "" version "${version}")
  if(version VERSION_LESS FATHOM_WEB_MIN_NODE)
    message(FATAL_ERROR "The web page needs Node.js ${FATHOM_WEB_MIN_NODE} or newer; ${FATHOM_NODE} "
      "is ${version}. Install a newer one, or build without the page: -DFATHOM_WEB=OFF")
  endif()
endfunction()

# The targets fathom_web_modules (node_modules) and fathom_web (the built page), made once.
function(fathom_web_targets)
  if(TARGET fathom_web)
    return()
  endif()
  fathom_find_node()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE "${FATHOM_WEB_SOURCE}"
    "${FATHOM_WEB_SOURCE}/src/*" "${FATHOM_WEB_SOURCE}/public/*" "${FATHOM_WEB_SOURCE}/e2e/*")
  set(page_files ${files})
  list(FILTER page_files EXCLUDE REGEX "^e2e/|\\.test\\.ts$")
  list(APPEND page_files index.html package.json svelte.config.js tsconfig.json vite.config.ts)
  set(test_files ${files})
  list(FILTER test_files INCLUDE REGEX "^e2e/|\\.test\\.ts$")
  list(TRANSFORM page_files PREPEND "${FATHOM_WEB_SOURCE}/")
  list(TRANSFORM test_files PREPEND "${FATHOM_WEB_SOURCE}/")

  set(work "${FATHOM_WEB_BUILD}/work")
  add_custom_command(
    OUTPUT "${FATHOM_WEB_BUILD}/modules.stamp"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${work}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${FATHOM_WEB_SOURCE}/package.json"
      "${FATHOM_WEB_SOURCE}/package-lock.json" "${FATHOM_WEB_SOURCE}/.npmrc" "${work}"
    COMMAND "${CMAKE_COMMAND}" -E chdir "${work}" "${FATHOM_NPM}" ci --prefer-offline
      --loglevel=error
    COMMAND "${CMAKE_COMMAND}" -E touch "${FATHOM_WEB_BUILD}/modules.stamp"
    DEPENDS "${FATHOM_WEB_SOURCE}/package-lock.json" "${FATHOM_WEB_SOURCE}/.npmrc"
    COMMENT "Installing the web page's packages"
    VERBATIM)
  add_custom_target(fathom_web_modules DEPENDS "${FATHOM_WEB_BUILD}/modules.stamp")

  # One copy for the page and its tests: whichever file changed, all of them are brought up to date.
  set(copy "${CMAKE_COMMAND}" "-DFROM=${FATHOM_WEB_SOURCE}" "-DTO=${work}"
    -P "${FATHOM_WEB_COPY_SCRIPT}")
  add_custom_command(
    OUTPUT "${FATHOM_WEB_BUILD}/web_assets.cc"
    COMMAND ${copy}
    COMMAND "${CMAKE_COMMAND}" -E chdir "${work}" "${CMAKE_COMMAND}" -E env
      "FATHOM_WEB_OUT=${FATHOM_WEB_BUILD}/dist" "${FATHOM_NODE}"
      node_modules/vite/bin/vite.js build --logLevel warn
    COMMAND "${CMAKE_COMMAND}" "-DDIST=${FATHOM_WEB_BUILD}/dist"
      "-DOUT=${FATHOM_WEB_BUILD}/web_assets.cc" -P "${FATHOM_WEB_EMBED_SCRIPT}"
    DEPENDS "${FATHOM_WEB_BUILD}/modules.stamp" "${FATHOM_WEB_EMBED_SCRIPT}"
      "${FATHOM_WEB_COPY_SCRIPT}" ${page_files}
    COMMENT "Building the web page"
    VERBATIM)
  add_custom_command(
    OUTPUT "${FATHOM_WEB_BUILD}/tests.stamp"
    COMMAND ${copy}
    COMMAND "${CMAKE_COMMAND}" -E touch "${FATHOM_WEB_BUILD}/tests.stamp"
    DEPENDS "${FATHOM_WEB_BUILD}/web_assets.cc" ${test_files}
    COMMENT "Copying the web page's tests"
    VERBATIM)
  add_custom_target(fathom_web ALL
    DEPENDS "${FATHOM_WEB_BUILD}/web_assets.cc" "${FATHOM_WEB_BUILD}/tests.stamp")
endfunction()

function(fathom_embed_web target)
  set(generated "${FATHOM_WEB_BUILD}/web_assets.cc")
  if(FATHOM_WEB)
    fathom_web_targets()
  else()
    set(generated "${FATHOM_WEB_BUILD}/no_web_assets.cc")
    file(CONFIGURE OUTPUT "${generated}" CONTENT [[
// The program is built without the web page.
#include "server/web_assets.h"

namespace fathom {

std::span<const WebAsset> WebAssets() { return {}; }

}  // namespace fathom
]])
  endif()
  # A library of its own: the rule that builds the page belongs to this folder, whichever folder's
  # CMakeLists.txt asks for it.
  if(NOT TARGET fathom_web_assets)
    add_library(fathom_web_assets STATIC "${generated}")
    target_link_libraries(fathom_web_assets PRIVATE fathom_options)
    if(FATHOM_WEB)
      # The file holds the assets by .incbin and their sizes, which differ between two builds of the
      # page; a compiler cache sees only its text and must not answer for it.
      set_property(TARGET fathom_web_assets PROPERTY CXX_COMPILER_LAUNCHER)
      add_dependencies(fathom_web_assets fathom_web)
    endif()
  endif()
  target_link_libraries(${target} PRIVATE fathom_web_assets)
endfunction()

function(fathom_web_tests)
  if(NOT FATHOM_WEB)
    return()
  endif()
  fathom_web_targets()
  set(work "${FATHOM_WEB_BUILD}/work")
  add_test(NAME web_unit COMMAND "${FATHOM_NODE}" node_modules/vitest/vitest.mjs run
    WORKING_DIRECTORY "${work}")
  add_test(NAME web_types COMMAND "${FATHOM_NODE}" node_modules/svelte-check/bin/svelte-check
    --tsconfig ./tsconfig.json --fail-on-warnings WORKING_DIRECTORY "${work}")
  set_tests_properties(web_unit web_types PROPERTIES LABELS web TIMEOUT 300)

  add_test(NAME web_e2e COMMAND "${FATHOM_NODE}" e2e/run.mjs WORKING_DIRECTORY "${work}")
  set_tests_properties(web_e2e PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77
    ENVIRONMENT "FATHOM_WEB_OUT=${FATHOM_WEB_BUILD}/dist")
  if(TARGET fathom)
    add_test(NAME web_e2e_real
      COMMAND "${CMAKE_SOURCE_DIR}/tests/e2e/run_isolated.sh" "$<TARGET_FILE:fathom>"
        "${FATHOM_NODE}" "${work}/e2e/run.mjs")
    set_tests_properties(web_e2e_real PROPERTIES LABELS e2e TIMEOUT 600 SKIP_RETURN_CODE 77)
  endif()
endfunction()
