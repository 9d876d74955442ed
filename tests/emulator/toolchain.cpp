#include "emulator/toolchain.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ingot/error.h"

namespace ingot::emulator {

namespace {

namespace fs = std::filesystem;

constexpr const char* compiler_name = "clang++-19";
constexpr size_t max_log = 4000;
const std::string here = INGOT_EMULATOR_DIR;

// A folder of this process, removed when it ends.
struct OwnFolder {
  fs::path path;
  OwnFolder() {
    std::string name = (fs::temp_directory_path() / "ingot-emulator-XXXXXX").string();
    if (!mkdtemp(name.data())) throw Error("emulator", "no temporary folder", std::strerror(errno));
    path = name;
  }
  ~OwnFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

fs::path cache_folder() {
  if (const char* named = std::getenv("INGOT_EMULATOR_CACHE"); named && *named) {
    fs::create_directories(named);
    return named;
  }
  static const OwnFolder own;
  return own.path;
}

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> options_of(Dialect dialect, Watch watch) {
  // Optimizing checks of arithmetic takes two minutes per text, eight times as long as running them without takes.
  std::vector<std::string> options = {"-x",
                                      "c++",
                                      watch == Watch::arithmetic ? "-O0" : "-O2",
                                      "-march=native",
                                      "-ffp-contract=off",
                                      "-fconvergent-functions",
                                      "-fPIC",
                                      "-fvisibility=hidden",
                                      "-fno-exceptions",
                                      "-fno-rtti",
                                      "-w",
                                      "-I" + fs::path(here).parent_path().string(),
                                      "-include",
                                      here + "/" + (dialect == Dialect::cuda ? "cuda_shim.h" : "metal_shim.h"),
                                      "-include",
                                      here + "/watch.h"};
  if (dialect == Dialect::cuda)
    options.insert(options.end(), {"-std=c++17"});
  else
    options.insert(options.end(), {"-std=c++14", "-nostdinc", "-I" + here + "/metal_include"});
  if (watch == Watch::accesses) options.insert(options.end(), {"-fsanitize=thread", "-DEMULATOR_WATCHES_ACCESSES"});
  if (watch == Watch::arithmetic)
    options.insert(options.end(),
                   {"-fsanitize=undefined,float-divide-by-zero", "-fno-sanitize=float-divide-by-zero,vptr,function",
                    "-fsanitize-minimal-runtime", "-DEMULATOR_WATCHES_ARITHMETIC"});
  return options;
}

// Runs the compiler; its exit status, its words in `log`.
int run(const std::vector<std::string>& words, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = fork();
  if (child == 0) {
    int to = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(to, 1), dup2(to, 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0)
    throw Error("emulator", "the compiler does not start", std::strerror(errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

std::string missing_compiler() {
  const char* folders = std::getenv("PATH");
  for (std::string_view rest = folders ? folders : ""; !rest.empty();) {
    size_t end = std::min(rest.find(':'), rest.size());
    if (access((std::string(rest.substr(0, end)) + "/" + compiler_name).c_str(), X_OK) == 0) return "";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fmt::format("{} is not installed; it is Debian's package clang-19", compiler_name);
}

std::vector<std::byte> compile_to_bytes(Dialect dialect, const std::string& text, Watch watch) {
  if (std::string missing = missing_compiler(); !missing.empty())
    throw Error("emulator", "kernels cannot be compiled", "", "", missing);
  std::vector<std::string> options = options_of(dialect, watch);
  std::string made_from = text;
  for (const std::string& option : options) made_from += "\n" + option;
  for (const char* shim : {"cuda_shim.h", "metal_shim.h", "watch.h", "services.h"})
    made_from += contents_of(fs::path(here) / shim);
  fs::path folder = cache_folder(), kept = folder / fmt::format("{:016x}.so", std::hash<std::string>{}(made_from));
  if (!fs::exists(kept)) {
    fs::path own = kept.string() + fmt::format(".{}", getpid()), source = own.string() + ".txt",
             object = own.string() + ".o", log = own.string() + ".log";
    std::ofstream(source) << text;
    // Linked by itself, without the sanitizers' own libraries: watch.h stands for them.
    std::vector<std::string> compile = {compiler_name},
                             link = {compiler_name, "-shared", "-o", own.string(), object.string(), "-lm"};
    compile.insert(compile.end(), options.begin(), options.end());
    compile.insert(compile.end(), {"-c", "-o", object.string(), source.string()});
    int status = run(compile, log);
    if (status == 0) status = run(link, log);
    std::string said = contents_of(log).substr(0, max_log);
    for (const fs::path& path : {source, object, log}) fs::remove(path);
    if (status != 0)
      throw Error("emulator", "a composed source does not compile: " + said, "",
                  fmt::format("{} leaves with 0, not with {}", compiler_name, status));
    fs::rename(own, kept);
  }
  std::string bytes = contents_of(kept);
  auto span = std::as_bytes(std::span(bytes));
  return {span.begin(), span.end()};
}

Library::Library(const std::vector<std::byte>& bytes) {
  file_ = memfd_create("kernels", MFD_CLOEXEC);
  if (file_ < 0 || write(file_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    throw Error("emulator", "a library cannot be written", std::strerror(errno));
  handle_ = dlopen(fmt::format("/proc/self/fd/{}", file_).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) throw Error("emulator", "a library cannot be loaded", dlerror());
  auto* table = static_cast<const EmulatorServices**>(dlsym(handle_, "emulator_services"));
  if (!table) throw Error("emulator", "a library is no composed text", "", "the word emulator_services in it");
  *table = &services();
}

Library::~Library() {
  if (handle_) dlclose(handle_);
  if (file_ >= 0) close(file_);
}

decltype(Grid::entry) Library::entry(const std::string& name) const {
  return reinterpret_cast<decltype(Grid::entry)>(dlsym(handle_, name.c_str()));
}

uint32_t Library::parameter_bytes(const std::string& name) const {
  auto* bytes = static_cast<const unsigned*>(dlsym(handle_, (name + "_parameter_bytes").c_str()));
  return bytes ? *bytes : 0;
}

}  // namespace ingot::emulator
