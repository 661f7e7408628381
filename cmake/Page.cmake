# The page of `heed look`: web/ is built by npm in the build tree and embedded into the verbs. Without Node or npm, or
# where npm cannot fetch what package-lock.json names, heed is built all the same, and `heed look` says why it has no page.
find_program(HEED_NODE NAMES node nodejs)
find_program(HEED_NPM npm)

# Adds the page to a target: page.cc with the files that apps/heed/page.h speaks of.
function(heed_embed_page target)
  set(page ${CMAKE_BINARY_DIR}/web)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/src/*)
  foreach(name index.html package.json package-lock.json tsconfig.json vite.config.js .npmrc)
    list(APPEND sources ${CMAKE_SOURCE_DIR}/web/${name})
  endforeach()
  add_custom_command(
    OUTPUT ${page}/page.cc
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR}/web -DPAGE=${page} -DNODE=${HEED_NODE} -DNPM=${HEED_NPM}
            -P ${CMAKE_SOURCE_DIR}/cmake/build_page.cmake
    DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/cmake/build_page.cmake
    COMMENT "Building the page of heed look" VERBATIM)
  target_sources(${target} PRIVATE ${page}/page.cc)
  set_source_files_properties(${page}/page.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
endfunction()
