# Builds the page of `heed look` from SOURCE in PAGE with NODE and NPM, and writes PAGE/page.cc, with the page or with the
# reason why there is none.
set(least_node 18)

function(write_page files missing)
  set(assembly "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    set(path /${name})
    set(type "text/plain; charset=utf-8")
    if(name MATCHES "\\.html$")
      set(path /)
      set(type "text/html; charset=utf-8")
    elseif(name MATCHES "\\.js$")
      set(type "text/javascript; charset=utf-8")
    elseif(name MATCHES "\\.css$")
      set(type "text/css; charset=utf-8")
    endif()
    set(symbol heed_page_${number})
    string(APPEND assembly "HEED_EMBED(${symbol}, \"${file}\")\n")
    string(APPEND entries "      {\"${path}\", \"${type}\", {${symbol}, static_cast<size_t>(${symbol}_end - ${symbol})}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE ${PAGE}/page.cc "// Written by cmake/build_page.cmake.
#include \"page.h\"

#define HEED_EMBED(symbol, file)                                                                      \\
  __asm__(\".section .rodata\\n.hidden \" #symbol \"\\n.globl \" #symbol \"\\n\" #symbol \":\\n.incbin \\\"\" file \\
          \"\\\"\\n.hidden \" #symbol \"_end\\n.globl \" #symbol \"_end\\n\" #symbol \"_end:\\n.byte 0\\n.previous\\n\"); \\
  extern \"C\" __attribute__((visibility(\"hidden\"))) const char symbol[], symbol##_end[];
${assembly}
namespace heed::cli {

std::vector<PageFile> page_files() {
  return {
${entries}  };
}

const char* page_missing() { return \"${missing}\"; }

}  // namespace heed::cli
")
endfunction()

function(leave_out reason)
  message(NOTICE "Left out: the page of heed look. ${reason}")
  write_page("" "${reason}")
endfunction()

if(NOT NODE OR NOT NPM)
  leave_out("Node ${least_node} or newer and npm are missing: install nodejs and npm, and build again")
  return()
endif()
execute_process(COMMAND ${NODE} --version OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "^v" "" version "${version}")
if(version VERSION_LESS least_node)
  leave_out("Node is ${version}, expected ${least_node} or newer: install it, and build again")
  return()
endif()

file(COPY ${SOURCE}/index.html ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/tsconfig.json
     ${SOURCE}/vite.config.js ${SOURCE}/.npmrc DESTINATION ${PAGE})
file(REMOVE_RECURSE ${PAGE}/src ${PAGE}/dist)
file(COPY ${SOURCE}/src DESTINATION ${PAGE})

# npm ci takes seconds and the network: only where the list of packages changed.
file(SHA256 ${SOURCE}/package-lock.json lock)
set(installed "")
if(EXISTS ${PAGE}/node_modules/.heed-lock)
  file(READ ${PAGE}/node_modules/.heed-lock installed)
endif()
if(NOT installed STREQUAL lock)
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
                  WORKING_DIRECTORY ${PAGE} RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT 300)
  if(failed)
    message(NOTICE "${said}")
    leave_out("npm ci could not fetch what web/package-lock.json names: see to npm's network, touch web/package.json, and build again")
    return()
  endif()
  file(WRITE ${PAGE}/node_modules/.heed-lock ${lock})
endif()
execute_process(COMMAND ${NPM} run --silent build WORKING_DIRECTORY ${PAGE}
                RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(failed)
  message(FATAL_ERROR "the page of heed look: npm run build failed:\n${said}")
endif()
file(COPY_FILE ${PAGE}/node_modules/openseadragon/LICENSE.txt ${PAGE}/dist/licences.txt)
write_page("${PAGE}/dist/index.html;${PAGE}/dist/app.js;${PAGE}/dist/app.css;${PAGE}/dist/licences.txt" "")
