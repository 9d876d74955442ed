# Registries made from the contents of folders, into the build tree. Adding a file to formats/ or architectures/ is all.
#   INGOT_FORMAT_NAMES            formats, by file name
#   INGOT_FORMAT_REGISTRY         source file that lists them for the host
#   INGOT_ARCHITECTURE_REGISTRY   source file that holds the text of every spec

set(INGOT_GENERATED ${CMAKE_BINARY_DIR}/generated)

# ---- formats: the number that a format states as `<space>_id = <number>` is its identity; two with the same one cannot be built
file(GLOB format_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/formats/*.h)
set(INGOT_FORMAT_NAMES "")
set(format_includes "")
set(format_lines "")
foreach(file ${format_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(REGEX MATCH "struct +${name} *:" declared "${text}")
  if(NOT declared)
    message(FATAL_ERROR "[formats] formats/${name}.h does not declare its format; expected 'struct ${name} : <kind>'; name the struct as the file")
  endif()
  if(NOT text MATCHES "[{, ]([a-z]+)_id *= *([0-9]+)")
    message(FATAL_ERROR "[formats] formats/${name}.h has no identity; expected 'enum { <space>_id = <number>, … }', for example ggml_id = 1000; state the number that files use for it")
  endif()
  set(space ${CMAKE_MATCH_1})
  set(id ${CMAKE_MATCH_2})
  if(DEFINED format_of_${space}_${id})
    message(FATAL_ERROR "[formats] ${space}_id = ${id} stands in formats/${name}.h and in formats/${format_of_${space}_${id}}.h; expected one format a number; choose another")
  endif()
  set(format_of_${space}_${id} ${name})
  list(APPEND INGOT_FORMAT_NAMES ${name})
  string(APPEND format_includes "#include \"${name}.h\"\n")
  string(APPEND format_lines "    describe<${name}>(\"${name}\", \"${space}\", ${name}::${space}_id),\n")
endforeach()
set(INGOT_FORMAT_REGISTRY ${INGOT_GENERATED}/format_registry.cpp)
file(CONFIGURE OUTPUT ${INGOT_FORMAT_REGISTRY} @ONLY CONTENT
"// Generated from formats/.
#include \"quant/describe.h\"
namespace ingot::quant {
namespace {
@format_includes@}
const Format format_list[] = {
@format_lines@};
std::span<const Format> formats() { return format_list; }
}  // namespace ingot::quant
")

# ---- architectures: specs and tensor-name lists travel inside the library
file(GLOB spec_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/architectures/*.json)
file(GLOB name_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/architectures/names/*.json)
set(spec_lines "")
set(name_lines "")
foreach(file ${spec_files} ${name_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  set(line "    {\"${name}\", R\"spec(${text})spec\"},\n")
  if(file MATCHES "/names/")
    string(APPEND name_lines "${line}")
  else()
    string(APPEND spec_lines "${line}")
  endif()
endforeach()
set(INGOT_ARCHITECTURE_REGISTRY ${INGOT_GENERATED}/architecture_registry.cpp)
file(WRITE ${INGOT_ARCHITECTURE_REGISTRY}.new
"// Generated from architectures/.
#include \"foundry/spec.h\"
namespace ingot::foundry {
namespace {
const SpecText spec_list[] = {
${spec_lines}};
const SpecText name_list[] = {
${name_lines}};
}  // namespace
std::span<const SpecText> spec_texts() { return spec_list; }
std::span<const SpecText> name_texts() { return name_list; }
}  // namespace ingot::foundry
")
configure_file(${INGOT_ARCHITECTURE_REGISTRY}.new ${INGOT_ARCHITECTURE_REGISTRY} COPYONLY)

# ---- CPU kernels: one translation unit per format and instruction set
function(ingot_cpu_instances target)
endfunction()
