# LibTorch as imported targets, without Torch's own CMake package (which demands a CUDA toolkit for a CUDA build of
# LibTorch, even where only the CPU is used).
#   LibTorch::cpu    headers, libtorch_cpu, libc10
#   LibTorch::cuda   + libtorch_cuda, libc10_cuda, made for CUDA LibTorch_CUDA_MAJOR   (only where these files are)
# Looked for in -DLIBTORCH_ROOT, $LIBTORCH_ROOT, ./.venv, then the python3 on the path. The root holds include/ and lib/:
# an unpacked LibTorch, or site-packages/torch of the PyPI wheel.
set(LIBTORCH_ROOT "" CACHE PATH "folder of LibTorch: has include/ and lib/")
set(_root "${LIBTORCH_ROOT}")
if(NOT _root AND DEFINED ENV{LIBTORCH_ROOT})
  set(_root "$ENV{LIBTORCH_ROOT}")
endif()
if(NOT _root)
  file(GLOB _root "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
endif()
if(NOT _root)
  find_program(LibTorch_PYTHON python3)
  if(LibTorch_PYTHON)
    execute_process(COMMAND ${LibTorch_PYTHON} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                    OUTPUT_VARIABLE _root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS "${_root}/include" NO_DEFAULT_PATH NO_CACHE)
find_path(LibTorch_API_INCLUDE_DIR torch/torch.h PATHS "${_root}/include/torch/csrc/api/include" NO_DEFAULT_PATH NO_CACHE)
find_library(LibTorch_CPU torch_cpu PATHS "${_root}/lib" NO_DEFAULT_PATH NO_CACHE)
find_library(LibTorch_C10 c10 PATHS "${_root}/lib" NO_DEFAULT_PATH NO_CACHE)
set(LibTorch_VERSION "")
if(LibTorch_INCLUDE_DIR)
  set(_numbers)
  foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)  # newer, older wheels
    if(EXISTS "${LibTorch_INCLUDE_DIR}/${_header}" AND NOT _numbers)
      file(STRINGS "${LibTorch_INCLUDE_DIR}/${_header}" _lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      foreach(_line IN LISTS _lines)
        string(REGEX MATCH "[0-9]+" _number "${_line}")
        list(APPEND _numbers ${_number})
      endforeach()
    endif()
  endforeach()
  list(JOIN _numbers "." LibTorch_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, give -DLIBTORCH_ROOT=folder, or build without training: --preset light")
if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  get_filename_component(_lib "${LibTorch_CPU}" DIRECTORY)
  # Libraries of the wheel's sibling packages (CUDA runtime, cuDNN, NCCL ...): the linker must find them to check that the
  # shared libraries' own needs are met; at run time libtorch finds them by its own run path.
  file(GLOB _siblings "${_lib}/../../nvidia/*/lib" "${_lib}/../../nvidia/*/*/lib")
  set(_link_dirs "-Wl,-rpath-link,${_lib}")
  foreach(_dir IN LISTS _siblings)
    list(APPEND _link_dirs "-Wl,-rpath-link,${_dir}")
  endforeach()
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE "${LibTorch_INCLUDE_DIR}" "${LibTorch_API_INCLUDE_DIR}")
  # its include folder has a fmt of its own, not that of the system's libfmt: whoever includes it must not link to that one
  target_compile_definitions(LibTorch::cpu INTERFACE FMT_HEADER_ONLY=1)
  target_compile_features(LibTorch::cpu INTERFACE cxx_std_20)
  # --no-as-needed: the registration of operators happens in libraries of which no symbol is named
  target_link_options(LibTorch::cpu INTERFACE "-Wl,--no-as-needed" "-Wl,--allow-shlib-undefined" "-Wl,-rpath,${_lib}" ${_link_dirs})
  target_link_libraries(LibTorch::cpu INTERFACE "${LibTorch_CPU}" "${LibTorch_C10}")
  find_library(LibTorch_CUDA torch_cuda PATHS "${_lib}" NO_DEFAULT_PATH NO_CACHE)
  find_library(LibTorch_C10_CUDA c10_cuda PATHS "${_lib}" NO_DEFAULT_PATH NO_CACHE)
  if(LibTorch_CUDA AND LibTorch_C10_CUDA)
    add_library(LibTorch::cuda INTERFACE IMPORTED)
    target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu "${LibTorch_CUDA}" "${LibTorch_C10_CUDA}")
    set(LibTorch_CUDA_MAJOR "")  # by the runtime that it was linked with
    file(STRINGS "${LibTorch_C10_CUDA}" _runtime REGEX "^libcudart[.]so[.][0-9]+$" LIMIT_COUNT 1)
    if(_runtime MATCHES "[0-9]+$")
      set(LibTorch_CUDA_MAJOR "${CMAKE_MATCH_0}")
    endif()
  endif()
endif()
