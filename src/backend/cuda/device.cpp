#include "backend/cuda/device.h"

#include <fmt/format.h>

#include "backend/cuda/compiler.h"
#include "backend/cuda/cubin_cache.h"
#include "backend/cuda/driver.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr uint32_t shared_bytes_without_asking = 48 << 10;

class CudaMemory : public gpu::Memory {
 public:
  CudaMemory(Pointer at, uint64_t bytes) : at_(at), bytes_(bytes) {}
  ~CudaMemory() override { driver().release(at_); }
  gpu::Address address() const override { return at_; }
  uint64_t bytes() const override { return bytes_; }

 private:
  Pointer at_;
  uint64_t bytes_;
};

/// A module, shared by its kernels.
struct Loaded {
  Module module = nullptr;
  explicit Loaded(const std::vector<std::byte>& cubin) { driver().check(driver().module_load(&module, cubin.data()), "machine code cannot be loaded"); }
  ~Loaded() { driver().module_unload(module); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
};

class CudaKernel : public gpu::Kernel {
 public:
  CudaKernel(std::shared_ptr<Loaded> loaded, Function function) : function(function), loaded_(std::move(loaded)) {}
  const Function function;

 private:
  std::shared_ptr<Loaded> loaded_;
};

class CudaSequence : public gpu::Sequence {
 public:
  explicit CudaSequence(GraphExec exec) : exec(exec) {}
  ~CudaSequence() override { driver().graph_exec_destroy(exec); }
  const GraphExec exec;
};

std::string architecture_of(int device) {
  int major = 0, minor = 0;
  driver().check(driver().device_attribute(&major, compute_major, device), "the GPU says no architecture");
  driver().check(driver().device_attribute(&minor, compute_minor, device), "the GPU says no architecture");
  return fmt::format("sm_{}{}", major, minor);
}

std::string name_of(int device) {
  char name[256] = {};
  driver().check(driver().device_name(name, sizeof name - 1, device), "the GPU says no name");
  return name;
}

class CudaDevice : public gpu::Device {
 public:
  CudaDevice(int ordinal, std::string cache_folder) : cache_folder_(std::move(cache_folder)) {
    d_.check(d_.device_at(&device_, ordinal), "the GPU cannot be opened");
    d_.check(d_.context_retain(&context_, device_), "the GPU cannot be used");
    use();
    d_.check(d_.stream_create(&stream_, non_blocking_stream), "no stream");
    size_t free = 0, total = 0;
    d_.check(d_.memory_info(&free, &total), "the GPU does not say its memory");
    facts_.name = name_of(device_), facts_.architecture = architecture_of(device_);
    facts_.memory_bytes = total, facts_.free_bytes = free;
    d_.check(d_.device_attribute(&facts_.cores, multiprocessors, device_), "the GPU does not say its cores");
    facts_.emulated = facts_.name.find("emulated") != std::string::npos;
  }
  ~CudaDevice() override {
    d_.stream_destroy(stream_);
    d_.context_release(device_);
  }

  const gpu::Facts& facts() const override { return facts_; }
  const char* dialect() const override { return "cuda"; }

  std::unique_ptr<gpu::Memory> allocate(uint64_t bytes, const std::string& what) override {
    use();
    Pointer at = 0;
    Status status = d_.allocate(&at, bytes);
    if (status == out_of_memory) throw Error("cuda", "not enough memory for " + what, "", fmt::format("{} MiB on {}", bytes >> 20, facts_.name), "use a smaller model or a shorter context (-c)");
    d_.check(status, "no memory for " + what);
    return std::make_unique<CudaMemory>(at, bytes);
  }

  void upload(gpu::Memory& to, uint64_t at, std::span<const std::byte> from) override {
    inside(to, at, from.size());
    wait();
    d_.check(d_.upload(to.address() + at, from.data(), from.size()), "copying to the GPU failed");
  }

  void download(const gpu::Memory& from, uint64_t at, std::span<std::byte> to) override {
    inside(from, at, to.size());
    wait();
    d_.check(d_.download(to.data(), from.address() + at, to.size()), "copying from the GPU failed");
  }

  std::vector<std::unique_ptr<gpu::Kernel>> compile(const gpu::Source& source) override {
    use();
    CubinKey key = cubin_key(source.text, facts_.architecture);
    std::optional<std::vector<std::byte>> cubin = cached_cubin(cache_folder_, key);
    if (!cubin) {
      cubin = cuda::compile(source.text, facts_.architecture);
      keep_cubin(cache_folder_, key, *cubin);
    }
    auto loaded = std::make_shared<Loaded>(*cubin);
    std::vector<std::unique_ptr<gpu::Kernel>> kernels;
    for (const std::string& entry : source.entries) {
      Function function = nullptr;
      d_.check(d_.module_function(&function, loaded->module, entry.c_str()), "there is no kernel " + entry);
      kernels.push_back(std::make_unique<CudaKernel>(loaded, function));
    }
    return kernels;
  }

  std::unique_ptr<gpu::Sequence> record(std::span<const gpu::Launch> launches) override {
    use();
    d_.check(d_.capture_begin(stream_, capture_relaxed), "recording cannot begin");
    Status failed = 0;
    for (const gpu::Launch& l : launches) {
      Function function = static_cast<const CudaKernel*>(l.kernel)->function;
      if (l.room_bytes > shared_bytes_without_asking) failed = failed ? failed : d_.function_set(function, most_dynamic_shared_bytes, static_cast<int>(l.room_bytes));
      void* parameters[] = {const_cast<std::byte*>(l.parameters.data())};
      failed = failed ? failed : d_.launch(function, l.groups, 1, 1, l.threads, 1, 1, l.room_bytes, stream_, parameters, nullptr);
    }
    Graph graph = nullptr;
    Status ended = d_.capture_end(stream_, &graph);
    d_.check(failed, "a kernel cannot be launched");
    d_.check(ended, "recording failed");
    GraphExec exec = nullptr;
    Status made = d_.graph_instantiate(&exec, graph, 0);
    d_.graph_destroy(graph);
    d_.check(made, "a recording cannot be made ready");
    return std::make_unique<CudaSequence>(exec);
  }

  void run(const gpu::Sequence& sequence) override {
    use();
    d_.check(d_.graph_launch(static_cast<const CudaSequence&>(sequence).exec, stream_), "running failed");
  }

  void wait() override {
    use();
    d_.check(d_.stream_wait(stream_), "running failed");
  }

 private:
  // A context is set for a thread, and callers come from several.
  void use() { d_.check(d_.context_set(context_), "the GPU cannot be used"); }
  void inside(const gpu::Memory& memory, uint64_t at, uint64_t bytes) const {
    if (at > memory.bytes() || bytes > memory.bytes() - at)
      throw Error("cuda", "a copy reaches out of its memory", fmt::format("{} bytes at {}", bytes, at), fmt::format("at most {} bytes", memory.bytes()));
  }

  const Driver& d_ = driver();
  int device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  std::string cache_folder_;
  gpu::Facts facts_;
};

}  // namespace

std::unique_ptr<gpu::Device> open_device(const backend::Options& options) {
  if (!driver().ready()) throw Error("cuda", "no GPU can be used", "", "", driver().missing);
  return std::make_unique<CudaDevice>(0, options.cache_folder);
}

backend::Device describe_device() {
  backend::Device d{"cuda", driver().missing, false, {}, {}, 0, 0};
  CompilerFacts compiler = compiler_facts();
  std::string compiler_text = compiler.library.empty() ? "no run-time compiler (libnvrtc.so of the CUDA toolkit, or of the Python package nvidia-cuda-nvrtc)" : fmt::format("NVRTC {}.{}", compiler.major, compiler.minor);
  if (!driver().ready()) {
    d.description += "; " + compiler_text;
    return d;
  }
  try {
    int device = 0;
    driver().check(driver().device_at(&device, 0), "the GPU cannot be opened");
    driver().check(driver().device_attribute(&d.cores, multiprocessors, device), "the GPU does not say its cores");
    d.description = fmt::format("{}, {}, driver for CUDA {}.{}, {}", name_of(device), architecture_of(device), driver().driver_version / 1000, driver().driver_version % 1000 / 10, compiler_text);
    d.available = !compiler.library.empty();
  } catch (const Error& e) {
    d.description = e.what();
  }
  return d;
}

}  // namespace ingot::cuda
