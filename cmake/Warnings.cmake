# scalelaw_warnings: link to a target to compile it with the project's warnings.
# SCALELAW_WERROR (on in the ci preset) turns them into errors.
option(SCALELAW_WERROR "treat compiler warnings as errors" OFF)
add_library(scalelaw_warnings INTERFACE)
set(_warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND _warnings -Wno-restrict)  # g++ 12 warns falsely about assignments of short literals to std::string (its bug 105651)
endif()
if(SCALELAW_WERROR)
  list(APPEND _warnings -Werror)
endif()
target_compile_options(scalelaw_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${_warnings}>)
