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
#include <mutex>

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

// Whether $PATH has a program of this name.
bool is_installed(std::string_view program) {
  const char* folders = std::getenv("PATH");
  for (std::string_view rest = folders ? folders : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (access(fmt::format("{}/{}", rest.substr(0, end), program).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// By name, not "native": what ccache keeps may come from a machine that has more.
std::string march() { return __builtin_cpu_supports("avx2") ? "-march=x86-64-v3" : "-march=x86-64"; }

std::vector<std::string> options_of(Dialect dialect, Watch watch) {
  // Optimizing checks of arithmetic takes two minutes per text, eight times as long as running them without takes.
  std::vector<std::string> options = {"-x",
                                      "c++",
                                      watch == Watch::arithmetic ? "-O0" : "-O2",
                                      march(),
                                      "-ffp-contract=off",
                                      "-fconvergent-functions",
                                      "-fPIC",
                                      "-fvisibility=hidden",
                                      "-fno-exceptions",
                                      "-fno-rtti",
                                      "-DUNROLL(n)=",
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
  if (watch == Watch::accesses)
    options.insert(options.end(), {"-fsanitize=thread", "-DEMULATOR_WATCHES_ACCESSES", "-fno-unroll-loops",
                                   "-fno-vectorize", "-fno-slp-vectorize"});
  if (watch == Watch::arithmetic)
    options.insert(options.end(),
                   {"-fsanitize=undefined,float-divide-by-zero", "-fno-sanitize=float-divide-by-zero,vptr,function",
                    "-fsanitize-minimal-runtime", "-DEMULATOR_WATCHES_ARITHMETIC"});
  return options;
}

// Runs a program in `folder`; its exit status, its words in `log`.
int run(const std::vector<std::string>& words, const fs::path& folder, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = fork();
  if (child == 0) {
    int to = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(to, 1), dup2(to, 2);
    if (chdir(folder.c_str()) != 0) _exit(126);
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
  if (is_installed(compiler_name)) return "";
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
  static const OwnFolder own;
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const fs::path folder = own.path, log = folder / "log",
                 kept = folder / fmt::format("{:016x}.so", std::hash<std::string>{}(made_from));
  if (!fs::exists(kept)) {
    std::ofstream(folder / "text.cpp") << text;
    // The same names in every process: ccache, where it is installed, finds what another test compiled.
    std::vector<std::string> compile = {compiler_name},
                             link = {compiler_name, "-shared", "-o", "text.so", "text.o", "-lm"};
    if (is_installed("ccache")) compile.insert(compile.begin(), "ccache");
    compile.insert(compile.end(), options.begin(), options.end());
    compile.insert(compile.end(), {"-c", "-o", "text.o", "text.cpp"});
    // Linked by itself, without the sanitizers' own libraries: watch.h stands for them.
    int status = run(compile, folder, log);
    if (status == 0) status = run(link, folder, log);
    std::string said = contents_of(log).substr(0, max_log);
    if (status != 0)
      throw Error("emulator", "a composed source does not compile: " + said, "",
                  fmt::format("{} leaves with 0, not with {}", compiler_name, status));
    fs::rename(folder / "text.so", kept);
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
