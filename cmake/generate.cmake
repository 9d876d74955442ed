# Registries made from the contents of folders, into the build tree. Adding a file to formats/ or architectures/ is all.
#   INGOT_FORMAT_NAMES            formats, by file name
#   INGOT_FORMAT_REGISTRY         source file that lists them for the host
#   INGOT_GENERATED               folder of what is made; every_format.h in it lists the formats as types, for tests
#   INGOT_CPU_ISAS                instruction sets that CPU kernels are compiled for
#   INGOT_ARCHITECTURE_REGISTRY   source file that holds the text of every spec

get_filename_component(INGOT_ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(INGOT_GENERATED ${CMAKE_BINARY_DIR}/generated)

# ---- formats: the number that a format states as `<space>_id = <number>` is its identity; two with the same one cannot be built
file(GLOB format_files CONFIGURE_DEPENDS ${INGOT_ROOT}/formats/*.h)
set(INGOT_FORMAT_NAMES "")
set(format_includes "")
set(format_lines "")
foreach(file ${format_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "[formats] formats/${name}.h cannot be the name of a struct; expected small letters, digits and _, a letter first; rename it")
  endif()
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
  if(NOT text MATCHES "struct +${name} *: *(affine|table|vector|floating)[ {]")
    message(FATAL_ERROR "[formats] formats/${name}.h derives from no kind; expected 'struct ${name} : affine', table, vector or floating")
  endif()
  foreach(fact block group code_bits block_bytes)
    if(NOT text MATCHES "[{, ]${fact} *=")
      message(FATAL_ERROR "[formats] formats/${name}.h states no ${fact}; expected 'enum { …, ${fact} = <number>, … }'")
    endif()
  endforeach()
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
// Local, so that initializers of other units find it filled, in whichever order they run.
std::span<const Format> formats() {
  static const Format list[] = {
@format_lines@  };
  return list;
}
}  // namespace ingot::quant
")

list(JOIN INGOT_FORMAT_NAMES ", " names)
file(CONFIGURE OUTPUT ${INGOT_GENERATED}/every_format.h @ONLY CONTENT
"// Generated from formats/; included where their words are known.
@format_includes@
using EveryFormat = testing::Types<@names@>;
")

# ---- architectures: specs and tensor-name lists travel inside the library
file(GLOB spec_files CONFIGURE_DEPENDS ${INGOT_ROOT}/architectures/*.json)
file(GLOB name_files CONFIGURE_DEPENDS ${INGOT_ROOT}/architectures/names/*.json)
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

# ---- CPU kernels: for each instruction set one translation unit per format and one for the other ops, each with its machine's
# flags; a table per instruction set and a list of them, best first.
#   INGOT_ISAS       all; native: the best one that this machine runs, and no other; or a list of names
#   INGOT_CPU_ISAS   what that came to
set(INGOT_ISAS all CACHE STRING "instruction sets of the CPU kernels: all, native (this machine's best one), or a list of names")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(known_isas avx512 avx2 portable)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(known_isas neon portable)
else()
  set(known_isas portable)
endif()

# An instruction set is a list of extensions, as compilers and src/backends/cpu/detect.cpp call them: its flags and the question whether a
# machine has it are both made of this list. `implied`: what compilers use unasked where they may use the others.
set(isa_features_avx512 avx512f avx512bw avx512dq avx512vl avx512vnni avx2 fma f16c)
set(isa_features_avx2 avx2 fma f16c)
set(isa_features_neon dotprod fp16)
set(isa_features_portable "")
set(isa_implied_avx2 sse3 ssse3 sse4.1 sse4.2 popcnt xsave avx)
set(isa_implied_avx512 ${isa_implied_avx2})
foreach(isa avx512 avx2)
  set(isa_flags_${isa} ${isa_features_${isa}})
  list(TRANSFORM isa_flags_${isa} PREPEND -m)
endforeach()
list(JOIN isa_features_neon "+" features)
set(isa_flags_neon -march=armv8.2-a+${features})
list(APPEND isa_flags_avx512 -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # gcc's own AVX-512 headers trip its warning (gcc bug 105593)
  list(APPEND isa_flags_avx512 -Wno-maybe-uninitialized -Wno-uninitialized)
endif()
# The portable kernels are for machines without a known set, and to compare with: half the time to compile counts for more there.
set(isa_optimization_portable -O2)

# The first of `known_isas` that this machine runs, asked as the library asks.
function(ingot_native_isa result)
  if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "[build] INGOT_ISAS is native, and the build is for another machine; name the instruction sets, or all")
  endif()
  set(program ${CMAKE_BINARY_DIR}/CMakeFiles/native_isa)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -I${INGOT_ROOT}/src ${INGOT_ROOT}/cmake/native_isa.cpp ${INGOT_ROOT}/src/backends/cpu/detect.cpp -o ${program}
                  COMMAND_ERROR_IS_FATAL ANY)
  set(sets "")
  foreach(isa ${known_isas})
    list(APPEND sets --set ${isa} ${isa_features_${isa}} ${isa_implied_${isa}})
  endforeach()
  execute_process(COMMAND ${program} ${sets} OUTPUT_VARIABLE name COMMAND_ERROR_IS_FATAL ANY)
  set(${result} ${name} PARENT_SCOPE)
endfunction()

if(INGOT_FUZZ)  # files and requests are what is fuzzed, and instrumented kernels take minutes to compile
  set(INGOT_CPU_ISAS portable)
elseif(INGOT_ISAS STREQUAL "all")
  set(INGOT_CPU_ISAS ${known_isas})
elseif(INGOT_ISAS STREQUAL "native")
  ingot_native_isa(INGOT_CPU_ISAS)
else()
  set(INGOT_CPU_ISAS ${INGOT_ISAS})
  foreach(isa ${INGOT_CPU_ISAS})
    if(NOT isa IN_LIST known_isas)
      message(FATAL_ERROR "[build] INGOT_ISAS names ${isa}; expected all, native, or some of: ${known_isas}")
    endif()
  endforeach()
endif()
message(STATUS "instruction sets of the CPU kernels: ${INGOT_CPU_ISAS}")

function(ingot_cpu_instances target)
  set(tables "")
  set(list "")
  foreach(isa ${INGOT_CPU_ISAS})
    set(optimization -O3 ${isa_optimization_${isa}})
    if(INGOT_SANITIZE)  # instrumented kernels take minutes to compile at -O3
      set(optimization -O1)
    endif()
    set(names "")
    set(declarations "")
    foreach(name ${INGOT_FORMAT_NAMES} .ops)  # no format can be called .ops
      if(name STREQUAL .ops)
        set(body "#include \"backends/cpu/instance_ops.h\"")
        set(definition "extern const OpKernels op_kernels;
constinit const OpKernels op_kernels = op_table;")
      else()
        set(body "#include \"backends/cpu/instance_format.h\"\n#include \"${name}.h\"")
        set(definition "extern const FormatKernels kernels_${name};
constinit const FormatKernels kernels_${name} = format_kernels<${name}>(\"${name}\");")
        string(APPEND declarations "extern const FormatKernels kernels_${name};\n")
        list(APPEND names "&kernels_${name}")
      endif()
      set(source ${INGOT_GENERATED}/cpu/${isa}/${name}.cpp)
      file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: kernel instance.
#include \"backends/cpu/intrinsics.h\"
#include \"backends/cpu/kernels.h\"
namespace ingot::cpu::@isa@ {
namespace {
#include \"backends/cpu/lanes/@isa@.h\"
@body@
}  // namespace
@definition@
}  // namespace ingot::cpu::@isa@
")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${optimization};${isa_flags_${isa}}")
      target_sources(${target} PRIVATE ${source})
    endforeach()
    list(JOIN names ", " names)
    set(features ${isa_features_${isa}} ${isa_implied_${isa}})
    list(TRANSFORM features REPLACE "(.+)" "\"\\1\"")
    list(JOIN features ", " features)
    string(APPEND tables "namespace ${isa} {
${declarations}extern const OpKernels op_kernels;
const FormatKernels* const formats[] = {${names}};
bool supported() { return has(this_machine(), {${features}}); }
}
const Isa isa_${isa} = {\"${isa}\", ${isa}::supported, ${isa}::formats, &${isa}::op_kernels};
")
    string(APPEND list "&isa_${isa}, ")
  endforeach()
  set(source ${INGOT_GENERATED}/cpu/isas.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: the instruction sets of this build.
#include \"backends/cpu/detect.h\"
#include \"backends/cpu/kernels.h\"
namespace ingot::cpu {
@tables@const Isa* const isa_list[] = {@list@};
IsaList isas() { return {isa_list, static_cast<int>(sizeof isa_list / sizeof *isa_list)}; }
}  // namespace ingot::cpu
")
  target_sources(${target} PRIVATE ${source})
  target_include_directories(${target} PRIVATE ${INGOT_ROOT}/formats)
endfunction()

# ---- GPUs: the texts that are compiled at run time, and a descriptor a format. Texts keep their own names, in the order of paths.
function(ingot_gpu_texts target)
  file(GLOB texts CONFIGURE_DEPENDS RELATIVE ${INGOT_ROOT} ${INGOT_ROOT}/kernels/*/*.h ${INGOT_ROOT}/formats/*.h ${INGOT_ROOT}/formats/tables/*.h)
  set(lines "")
  foreach(path ${texts})
    set_property(DIRECTORY ${INGOT_ROOT} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${INGOT_ROOT}/${path})
    file(READ ${INGOT_ROOT}/${path} text)
    string(APPEND lines "    {\"${path}\", R\"text(${text})text\"},\n")
  endforeach()
  set(source ${INGOT_GENERATED}/gpu/texts.cpp)
  file(WRITE ${source}.new
"// Generated from kernels/ and formats/.
#include \"backends/gpu/texts.h\"
namespace ingot::gpu {
namespace {
const Text list[] = {
${lines}};
}  // namespace
std::span<const Text> texts() { return list; }
}  // namespace ingot::gpu
")
  configure_file(${source}.new ${source} COPYONLY)
  target_sources(${target} PRIVATE ${source})

  set(names "")
  set(declarations "")
  foreach(name ${INGOT_FORMAT_NAMES})
    set(source ${INGOT_GENERATED}/gpu/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: one format's tiles.
#include \"backends/gpu/tiles.h\"
namespace ingot::gpu {
namespace {
#include \"backends/gpu/instance_format.h\"
#include \"@name@.h\"
constexpr FormatTiles here = tiles_of<@name@>();
}
extern const FormatTiles tiles_@name@;
const FormatTiles tiles_@name@ = here;
}  // namespace ingot::gpu
")
    target_sources(${target} PRIVATE ${source})
    string(APPEND declarations "extern const FormatTiles tiles_${name};\n")
    list(APPEND names "&tiles_${name}")
  endforeach()
  list(JOIN names ", " names)
  set(source ${INGOT_GENERATED}/gpu/tiles.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: every format's tiles.
#include \"backends/gpu/tiles.h\"
namespace ingot::gpu {
@declarations@namespace {
const FormatTiles* const list[] = {@names@};
}
std::span<const FormatTiles* const> format_tiles() { return list; }
}  // namespace ingot::gpu
")
  target_sources(${target} PRIVATE ${source})
  target_include_directories(${target} PRIVATE ${INGOT_ROOT}/kernels ${INGOT_ROOT}/formats)
endfunction()

# ---- backends: one folder each, the first that can be used is the default: devices before the host
file(GLOB backend_folders CONFIGURE_DEPENDS LIST_DIRECTORIES true ${INGOT_ROOT}/src/backends/*)
list(REMOVE_ITEM backend_folders ${INGOT_ROOT}/src/backends/cpu ${INGOT_ROOT}/src/backends/gpu)
list(APPEND backend_folders ${INGOT_ROOT}/src/backends/cpu)
set(INGOT_BACKENDS "")
set(backend_declarations "")
set(backend_lines "")
foreach(folder ${backend_folders})
  if(IS_DIRECTORY ${folder})
    get_filename_component(name ${folder} NAME)
    list(APPEND INGOT_BACKENDS ${name})
    string(APPEND backend_declarations "const Backend& ${name}_backend();\n")
    string(APPEND backend_lines "&plan::${name}_backend(), ")
  endif()
endforeach()
set(INGOT_BACKEND_REGISTRY ${INGOT_GENERATED}/backend_registry.cpp)
file(CONFIGURE OUTPUT ${INGOT_BACKEND_REGISTRY} @ONLY CONTENT
"// Generated from src/backends/.
#include \"engine/backends.h\"
namespace ingot::plan {
@backend_declarations@}  // namespace ingot::plan
namespace ingot::engine {
std::span<const plan::Backend* const> backends() {
  static const plan::Backend* const list[] = {@backend_lines@};
  return list;
}
}  // namespace ingot::engine
")
