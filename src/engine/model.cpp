// Loads models and describes them.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <new>

#include "engine/backends.h"
#include "engine/fingerprint.h"
#include "engine/load.h"
#include "foundry/lower.h"

namespace ingot {

namespace engine {

plan::Options backend_options(const LoadOptions& options) {
  return {.threads = options.threads,
          .repack = options.repack,
          .strict_kernels = options.strict_kernels,
          .isa = options.isa,
          .cache_folder = options.kernel_cache,
          .progress = options.progress};
}

std::string information(const container::Gguf& file, std::string_view key) {
  const container::Value* value = file.find(key);
  return value && value->type == container::Type::string ? std::string(file.string_at(key)) : "";
}

namespace {

constexpr int default_context = 4096;

plan::Plan make_plan(const foundry::Blueprint& blueprint, const LoadOptions& options) {
  if (options.context < 0)
    throw Error("engine", "context is negative", std::to_string(options.context), "0 or more tokens");
  if (options.max_batch < 1)
    throw Error("engine", "batch is too small", std::to_string(options.max_batch), "1 or more tokens");
  if (options.max_outputs < 1)
    throw Error("engine", "too few outputs", std::to_string(options.max_outputs), "1 or more tokens with logits");
  int context = options.context ? options.context : std::min(blueprint.context, default_context);
  if (context > blueprint.context)
    throw Error("engine", "context exceeds the model's", std::to_string(context),
                fmt::format("at most {} tokens", blueprint.context));
  const quant::Format* kv = options.kv.empty() ? nullptr : quant::find_format(options.kv);
  if (!options.kv.empty() && !kv)
    throw Error("engine", "unknown format for keys and values", options.kv, "a name that `ingot formats` lists");
  plan::Plan plan = foundry::lower(blueprint, {.context = context,
                                               .max_rows = options.max_batch,
                                               .max_outputs = std::min(options.max_outputs, options.max_batch),
                                               .state_format = kv,
                                               .state_bytes = options.state_memory});
  if (plan::bound_of_bytes(plan) == max_size)
    throw Error("engine", "the model needs more memory than can be counted",
                fmt::format("{} layers with {} heads of keys of {}, {} positions, {} rows", blueprint.layers.size(),
                            foundry::sizes_of(blueprint).kv_heads, foundry::sizes_of(blueprint).head_size, context,
                            options.max_batch),
                fmt::format("fewer than {} bytes of keys, values and scratch", max_size),
                "ask for a shorter context (-c)");
  return plan;
}

PlanInfo describe(const plan::Plan& plan, const plan::Choices& choices, const std::string& device) {
  PlanInfo info{.architecture = plan.architecture,
                .device = device,
                .isa = choices.isa,
                .threads = choices.threads,
                .context = plan.limits.context,
                .weight_bytes_per_token = 0,
                .resident_bytes = choices.resident_bytes,
                .scratch_bytes = choices.scratch_bytes,
                .kv_bytes_per_token = choices.page_bytes / plan::page_positions,
                .page_bytes = choices.page_bytes,
                .state_bytes = capped_product(choices.page_bytes, plan::pages_for(plan.limits.context)),
                .steps = {}};
  for (size_t i = 0; i < plan.steps.size(); i++) {
    const plan::Step& step = plan.steps[i];
    const plan::StepChoice& choice = choices.steps[i];
    StepInfo s;
    s.kind = std::visit([](const auto& op) { return op.kind; }, step.op);
    s.role = step.name;
    s.name = step.layer < 0 ? step.name : fmt::format("layer {} {}", step.layer, step.name);
    s.shape = plan::shape_text(plan, step);
    for (const plan::Slice& slice : plan::slices_of(step.op))
      s.tensors.push_back(plan[slice].name), s.formats.push_back(plan[slice].format->name);
    if (const auto input = plan::multiplied_by(step.op)) s.input_cols = plan[input].cols;
    s.classes = choice.classes;
    s.strategy = choice.strategy;
    s.layout = choice.layout;
    s.bytes_per_token = choice.weight_bytes;
    s.slow = choice.slow;
    info.weight_bytes_per_token += choice.weight_bytes;
    info.steps.push_back(std::move(s));
  }
  for (StepInfo& s : info.steps)
    s.share = info.weight_bytes_per_token ? double(s.bytes_per_token) / double(info.weight_bytes_per_token) : 0;
  return info;
}

PlanInfo with_bandwidth(PlanInfo info, double bandwidth) {
  if (bandwidth > 0)
    for (StepInfo& s : info.steps) s.seconds_bound = double(s.bytes_per_token) / bandwidth;
  return info;
}

Error no_memory(const PlanInfo& plan) {
  const uint64_t bytes = capped_sum(plan.resident_bytes, plan.scratch_bytes, plan.state_bytes);
  return Error("engine", "not enough memory to run the model", "",
               fmt::format("{} MiB for weights, scratch, and keys and values of one sequence", bytes >> 20),
               "use a shorter context, smaller batches or a smaller model");
}

ModelInfo model_info(const container::Gguf& file, const foundry::Blueprint& b) {
  ModelInfo info;
  info.architecture = b.architecture;
  info.name = information(file, "general.name");
  info.chat_template = information(file, "tokenizer.chat_template");
  const foundry::Sizes sizes = foundry::sizes_of(b);
  info.layers = narrow<int>(b.layers.size()), info.hidden = b.hidden, info.heads = sizes.heads;
  info.kv_heads = sizes.kv_heads;
  info.head_size = sizes.head_size, info.ffn = narrow<int>(sizes.ffn), info.vocab = b.vocab, info.context = b.context;
  for (const container::Tensor& t : file.tensors()) info.parameters += t.elements;
  info.file_bytes = file.bytes();
  return info;
}

}  // namespace

std::shared_ptr<Model::State> load(const std::string& path, const LoadOptions& options) {
  auto start = std::chrono::steady_clock::now();
  auto state = std::make_shared<Model::State>(container::Gguf::open(path, foundry::geometry_of));
  foundry::Blueprint blueprint = naming(path, [&] { return foundry::resolve(state->file); });
  state->tokenizer_state =
      naming(path, [&] { return std::make_shared<const Tokenizer::State>(state->file, options.pre); });
  state->tokenizer = Tokenizer(state->tokenizer_state);
  const plan::Backend& backend = find_backend(options.device);
  plan::Options backend_options = engine::backend_options(options);
  state->plan = naming(path, [&] { return make_plan(blueprint, options); });
  state->explained = describe(state->plan, backend.choose(state->plan, backend_options), backend.name());
  state->info = model_info(state->file, blueprint);
  backend_options.release = [&file = state->file](const plan::Weight& w) { file.release(*file.find_tensor(w.name)); };
  backend_options.read = [&file = state->file](const plan::Weight& w, uint64_t at, std::span<std::byte> to) {
    return file.read(*file.find_tensor(w.name), at, to);
  };
  // Before the file's pages are released: packed weights no longer need it.
  if (options.repack) state->fingerprint();
  try {
    state->program = backend.compile(state->plan, backend_options);
    state->memory.emplace(state->program->states(), state->program->states().pages());
  } catch (const std::bad_alloc&) { throw no_memory(state->explained); }
  state->info.load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return state;
}

}  // namespace engine

Model Model::load(const std::string& path, const LoadOptions& options) { return Model(engine::load(path, options)); }

uint64_t Model::State::fingerprint() const {
  std::call_once(fingerprint_once_, [&] { fingerprint_ = engine::fingerprint(file, plan); });
  return fingerprint_;
}
const ModelInfo& Model::info() const { return state_->info; }
const Tokenizer& Model::tokenizer() const { return state_->tokenizer; }
ChatTemplate Model::chat_template() const {
  return engine::naming(state_->file.path(), [&] { return engine::chat_template_of(state_->file, state_->tokenizer); });
}
PlanInfo Model::explain(double bandwidth) const { return engine::with_bandwidth(state_->explained, bandwidth); }

PlanInfo explain(const std::string& path, const LoadOptions& options, double bandwidth) {
  container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  const plan::Backend& backend = engine::named_backend(options.device);
  plan::Plan plan = engine::naming(path, [&] { return engine::make_plan(foundry::resolve(file), options); });
  PlanInfo info = engine::describe(plan, backend.choose(plan, engine::backend_options(options)), backend.name());
  return engine::with_bandwidth(std::move(info), bandwidth);
}

KernelText kernels(const std::string& path, const LoadOptions& options) {
  container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  const plan::Backend& backend = engine::named_backend(options.device);
  plan::KernelSource source =
      backend.source(engine::naming(path, [&] { return engine::make_plan(foundry::resolve(file), options); }));
  return {backend.name(), std::move(source.text), std::move(source.entries)};
}

Tokenizer load_tokenizer(const std::string& path, const std::string& pre) {
  container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  return Tokenizer(engine::naming(path, [&] { return std::make_shared<const Tokenizer::State>(file, pre); }));
}

}  // namespace ingot
