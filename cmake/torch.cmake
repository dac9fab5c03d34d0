# see::torch: the headers of include/see/torch/ with LibTorch. The project includes this file where SEE_TORCH
# is on, the installed package where it is asked for the component `torch`.
find_package(Torch QUIET)
if(NOT Torch_FOUND)
  message(FATAL_ERROR "LibTorch was not found, which see::torch needs. Install it (Debian: apt-get install "
    "libtorch-dev), set CMAKE_PREFIX_PATH to where it is, or do without see::torch.")
endif()
add_library(see_torch INTERFACE)
add_library(see::torch ALIAS see_torch)
# The variables, since the imported target may ask for another standard than C++20; under it the
# headers of LibTorch 1.13 compile with g++ but not with clang++ 14.
separate_arguments(see_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(see_torch INTERFACE ${see_torch_flags})
target_include_directories(see_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(see_torch INTERFACE see::see ${TORCH_LIBRARIES})
