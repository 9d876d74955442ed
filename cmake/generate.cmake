# Registries made from the contents of folders, into the build tree. Adding a file to formats/ or architectures/ is all.
#   INGOT_FORMAT_NAMES            formats, by file name
#   INGOT_FORMAT_REGISTRY         source file that lists them for the host
#   INGOT_GENERATED               folder of what is made; every_format.h in it lists the formats as types, for tests
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
# flags; a table per instruction set and a list of them, best first
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(INGOT_ISAS avx512 avx2 portable)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(INGOT_ISAS neon portable)
else()
  set(INGOT_ISAS portable)
endif()
if(INGOT_FUZZ)  # files and requests are what is fuzzed, and instrumented kernels take minutes to compile
  set(INGOT_ISAS portable)
endif()
set(isa_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx2 -mfma -mf16c -mprefer-vector-width=512)
set(isa_flags_avx2 -mavx2 -mfma -mf16c)
set(isa_flags_neon -march=armv8.2-a+dotprod+fp16)
set(isa_flags_portable "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # gcc's own AVX-512 headers trip its warning (gcc bug 105593)
  list(APPEND isa_flags_avx512 -Wno-maybe-uninitialized -Wno-uninitialized)
endif()

function(ingot_cpu_instances target)
  set(optimization -O3)
  if(INGOT_SANITIZE)  # instrumented kernels take minutes to compile at -O3
    set(optimization -O1)
  endif()
  set(tables "")
  set(list "")
  foreach(isa ${INGOT_ISAS})
    set(names "")
    set(declarations "")
    foreach(name ${INGOT_FORMAT_NAMES} .ops)  # no format can be called .ops
      if(name STREQUAL .ops)
        set(body "#include \"backend/cpu/instance_ops.h\"
}
extern const OpKernels op_kernels;
constexpr OpKernels op_kernels_here = {run_multiply, run_norm, run_quantize, run_rotate, run_attend, run_store_halves, run_gate_silu, run_gate_gelu_tanh};
const OpKernels op_kernels = op_kernels_here;")
      else()
        set(body "#include \"backend/cpu/instance_format.h\"
#include \"${name}.h\"
}
extern const FormatKernels kernels_${name};
constexpr FormatKernels kernels_here = format_kernels<${name}>(\"${name}\");
const FormatKernels kernels_${name} = kernels_here;")
        string(APPEND declarations "extern const FormatKernels kernels_${name};\n")
        list(APPEND names "&kernels_${name}")
      endif()
      set(source ${INGOT_GENERATED}/cpu/${isa}/${name}.cpp)
      file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: kernel instance.
#include \"backend/cpu/kernels.h\"
namespace ingot::cpu::@isa@ {
namespace {
#include \"backend/cpu/lanes/@isa@.h\"
@body@
}  // namespace ingot::cpu::@isa@
")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${optimization};${isa_flags_${isa}}")
      target_sources(${target} PRIVATE ${source})
    endforeach()
    list(JOIN names ", " names)
    string(APPEND tables "namespace ${isa} {\n${declarations}extern const OpKernels op_kernels;\nconst FormatKernels* const formats[] = {${names}};\n}\nbool supports_${isa}();\nconst Isa isa_${isa} = {\"${isa}\", supports_${isa}, ${isa}::formats, &${isa}::op_kernels};\n")
    string(APPEND list "&isa_${isa}, ")
  endforeach()
  set(source ${INGOT_GENERATED}/cpu/isas.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated: the instruction sets of this build.
#include \"backend/cpu/kernels.h\"
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
#include \"gpu/texts.h\"
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
#include \"gpu/tiles.h\"
namespace ingot::gpu {
namespace {
#include \"gpu/instance_format.h\"
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
#include \"gpu/tiles.h\"
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
file(GLOB backend_folders CONFIGURE_DEPENDS LIST_DIRECTORIES true ${INGOT_ROOT}/src/backend/*)
list(REMOVE_ITEM backend_folders ${INGOT_ROOT}/src/backend/cpu)
list(APPEND backend_folders ${INGOT_ROOT}/src/backend/cpu)
set(INGOT_BACKENDS "")
set(backend_declarations "")
set(backend_lines "")
foreach(folder ${backend_folders})
  if(IS_DIRECTORY ${folder})
    get_filename_component(name ${folder} NAME)
    list(APPEND INGOT_BACKENDS ${name})
    string(APPEND backend_declarations "const Backend& ${name}_backend();\n")
    string(APPEND backend_lines "&backend::${name}_backend(), ")
  endif()
endforeach()
set(INGOT_BACKEND_REGISTRY ${INGOT_GENERATED}/backend_registry.cpp)
file(CONFIGURE OUTPUT ${INGOT_BACKEND_REGISTRY} @ONLY CONTENT
"// Generated from src/backend/.
#include \"engine/backends.h\"
namespace ingot::backend {
@backend_declarations@}  // namespace ingot::backend
namespace ingot::engine {
std::span<const backend::Backend* const> backends() {
  static const backend::Backend* const list[] = {@backend_lines@};
  return list;
}
}  // namespace ingot::engine
")
