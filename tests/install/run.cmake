# cmake -DBUILD=... -DSOURCE=... -DTORCH=... -P run.cmake: installs the build, moves the tree, builds a consumer against it.
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/first)
file(RENAME ${work}/first ${work}/moved)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install -B ${work}/build -DCMAKE_BUILD_TYPE=Debug
  "-DCMAKE_PREFIX_PATH=${work}/moved;${TORCH}")
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
run(${work}/moved/bin/heed --version)
file(REMOVE_RECURSE ${work})
