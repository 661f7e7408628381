# A floor is a static library of every file in src/NAME; the floors together make libheed.so.

add_library(heed_options INTERFACE)
target_include_directories(heed_options INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_options(heed_options INTERFACE -Wall -Wextra -Wpedantic -Wno-unknown-pragmas
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # GCC 12 sees overlaps in std::string that are not there (its bug 105651)
if(HEED_SANITIZE)
  # One kernel file takes ten minutes at -O3 for every SIMD target; of x86's this leaves AVX2 and the least.
  target_compile_definitions(heed_options INTERFACE "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4|HWY_AVX3|HWY_AVX3_DL)")
  target_compile_options(heed_options INTERFACE -O1 -fsanitize=${HEED_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(heed_options INTERFACE -fsanitize=${HEED_SANITIZE})
endif()

add_library(heed_torch INTERFACE)
target_link_libraries(heed_torch INTERFACE LibTorch::LibTorch)
target_compile_options(heed_torch INTERFACE -Wno-unused-parameter -Wno-pedantic $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)

# LibTorch's headers take 17 s a file, 5 s when they are compiled once, here.
file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "")
add_library(heed_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
target_link_libraries(heed_precompiled PUBLIC heed_options heed_torch)
# First for Clang, which wants IValue whole where LibTorch's List holds a vector of it.
target_precompile_headers(heed_precompiled PRIVATE $<$<CXX_COMPILER_ID:Clang>:<ATen/core/ivalue.h$<ANGLE-R>>
                                                   ${CMAKE_SOURCE_DIR}/src/precompiled.h)

function(heed_use_torch target)
  target_link_libraries(${target} PUBLIC heed_torch)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")  # -fPIE, CMake's choice for programs, would not fit the header's -fPIC
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM heed_precompiled)
  # Even so a file pays 3 s for templates that the headers leave pending; files of a target share that.
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
endfunction()

# For code whose own speed nobody waits for, because its work is the library's: tests, verbs, examples. -O1 takes half of
# -O3's time to compile, and the precompiled header, which is compiled with -O3, still fits.
function(heed_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
endfunction()

set_property(GLOBAL PROPERTY HEED_FLOORS "")
function(heed_floor name)
  cmake_parse_arguments(floor "TORCH" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  if(name STREQUAL "tasks" OR name STREQUAL "lens")  # a folder each of inputs, encoders, heads; of explanations
    file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*/*.cc)
    list(APPEND sources ${parts})
  endif()
  if(name STREQUAL "data")
    file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/data/json_tokenizer/*.cc
         ${CMAKE_SOURCE_DIR}/src/data/jinja/*.cc)
    list(APPEND sources ${parts})
  endif()
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/empty_${name}.cc "")
    set(sources ${CMAKE_BINARY_DIR}/empty_${name}.cc)
  endif()
  # One of threads_openmp.cc and threads_std.cc: they hold the same symbols.
  list(FILTER sources EXCLUDE REGEX "/threads_(openmp|std)\\.cc$")
  if(name STREQUAL "core")
    list(APPEND sources ${CMAKE_SOURCE_DIR}/src/core/threads_${HEED_THREADS}.cc)
  endif()
  add_library(heed_${name} STATIC ${sources})
  target_link_libraries(heed_${name} PUBLIC heed_options ${floor_LINK})
  if(name STREQUAL "core" AND HEED_THREADS STREQUAL "openmp")
    target_link_libraries(heed_core PRIVATE OpenMP::OpenMP_CXX)
  endif()
  if(name STREQUAL "kernels")
    # Where a product and a sum become one operation is written down, not chosen: a row has the same bits in every block.
    target_compile_options(heed_kernels PRIVATE -ffp-contract=off)
  endif()
  if(floor_TORCH)
    heed_use_torch(heed_${name})
  endif()
  list(FILTER floor_LINK EXCLUDE REGEX "^heed_")
  if(name STREQUAL "core" AND HEED_THREADS STREQUAL "openmp")
    list(APPEND floor_LINK OpenMP::OpenMP_CXX)
  endif()
  set_property(GLOBAL APPEND PROPERTY HEED_LINKS ${floor_LINK})
  set_property(GLOBAL APPEND PROPERTY HEED_FLOORS heed_${name})
endfunction()

function(heed_library)
  get_property(floors GLOBAL PROPERTY HEED_FLOORS)
  get_property(links GLOBAL PROPERTY HEED_LINKS)
  add_library(heed SHARED)
  add_library(heed::heed ALIAS heed)
  set_target_properties(heed PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE CXX)
  foreach(floor IN LISTS floors)
    target_sources(heed PRIVATE $<TARGET_OBJECTS:${floor}>)
  endforeach()
  list(REMOVE_DUPLICATES links)
  target_link_libraries(heed PRIVATE heed_options heed_torch ${links} PUBLIC LibTorch::LibTorch)
  target_include_directories(heed PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
                                         $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(heed PUBLIC cxx_std_20)
endfunction()
