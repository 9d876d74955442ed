// Every kernel by itself beside float64 at odd shapes. DIALECT: cuda or metal, emulated; or `gpu`: cuda on the GPU of
// this machine.
//   kernel_check DIALECT (ops | classes | every | FORMAT)       emulated: three orders of threads, then watched for
//                                                               races, bounds and arithmetic
//   kernel_check DIALECT states (brief | every | FORMAT)          the same of keys and values that formats keep
//   kernel_check DIALECT barriers (one | every)                 the same with one barrier after another taken out: each
//                                                               has to be missed
// Leaves with 77 where clang 19, or a GPU, is missing.
#include <fmt/format.h>

#include <cstring>

#include "backends/cuda/device.h"
#include "backends/cuda/driver.h"
#include "emulator/kernels.h"
#include "emulator/toolchain.h"
#include "backends_gpu/plans.h"
#include "ingot/error.h"

namespace ingot::emulator {

namespace {

class Emulated : public Kernels {
 public:
  Emulated(Dialect dialect, const std::string& text, Watch watch, uint64_t seed)
      : library_(compile(dialect, text, watch)), seed_(seed), overlaps_(dialect == Dialect::cuda) {}
  bool copies_overlap() const override { return overlaps_; }

 protected:
  void launch(const gpu::Entry& entry, const gpu::Launch& l, const Regions& memory) override {
    auto* run = library_->entry(entry.name());
    if (!run || library_->parameter_bytes(entry.name()) != l.parameters.size())
      throw Error("emulator", "a kernel is not there, or takes other parameters", entry.type());
    std::vector<Region> regions(memory.all().begin(), memory.all().end());
    regions.push_back({l.parameters.data(), l.parameters.size(), false, true});
    execute({run, l.parameters.data(), l.groups, l.threads, l.shared_bytes, seed_, regions, overlaps_});
  }

 private:
  std::shared_ptr<const Library> library_;
  uint64_t seed_;
  bool overlaps_;  // launches of the dialect, and copies
};

// On a GPU: memory is the host's, pinned, which it sees at the same address.
class OnDevice : public Kernels {
 public:
  explicit OnDevice(std::span<const gpu::Entry> entries)
      : entries_(entries.begin(), entries.end()), kernels_(device().compile(gpu::compose("cuda", entries))) {
    const cuda::Driver& driver = cuda::driver();
    Regions::source = [&driver](size_t bytes) {
      void* at = nullptr;
      driver.check(driver.allocate_host(&at, bytes), "no memory that the GPU sees");
      return std::shared_ptr<void>(at, [&driver](void* p) { driver.release_host(p); });
    };
  }
  bool copies_overlap() const override { return device().facts().copies_overlap; }

 protected:
  void launch(const gpu::Entry& entry, const gpu::Launch& l, const Regions&) override {
    gpu::Launch launch = l;
    launch.kernel = kernels_[std::ranges::find(entries_, entry) - entries_.begin()].get();
    device().run(*device().record({&launch, 1}));
    device().wait();
  }

 private:
  static gpu::Device& device() {
    static std::unique_ptr<gpu::Device> opened = cuda::open_device(cuda::driver(), 0, {"", ""});
    return *opened;
  }
  std::vector<gpu::Entry> entries_;
  std::vector<std::unique_ptr<gpu::Kernel>> kernels_;
};

struct Way {
  Watch watch;
  uint64_t seed;
  const char* name;
  bool brief;  // also where a check is brief
};
constexpr Way ways[] = {{Watch::nothing, 0, "in order", false},
                        {Watch::nothing, 1, "order 1", false},
                        {Watch::nothing, 2, "order 2", false},
                        {Watch::accesses, 3, "accesses", true},
                        {Watch::arithmetic, 4, "arithmetic", false}};

const char* name_of(Dialect dialect) { return dialect == Dialect::cuda ? "cuda" : "metal"; }

void check(Kernels& kernels, const Subject& subject, Findings& findings) {
  try {
    subject.check(kernels, findings);
  } catch (const Error& e) { findings.faults.push_back(e.what()); }
}

std::vector<gpu::Entry> entries_of(Dialect dialect, const Subject& subject) {
  return subject.entries(dialect == Dialect::cuda);
}

int told(const Findings& findings, const char* name, const Subject& subject) {
  std::printf("%s %s: %d checks, %zu faults\n", name, subject.name().c_str(), findings.checks, findings.faults.size());
  for (size_t i = 0; i < std::min<size_t>(findings.faults.size(), 5); i++)
    std::printf("FAILED: %s\n", findings.faults[i].c_str());
  std::fflush(stdout);
  return findings.faults.empty() ? 0 : 1;
}

int check_kernels(Dialect dialect, const Subject& subject) {
  std::string text = gpu::compose(name_of(dialect), entries_of(dialect, subject)).text;
  Findings findings;
  for (const Way& way : ways) {
    if (subject.brief && !way.brief) continue;
    Emulated kernels(dialect, text, way.watch, way.seed);
    size_t before = findings.faults.size();
    check(kernels, subject, findings);
    if (findings.faults.size() > before) findings.faults[before] += fmt::format(" ({})", way.name);
  }
  return told(findings, name_of(dialect), subject);
}

int check_on_device(const Subject& subject) {
  Findings findings;
  OnDevice kernels(entries_of(Dialect::cuda, subject));
  check(kernels, subject, findings);
  return told(findings, "gpu", subject);
}

// ---- barriers

constexpr const char* barriers[] = {"group_barrier();", "warp_barrier();", "dependency_wait();"};

// Where the kernels' barriers stand in a text: behind the dialect's files, which say what they are.
std::vector<size_t> barrier_positions(const std::string& text) {
  std::vector<size_t> positions;
  size_t begin = text.find("#line 1 \"kernels/gemv/");
  for (const char* barrier : barriers)
    for (size_t at = begin; (at = text.find(barrier, at)) != std::string::npos; at++) positions.push_back(at);
  return positions;
}

// File and line, as the text's own #line says.
std::string where(const std::string& text, size_t at) {
  size_t mark = text.rfind("#line 1 \"", at), begin = text.find('\n', mark);
  return fmt::format("{}:{}", text.substr(mark + 9, text.find('"', mark + 9) - mark - 9),
                     std::count(text.begin() + begin, text.begin() + at, '\n'));
}

// What a text says when the barrier at `position` is taken out of it; "" if nothing.
std::string missed(Dialect dialect, const Subject& subject, const std::string& position) {
  std::string text = gpu::compose(name_of(dialect), entries_of(dialect, subject)).text;
  for (size_t at : barrier_positions(text)) {
    if (where(text, at) != position) continue;
    for (size_t i = at; text[i] != ';'; i++) text[i] = ' ';
    Emulated kernels(dialect, text, Watch::accesses, 0);
    Findings findings;
    check(kernels, subject, findings);
    return findings.faults.empty() ? "" : findings.faults.front();
  }
  return "";
}

int check_barriers(Dialect dialect, bool every) {
  // Kernels of a resident format, of one without, those that know none, and those of states as codes: a barrier has to
  // be missed by one of them.
  std::vector<Subject> subjects(3);
  for (const quant::Format* f : gpu::formats_to_check("classes"))
    subjects[f->kind == quant::ValueKind::floating ? 1 : 0].format = f;
  std::ranges::copy(states_to_check("brief"), std::back_inserter(subjects));
  std::string text = gpu::compose(name_of(dialect), entries_of(dialect, subjects[0])).text;
  int passed_over = 0, taken_out = 0;
  for (size_t at : barrier_positions(text)) {
    std::string position = where(text, at), fault;
    for (size_t i = 0; i < subjects.size() && fault.empty(); i++) fault = missed(dialect, subjects[i], position);
    std::printf("%s%s without its barrier: %s\n", fault.empty() ? "FAILED: " : "", position.c_str(),
                fault.empty() ? "nothing is found" : fault.c_str());
    std::fflush(stdout);
    passed_over += fault.empty(), taken_out++;
    if (!every) break;
  }
  std::printf("%d barriers taken out, %d not missed\n", taken_out, passed_over);
  return passed_over ? 1 : 0;
}

}  // namespace
}  // namespace ingot::emulator

int main(int argc, char** argv) {
  using namespace ingot;
  using namespace ingot::emulator;
  std::string_view name = argc > 2 ? argv[1] : "", what = argc > 2 ? argv[2] : "";
  bool on_device = name == "gpu", barriers = what == "barriers", states = what == "states";
  if ((name != "cuda" && name != "metal" && !on_device) || argc != (barriers || states ? 4 : 3) ||
      (barriers && on_device))
    return std::fprintf(stderr,
                        "kernel_check DIALECT (ops | classes | every | FORMAT | states (brief | every | FORMAT) | "
                        "barriers (one | every))\n"),
           2;
  if (std::string missing = on_device ? cuda::driver().missing : missing_compiler(); !missing.empty())
    return std::printf("SKIPPED: %s\n", missing.c_str()), 77;
  Dialect dialect = name == "metal" ? Dialect::metal : Dialect::cuda;
  int faults = 0;
  try {
    if (barriers) return check_barriers(dialect, std::strcmp(argv[3], "every") == 0);
    auto check = [&](const Subject& subject) {
      faults += on_device ? check_on_device(subject) : check_kernels(dialect, subject);
    };
    if (states)
      for (const Subject& subject : states_to_check(argv[3])) check(subject);
    if (what == "ops" || (on_device && what == "every")) check({});
    for (const quant::Format* format : gpu::formats_to_check(std::string(what))) check({format});
    if (on_device && what == "every")
      for (const Subject& subject : states_to_check("every")) check(subject);
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
  return faults ? 1 : 0;
}
