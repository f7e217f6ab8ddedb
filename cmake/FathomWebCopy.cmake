# Makes the folder TO hold the web sources of FROM, as they are now: changed files are copied, vanished
# ones removed. What is only in TO (node_modules) stays. Run as: cmake -DFROM= -DTO= -P.
cmake_minimum_required(VERSION 3.25)

foreach(folder src public e2e)
  file(GLOB_RECURSE wanted RELATIVE "${FROM}" "${FROM}/${folder}/*")
  file(GLOB_RECURSE present RELATIVE "${TO}" "${TO}/${folder}/*")
  if(wanted)
    list(REMOVE_ITEM present ${wanted})
  endif()
  foreach(file IN LISTS present)
    file(REMOVE "${TO}/${file}")
  endforeach()
  # Times are kept, and a file with the same time is not copied again.
  file(COPY "${FROM}/${folder}" DESTINATION "${TO}")
endforeach()
file(COPY "${FROM}/index.html" "${FROM}/package.json" "${FROM}/svelte.config.js"
  "${FROM}/tsconfig.json" "${FROM}/vite.config.ts" DESTINATION "${TO}")
