# The registry made from formats/: run with `cmake -D SOURCE=<root> -D WORK=<scratch folder> -P registry_test.cmake`.
# Each case configures a tiny project that holds a copy of formats/, with one file added, and looks at what CMake says.
cmake_minimum_required(VERSION 3.22)

# configures(CASE FILE TEXT EXPECTED): adds formats/FILE with TEXT; EXPECTED is "" for success or the words of the error.
function(configures case file text expected)
  set(project ${WORK}/${case})
  file(REMOVE_RECURSE ${project})
  file(GLOB formats ${SOURCE}/formats/*.h)
  file(COPY ${formats} DESTINATION ${project}/formats)  # file by file: were formats/ a link, the copy would be the original
  file(COPY ${SOURCE}/cmake/generate.cmake DESTINATION ${project}/cmake)
  file(COPY ${SOURCE}/src DESTINATION ${project} FILES_MATCHING PATTERN *.in)
  file(WRITE ${project}/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)\nproject(registry NONE)\ninclude(cmake/generate.cmake)\n")
  if(file)
    file(WRITE ${project}/formats/${file} "${text}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${project} -B ${project}/build
                  RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE error)
  string(REGEX REPLACE "[ \n]+" " " error "${error}")  # CMake breaks the lines of a message
  if(expected STREQUAL "")
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "${case}: expected to configure; got: ${error}")
    endif()
    if(file)
      get_filename_component(name ${file} NAME_WE)
      file(READ ${project}/build/generated/format_registry.cpp registry)
      if(NOT registry MATCHES "\"${file}\"" OR NOT registry MATCHES "describe<${name}>")
        message(FATAL_ERROR "${case}: ${file} is not in the registry")
      endif()
    endif()
  else()
    string(FIND "${error}" "${expected}" found)
    if(status EQUAL 0 OR found EQUAL -1)
      message(FATAL_ERROR "${case}: expected an error that says '${expected}'; got status ${status}: ${error}")
    endif()
  endif()
  message(STATUS "${case}: as expected")
  file(REMOVE_RECURSE ${project})
endfunction()

configures(as_it_is "" "" "")
configures(one_more synthetic.h "struct synthetic : affine {\n  enum { test_id = 1, block = 32, group = 32, code_bits = 4, block_bytes = 18 };\n};\n" "")
configures(same_number_in_another_space synthetic.h "struct synthetic : affine {\n  enum { test_id = 2, block = 32, group = 32, code_bits = 4, block_bytes = 18 };\n};\n" "")
configures(same_number synthetic.h "struct synthetic : affine {\n  enum { ggml_id = 2, block = 32, group = 32, code_bits = 4, block_bytes = 18 };\n};\n"
           "ggml_id = 2 stands in formats/synthetic.h and in formats/q4_0.h; expected one format a number; choose another")
configures(no_number synthetic.h "struct synthetic : affine {\n  enum { block = 32 };\n};\n"
           "formats/synthetic.h has no identity; expected 'enum { <space>_id = <number>")
configures(other_name synthetic.h "struct invented : affine {\n  enum { ggml_id = 1000 };\n};\n"
           "formats/synthetic.h does not declare its format; expected 'struct synthetic : <kind>'")
configures(no_fact synthetic.h "struct synthetic : affine {\n  enum { test_id = 1, block = 32, group = 32, code_bits = 4 };\n};\n"
           "formats/synthetic.h states no block_bytes")
configures(no_kind synthetic.h "struct synthetic : tabel {\n  enum { test_id = 1, block = 32, group = 32, code_bits = 4, block_bytes = 18 };\n};\n"
           "formats/synthetic.h derives from no kind")
configures(bad_name 3bit.h "struct 3bit : affine {\n  enum { test_id = 1 };\n};\n" "formats/3bit.h cannot be the name of a struct")
