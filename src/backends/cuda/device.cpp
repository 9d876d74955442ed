#include "backends/cuda/device.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "backends/cuda/cubin_cache.h"
#include "backends/cuda/gpu.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

using SharedGpu = std::shared_ptr<const Gpu>;

constexpr uint32_t shared_bytes_without_asking = 48 << 10;
constexpr int first_major_with_dependent_launch = 9;  // compute capability, which kernels/dialect/cuda.h checks too

class CudaMemory : public gpu::Memory {
 public:
  CudaMemory(SharedGpu gpu, Pointer at, uint64_t bytes) : gpu_(std::move(gpu)), at_(at), bytes_(bytes) {}
  ~CudaMemory() override {
    gpu_->use_to_release();
    gpu_->driver().release(at_);
  }
  gpu::Address address() const override { return at_; }
  uint64_t bytes() const override { return bytes_; }

 private:
  SharedGpu gpu_;
  Pointer at_;
  uint64_t bytes_;
};

// Loaded machine code; shared by its kernels and by recordings of them.
class LoadedCode {
 public:
  LoadedCode(SharedGpu gpu, std::span<const std::byte> cubin, const std::string& compiler) : gpu_(std::move(gpu)) {
    const Driver& d = gpu_->driver();
    gpu_->check(d.module_load(&module_, cubin.data()), "the driver rejects the machine code of the kernels",
                fmt::format("the driver is for {}, the compiler was {}: install matching versions",
                            version_text(d.driver_version), compiler));
  }
  ~LoadedCode() {
    gpu_->use_to_release();
    gpu_->driver().module_unload(module_);
  }
  LoadedCode(const LoadedCode&) = delete;
  LoadedCode& operator=(const LoadedCode&) = delete;
  Function function(const std::string& name) const {
    Function function = nullptr;
    gpu_->check(gpu_->driver().module_function(&function, module_, name.c_str()),
                "the machine code has no kernel " + name);
    return function;
  }

 private:
  SharedGpu gpu_;
  Module module_ = nullptr;
};

class CudaKernel : public gpu::Kernel {
 public:
  CudaKernel(std::shared_ptr<const LoadedCode> code, const std::string& name)
      : name(name), function(code->function(name)), code(std::move(code)) {}
  const std::string name;
  const Function function;
  const std::shared_ptr<const LoadedCode> code;
};

class CudaSequence : public gpu::Sequence {
 public:
  CudaSequence(SharedGpu gpu, std::span<const gpu::Launch> launches);
  ~CudaSequence() override {
    gpu_->use_to_release();
    gpu_->driver().graph_exec_destroy(exec_);
  }
  GraphExec exec() const { return exec_; }

 private:
  SharedGpu gpu_;
  std::vector<std::shared_ptr<const LoadedCode>> code_;
  GraphExec exec_ = nullptr;
};

// A chain of kernel nodes. Where the GPU can, a node begins while the previous one still runs, and waits for it itself
// (dependency_wait).
CudaSequence::CudaSequence(SharedGpu gpu, std::span<const gpu::Launch> launches) : gpu_(std::move(gpu)) {
  const Driver& d = gpu_->driver();
  const bool overlap =
      d.graph_add_edges && attribute_of(d, gpu_->device(), compute_major) >= first_major_with_dependent_launch;
  struct Owner {
    const Driver& d;
    Graph graph = nullptr;
    ~Owner() {
      if (graph) d.graph_destroy(graph);
    }
  } owner{d};
  gpu_->check(d.graph_create(&owner.graph, 0), "cannot create a CUDA graph");
  GraphNode last = nullptr;
  for (const gpu::Launch& l : launches) {
    const CudaKernel& kernel = static_cast<const CudaKernel&>(*l.kernel);
    if (l.shared_bytes > shared_bytes_without_asking)
      gpu_->check(d.function_set(kernel.function, max_dynamic_shared_bytes, narrow<int>(l.shared_bytes)),
                  fmt::format("a group of {} cannot have {} bytes of memory", kernel.name, l.shared_bytes));
    void* parameters[] = {const_cast<std::byte*>(l.parameters.data())};
    KernelNode node{kernel.function, {l.groups, 1, 1}, {l.threads, 1, 1}, l.shared_bytes, parameters, nullptr};
    GraphNode before = last;
    bool ordinary = before && !overlap;
    gpu_->check(d.graph_add_kernel(&last, owner.graph, ordinary ? &before : nullptr, ordinary ? 1 : 0, &node),
                kernel.name + " cannot be recorded");
    if (before && overlap)
      gpu_->check(d.graph_add_edges(owner.graph, &before, &last, &programmatic_edge, 1),
                  kernel.name + " cannot be recorded after another");
    if (std::ranges::find(code_, kernel.code) == code_.end()) code_.push_back(kernel.code);
  }
  gpu_->check(d.graph_instantiate(&exec_, owner.graph, 0), "cannot instantiate a CUDA graph");
}

class CudaDevice : public gpu::Device {
 public:
  CudaDevice(const Driver& driver, int ordinal, const OpenOptions& options)
      : gpu_(std::make_shared<const Gpu>(driver, ordinal)),
        d_(driver),
        library_folder_(options.library_folder),
        cache_(options.cache_folder, architecture_of(driver, gpu_->device()), driver.driver_version) {
    size_t free = 0, total = 0;
    gpu_->check(d_.memory_info(&free, &total), "cannot query the GPU's memory");
    facts_.name = name_of(d_, gpu_->device()), facts_.architecture = architecture_of(d_, gpu_->device());
    facts_.memory_bytes = total, facts_.free_bytes = free;
    facts_.copies_overlap = true;
    facts_.max_gemm_tokens = max_gemm_tokens_of(facts_.architecture);
    facts_.cores = attribute_of(d_, gpu_->device(), multiprocessors);
    facts_.emulated = facts_.name.find("emulated") != std::string::npos;
  }

  const gpu::Facts& facts() const override { return facts_; }
  const char* dialect() const override { return "cuda"; }

  std::unique_ptr<gpu::Memory> allocate(uint64_t bytes, const std::string& what) override {
    gpu_->use();
    Pointer at = 0;
    Status status = d_.allocate(&at, std::max<uint64_t>(bytes, 1));
    if (status == out_of_memory)
      throw Error("cuda", "not enough memory for " + what, "",
                  fmt::format("{} MiB on {}", (bytes >> 20) + 1, facts_.name),
                  "use a smaller model or a shorter context (-c)");
    gpu_->check(status, "no memory for " + what);
    return std::make_unique<CudaMemory>(gpu_, at, bytes);
  }

  // The driver copies the bytes before it returns; the stream orders their use.
  void upload(gpu::Memory& to, uint64_t at, std::span<const std::byte> from) override {
    inside(to, at, from.size());
    gpu_->use();
    if (!from.empty())
      gpu_->check(d_.upload(to.address() + at, from.data(), from.size(), gpu_->stream()), "copying to the GPU failed");
  }

  void download(const gpu::Memory& from, uint64_t at, std::span<std::byte> to) override {
    inside(from, at, to.size());
    gpu_->use();
    while (!to.empty()) {
      size_t n = std::min(to.size(), Gpu::staging_bytes);
      gpu_->check(d_.download(gpu_->staging(), from.address() + at, n, gpu_->stream()), "copying from the GPU failed");
      gpu_->wait();
      std::memcpy(to.data(), gpu_->staging(), n);
      at += n, to = to.subspan(n);
    }
  }

  void copy(gpu::Memory& to, uint64_t to_at, const gpu::Memory& from, uint64_t from_at, uint64_t bytes) override {
    inside(to, to_at, bytes), inside(from, from_at, bytes);
    gpu_->use();
    if (bytes > 0)
      gpu_->check(d_.copy(to.address() + to_at, from.address() + from_at, bytes, gpu_->stream()),
                  "copying within the GPU failed");
  }

  std::vector<std::unique_ptr<gpu::Kernel>> compile(const gpu::Source& source) override {
    gpu_->use();
    std::string made_from = fmt::format("{}\n{}", fmt::join(compile_options(facts_.architecture), " "), source.text),
                compiler = "the one that filled the cache";
    std::optional<std::vector<std::byte>> cubin = cache_.find(made_from);
    if (!cubin) {
      Compiler nvrtc(compiler_names(library_folder_));
      cubin = nvrtc.compile(source.text, facts_.architecture);
      compiler = nvrtc.version_text();
      cache_.keep(made_from, *cubin);
    }
    auto code = std::make_shared<const LoadedCode>(gpu_, *cubin, compiler);
    std::vector<std::unique_ptr<gpu::Kernel>> kernels;
    for (const std::string& entry : source.entries) kernels.push_back(std::make_unique<CudaKernel>(code, entry));
    return kernels;
  }

  std::unique_ptr<gpu::Sequence> record(std::span<const gpu::Launch> launches) override {
    gpu_->use();
    return std::make_unique<CudaSequence>(gpu_, launches);
  }

  void run(const gpu::Sequence& sequence) override {
    gpu_->use();
    gpu_->check(d_.graph_launch(static_cast<const CudaSequence&>(sequence).exec(), gpu_->stream()),
                "running kernels failed");
  }

  void wait() override {
    gpu_->use();
    gpu_->wait();
  }

 private:
  static void inside(const gpu::Memory& memory, uint64_t at, uint64_t bytes) {
    if (at > memory.bytes() || bytes > memory.bytes() - at)
      throw Error("cuda", "a copy exceeds its memory", fmt::format("{} bytes at {}", bytes, at),
                  fmt::format("at most {} bytes", memory.bytes()));
  }

  SharedGpu gpu_;
  const Driver& d_;
  std::string library_folder_;
  CubinCache cache_;
  gpu::Facts facts_;
};

}  // namespace

std::unique_ptr<gpu::Device> open_device(const Driver& driver, int ordinal, const OpenOptions& options) {
  if (!driver.ready()) throw Error("cuda", "no GPU can be used", "", "", driver.missing);
  return std::make_unique<CudaDevice>(driver, ordinal, options);
}

}  // namespace ingot::cuda
