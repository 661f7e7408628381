# LibTorch::LibTorch from Debian's libtorch-dev, a LibTorch archive, or the torch folder of a Python wheel
# (put that folder on CMAKE_PREFIX_PATH). TorchConfig.cmake is not used: in CUDA builds it demands the CUDA toolkit,
# which Heed does not need. Only the CPU half is linked by name; the CUDA half joins where its libraries can load.
find_path(LibTorch_INCLUDE_DIR torch/library.h)
find_path(LibTorch_API_INCLUDE_DIR torch/torch.h HINTS ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
find_library(LibTorch_CPU_LIBRARY torch_cpu)
find_library(LibTorch_C10_LIBRARY c10)
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)

# The numbers moved to another header in 2.8.
unset(LibTorch_VERSION)
foreach(_header ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h ${LibTorch_API_INCLUDE_DIR}/torch/version.h)
  if(NOT LibTorch_VERSION AND EXISTS ${_header})
    file(STRINGS ${_header} _lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" _numbers "${_lines}")
    list(JOIN _numbers "." LibTorch_VERSION)
  endif()
endforeach()

# Wheels before 2.6 were built for the C++ library's old string type; Debian's GoogleTest and Heed's own code use the new.
set(_reason "install libtorch-dev, or put a LibTorch folder on CMAKE_PREFIX_PATH")
set(LibTorch_ABI_FITS TRUE)
cmake_path(GET LibTorch_INCLUDE_DIR PARENT_PATH _prefix)
if(EXISTS ${_prefix}/share/cmake/Torch/TorchConfig.cmake)
  file(STRINGS ${_prefix}/share/cmake/Torch/TorchConfig.cmake _old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
  if(_old_abi)
    set(LibTorch_ABI_FITS FALSE)
    set(_reason "${_prefix} was built with _GLIBCXX_USE_CXX11_ABI=0; take LibTorch 2.6 or newer")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR LibTorch_ABI_FITS
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "${_reason}")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch INTERFACE ${LibTorch_API_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR})
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_CPU_LIBRARY} ${LibTorch_C10_LIBRARY})

  cmake_path(GET LibTorch_CPU_LIBRARY PARENT_PATH _folder)
  if(EXISTS ${_folder}/libtorch_cuda.so)
    execute_process(COMMAND ldd ${_folder}/libtorch_cuda.so OUTPUT_VARIABLE _needs ERROR_QUIET)
    string(REGEX MATCHALL "[^ \t\n]+ => not found" _absent "${_needs}")
    if(_absent)
      message(STATUS "LibTorch's CUDA half is left out: ${_absent}")
    else()
      # Nothing refers to it by symbol: it registers its kernels when it loads.
      target_link_libraries(LibTorch::LibTorch INTERFACE
        -Wl,--push-state,--no-as-needed ${_folder}/libtorch_cuda.so ${_folder}/libc10_cuda.so -Wl,--pop-state)
    endif()
  endif()
endif()
