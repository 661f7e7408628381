# cmake -DBUILD=... -DSOURCE=... -DTORCH=... -P run.cmake: installs the build, moves the tree, builds a consumer against it.
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/first)
file(RENAME ${work}/first ${work}/moved)
# Through the environment: a list would come apart on its way to the command line.
run(${CMAKE_COMMAND} -E env CMAKE_PREFIX_PATH=${work}/moved:${TORCH}
    ${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install -B ${work}/build -DCMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
if(EXISTS ${BUILD}/heed_sentencepiece.so)
  run(${work}/build/consumer tokenizer)
endif()
run(${work}/moved/bin/heed --version)
run(${work}/moved/bin/heed env)
foreach(file man/man1/heed-train.1 bash-completion/completions/heed zsh/site-functions/_heed fish/vendor_completions.d/heed.fish)
  if(NOT EXISTS ${work}/moved/share/${file})
    message(FATAL_ERROR "share/${file} is not installed")
  endif()
endforeach()
file(REMOVE_RECURSE ${work})
