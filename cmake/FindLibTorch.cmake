# LibTorch::LibTorch from Debian's libtorch-dev, a LibTorch archive, or the torch folder of a Python wheel
# (put that folder on CMAKE_PREFIX_PATH). TorchConfig.cmake is not used: in CUDA builds it demands the CUDA toolkit,
# which Heed does not need.
find_path(LibTorch_INCLUDE_DIR torch/library.h)
find_path(LibTorch_API_INCLUDE_DIR torch/torch.h HINTS ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
find_library(LibTorch_CPU_LIBRARY torch_cpu)
find_library(LibTorch_C10_LIBRARY c10)
find_library(LibTorch_LIBRARY torch)

if(LibTorch_API_INCLUDE_DIR)
  file(STRINGS ${LibTorch_API_INCLUDE_DIR}/torch/version.h _version_lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9;]" "" _version_numbers "${_version_lines}")
  list(JOIN _version_numbers "." LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_LIBRARY LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "install libtorch-dev, or put a LibTorch folder on CMAKE_PREFIX_PATH")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch INTERFACE ${LibTorch_API_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR})
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_LIBRARY} ${LibTorch_CPU_LIBRARY} ${LibTorch_C10_LIBRARY})
endif()
