# The whole Metal backend on a machine without Metal: src/backends/metal as it stands, compiled against a double of the framework. It takes
# an Objective-C++ compiler and GNUstep's Foundation; without them its tests are left out, and a test that is skipped says so.
if(APPLE)
  return()
endif()
find_program(INGOT_OBJCXX clang++-19)
find_path(GNUSTEP Foundation/Foundation.h PATHS /usr/include/GNUstep)
file(GLOB objc_headers /usr/lib/gcc/*/*/include/objc/objc.h)
find_library(GNUSTEP_BASE gnustep-base)
file(GLOB objc_library /usr/lib/gcc/*/*/libobjc.so)
if(NOT (INGOT_OBJCXX AND GNUSTEP AND objc_headers AND GNUSTEP_BASE AND objc_library))
  message(STATUS "the Metal backend is not built for the emulator: the Debian packages clang-19, gobjc or libgnustep-base-dev are missing")
  add_test(NAME emulator.metal COMMAND ${CMAKE_COMMAND} -E echo "SKIPPED: the Metal backend was not built; install the Debian packages clang-19, gobjc and libgnustep-base-dev")
  set_tests_properties(emulator.metal PROPERTIES SKIP_REGULAR_EXPRESSION SKIPPED)
  return()
endif()
list(GET objc_headers 0 objc_headers)
list(GET objc_library 0 objc_library)
get_filename_component(objc_headers ${objc_headers} DIRECTORY)
get_filename_component(objc_headers ${objc_headers} DIRECTORY)

set(CMAKE_OBJCXX_COMPILER ${INGOT_OBJCXX})
set(CMAKE_OBJCXX_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
set(CMAKE_OBJCXX_STANDARD 20)
set(CMAKE_OBJCXX_FLAGS "-fobjc-runtime=gcc -fobjc-exceptions -fconstant-string-class=NSConstantString -isystem ${GNUSTEP} -idirafter ${objc_headers}")
enable_language(OBJCXX)

if(INGOT_SANITIZE)  # g++'s runtime library of sanitizers does not know this one of clang's
  add_compile_options($<$<COMPILE_LANGUAGE:OBJCXX>:-fno-sanitize=function>)
endif()

file(GLOB backend CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/backends/metal/*.mm)
add_library(metal_emulated OBJECT ${backend} metal_double.mm metal_buffers.mm objc_runtime.cpp)
target_include_directories(metal_emulated PRIVATE metal ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(metal_emulated PUBLIC ingot_backends_gpu emulator ${GNUSTEP_BASE} ${objc_library})

# metal_program(NAME sources…): a program whose --device metal is emulated. The backend's objects stand in front of the library that says
# Metal is absent.
function(metal_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE metal_emulated ingot_engine)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX ENABLE_EXPORTS ON)
endfunction()

# Kernels through the whole backend; by themselves they are checked more closely (kernel_check).
metal_program(metal_kernel_check metal_kernel_check.cpp ${checks_of_kernels})
target_include_directories(metal_kernel_check PRIVATE ${CMAKE_SOURCE_DIR}/kernels)
add_test(NAME emulator.metal_backend.ops COMMAND metal_kernel_check ops)
add_test(NAME emulator.metal_backend.every_format COMMAND metal_kernel_check every)
set_tests_properties(emulator.metal_backend.every_format PROPERTIES LABELS long)

metal_program(model_check_metal model_check.cpp)
target_compile_definitions(model_check_metal PRIVATE INGOT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
model_tests(metal model_check_metal)
metal_program(rows_check_metal rows_check.cpp)
rows_test(metal rows_check_metal)

add_executable(batch_check_metal batch_check.cpp)
target_include_directories(batch_check_metal PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(batch_check_metal PRIVATE INGOT_BACKEND=metal_backend)
target_link_libraries(batch_check_metal PRIVATE metal_emulated)
set_target_properties(batch_check_metal PROPERTIES LINKER_LANGUAGE CXX ENABLE_EXPORTS ON)
batch_test(metal batch_check_metal)

metal_program(non_finite_check_metal ${CMAKE_SOURCE_DIR}/tests/backends_cpu/non_finite_check.cpp)
metal_program(threads_check_metal ${CMAKE_SOURCE_DIR}/tests/engine/threads_check.cpp)
target_link_libraries(threads_check_metal PRIVATE GTest::gtest)
program_tests(metal non_finite_check_metal threads_check_metal)

if(TARGET ingot)
  find_package(CLI11 REQUIRED)
  pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
  get_target_property(command_libraries ingot LINK_LIBRARIES)
  metal_program(ingot_emulated $<TARGET_OBJECTS:ingot>)
  target_link_libraries(ingot_emulated PRIVATE ${command_libraries})
  add_test(NAME emulator.metal_doctor COMMAND ingot_emulated doctor)
  set_tests_properties(emulator.metal_doctor PROPERTIES PASS_REGULAR_EXPRESSION "device +metal\n +what +emulated Metal device")
endif()

metal_program(test_metal_double metal_double_test.mm)
target_include_directories(test_metal_double PRIVATE metal)
target_link_libraries(test_metal_double PRIVATE GTest::gtest_main)
gtest_discover_tests(test_metal_double TEST_PREFIX emulator. DISCOVERY_TIMEOUT 60)
