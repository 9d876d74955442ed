// A model file in other formats: what becomes of each tensor, and then the file, tensor by tensor in pieces of rows.
// Threads share the rows of a piece; rows are encoded alone, so bytes do not depend on who did which.
#include "ingot/quantize.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>

#include "backends/cpu/layout.h"
#include "backends/cpu/machine.h"
#include "backends/cpu/pool.h"
#include "base/checked.h"
#include "base/finite.h"
#include "container/gguf.h"
#include "container/split_writer.h"
#include "foundry/geometry.h"
#include "quant/encoding.h"
#include "quant/format.h"
#include "quantize/budget.h"
#include "quantize/importance.h"
#include "quantize/recipe.h"

namespace ingot {

namespace quantize {
namespace {

constexpr uint64_t piece_weights = uint64_t{4} << 20;
constexpr const char* file_type_key = "general.file_type";
constexpr const char* version_key = "general.quantization_version";
constexpr std::string_view importance_keys = "quantize.imatrix.";
constexpr uint32_t quantization_version = 2;

using container::Tensor;
using quant::Format;

bool same_file(const std::string& a, const std::string& b) {
  struct stat one = {}, other = {};
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

struct Step {
  const Tensor* tensor;
  const Format *from, *to;
  const std::vector<float>* importance;  // null: none
  std::string note;
  bool is_given = false;             // a rule or the budget says its format, which may be the one that it has
  std::vector<Choice> choices = {};  // on the hull; none: the format was not left to the budget
  size_t chosen = 0;                 // of them
};

class Job {
 public:
  /// `writes`: `write` comes after it, and progress counts it.
  Job(const std::string& model, const QuantizeOptions& options, bool writes)
      : options_(options),
        passes_((options.budget > 0 ? 1 : 0) + (writes ? 1 : 0)),
        file_(container::Gguf::open(model, foundry::geometry_of)),
        recipe_(recipe_of(options)),
        pool_(options.threads > 0 ? options.threads : cpu::usable_cores()) {
    if (!options.importance.empty()) importance_ = means_of(read_importance(options.importance));
    check_names(importance_, file_);
    facts_ = facts_of(file_);
    facts_.has_importance = !importance_.empty();
    for (const Tensor& t : file_.tensors()) steps_.push_back(step_of(t)), all_ = capped_sum(all_, t.elements);
    if (options.budget > 0) spend_budget();
    for (const auto& [key, value] : file_.metadata())
      if (key != file_type_key && key != version_key && !key.starts_with("split.") &&
          (options.importance.empty() || !key.starts_with(importance_keys)))
        metadata_.push_back(container::NewValue::of(key, value));
    metadata_.push_back(container::NewValue::of(version_key, quantization_version));
    if (recipe_.file_type()) metadata_.push_back(container::NewValue::of(file_type_key, *recipe_.file_type()));
    if (!options.importance.empty())
      metadata_.push_back(container::NewValue::of(std::string(importance_keys) + "file", options.importance));
    for (const Step& s : steps_) tensors_.push_back({s.tensor->name, s.to->id, s.tensor->shape, bytes_of(s)});
    alignment_ = file_.find_unsigned("general.alignment").value_or(32);
  }

  /// `to`: the name of what was written, or "".
  Quantization report(const std::string& to) const {
    Quantization q;
    uint64_t bytes = 0, weights = 0;
    for (const Step& s : steps_) {
      q.tensors.push_back({s.tensor->name, s.tensor->shape, s.from->name, s.to->name, s.tensor->bytes, bytes_of(s),
                           s.importance != nullptr, s.is_given, s.note, trials_of(s), s.chosen});
      bytes = capped_sum(bytes, bytes_of(s)), weights = capped_sum(weights, s.tensor->elements);
    }
    q.from_bytes = file_.bytes();
    for (const container::NewPart& part :
         container::parts_of(to, metadata_, tensors_, alignment_, options_.max_part_bytes)) {
      if (!part.path.empty()) q.files.push_back(part.path);
      q.to_bytes = capped_sum(q.to_bytes, part.bytes);
    }
    q.bits_per_weight = bits_of(bytes, weights);
    q.budget = budget_;
    return q;
  }

  void write(const std::string& to) {
    const std::vector<container::NewPart> parts =
        container::parts_of(to, metadata_, tensors_, alignment_, options_.max_part_bytes);
    for (const container::NewPart& part : parts)
      for (const std::string& source : file_.paths())
        if (same_file(source, part.path))
          throw Error("quantize", "the result would replace the model that it is made of", part.path, "another file");
    container::SplitWriter writer(parts, alignment_);
    for (const Step& s : steps_) {
      if (s.from == s.to)
        copy(s, writer);
      else
        encode(s, writer);
      done_ += s.tensor->elements;
      tell(0);
      file_.release(*s.tensor);
    }
    writer.commit();
  }

 private:
  static double bits_of(uint64_t bytes, uint64_t weights) {
    return weights ? 8 * static_cast<double>(bytes) / static_cast<double>(weights) : 0;
  }

  static Recipe recipe_of(const QuantizeOptions& options) {
    Recipe recipe = *Recipe::named("every");
    if (options.budget > 0 && (!options.to.empty() || options.pure))
      throw Error("quantize", "a budget chooses the formats itself", options.to.empty() ? "pure" : options.to,
                  "a budget, or a recipe or format");
    if (!(options.budget > 0) && !options.formats.empty())
      throw Error("quantize", "formats to choose from are given without a budget", options.formats[0], "a budget");
    if (options.budget > 0) {
      if (!options.recipe.empty()) recipe.append(Recipe(options.recipe, "the recipe given"));
      return recipe;
    }
    auto chosen = options.pure ? std::nullopt : Recipe::named(options.to);
    if (!chosen && !quant::find_format(options.to))
      throw Error("quantize", "there is no such recipe or format", options.to,
                  options.pure ? "a format that `ingot formats` lists" : "one that `ingot quantize --list` lists");
    recipe.append(chosen ? *chosen : Recipe::of_format(options.to));
    if (!options.recipe.empty()) recipe.append(Recipe(options.recipe, "the recipe given"));
    return recipe;
  }

  static ModelFacts facts_of(const container::Gguf& file) {
    ModelFacts m;
    const std::string prefix = std::string(file.find_string("general.architecture").value_or("")) + ".";
    auto first_of = [&](const std::string& key) -> uint64_t {
      const container::Value* v = file.find(prefix + key);
      if (!v) return 0;
      const auto values = container::Gguf::elements(*v, 1);
      const uint64_t* n = values.empty() ? nullptr : std::get_if<uint64_t>(&values[0]);
      return n ? *n : 0;
    };
    m.blocks = first_of("block_count"), m.experts = first_of("expert_count");
    const uint64_t heads = first_of("attention.head_count"), kv_heads = first_of("attention.head_count_kv");
    m.heads_per_kv_head = kv_heads ? heads / kv_heads : 1;
    m.has_output = file.find_tensor("output.weight") != nullptr;
    return m;
  }

  static uint64_t bytes_of(const Step& s) {
    return capped_product(s.to->row_bytes(s.tensor->shape[0]), s.tensor->elements / s.tensor->shape[0]);
  }

  Step step_of(const Tensor& t) const {
    Step s = {&t, quant::find_format("ggml", t.type), nullptr, nullptr, ""};
    s.to = s.from;
    const auto wanted = recipe_.format_of({t.name, t.shape}, facts_);
    const bool open = !wanted && options_.budget > 0 && !recipe_.keeps({t.name, t.shape});
    if (!wanted && !open) return s;
    if (find_scale(file_, t)) {
      s.note = "kept: it has a scale of its own";
      return s;
    }
    s.is_given = true;
    if (open) {
      s.to = nullptr;
      check_source(t, *s.from);
      s.importance = importance_of(t);
      return s;
    }
    s.to = quant::find_format(*wanted);
    size_t fallbacks = 0;
    while (t.shape[0] % static_cast<uint64_t>(s.to->block) != 0) {
      const std::string next = recipe_.fallback_of(s.to->name);
      if (next.empty() || ++fallbacks > quant::formats().size())  // those of a recipe may lead in a circle
        throw Error("quantize", "no format fits the rows of " + t.name, std::to_string(t.shape[0]) + " weights",
                    "a recipe with a fallback");
      s.note =
          std::string("rows of ") + std::to_string(t.shape[0]) + " are not a whole number of " + *wanted + " blocks";
      s.to = quant::find_format(next);
    }
    if (s.from == s.to) return s;
    check_source(t, *s.from);
    s.importance = importance_of(t);
    return s;
  }

  void check_source(const Tensor& t, const Format& from) const {
    if (from.kind != quant::ValueKind::floating && !options_.allow_requantize)
      throw Error("quantize", t.name + " is quantized already", from.name, "floats",
                  "take the model that it was made of, or allow it (--allow-requantize): some quality is lost twice");
  }

  /// Null: there is none.
  const std::vector<float>* importance_of(const Tensor& t) const {
    const auto found = importance_.find(t.name);
    if (found == importance_.end()) return nullptr;
    const uint64_t experts = t.elements / t.shape[0] / t.shape[1], size = found->second.size();
    if (size != t.shape[0] * experts)
      throw Error("quantize", "the importance of " + t.name + " is of another model", std::to_string(size) + " numbers",
                  std::to_string(t.shape[0] * experts));
    return &found->second;
  }

  /// Formats that a budget may choose from: those asked for, or all that can be encoded.
  std::vector<const Format*> candidates() const {
    std::vector<const Format*> list;
    for (const Format& f : quant::formats()) {
      if (f.space != std::string_view("ggml")) continue;
      if (!options_.formats.empty() && std::ranges::find(options_.formats, f.name) == options_.formats.end()) continue;
      if (!options_.formats.empty()) quant::Encoding::of(f);  // says why it cannot be encoded
      if (quant::Encoding::find(f)) list.push_back(&f);
    }
    return list;
  }

  /// Sets the choices of a tensor. `alike`: how many tensors of each kind are left to the budget.
  void try_formats(Step& s, const std::vector<const Format*>& all, const std::map<std::string, int>& alike) {
    std::vector<const Format*> fitting;
    for (const Format* f : all)
      if (s.tensor->shape[0] % static_cast<uint64_t>(f->block) == 0 || f == s.from) fitting.push_back(f);
    if (fitting.empty())
      throw Error("quantize", "no format fits the rows of " + s.tensor->name,
                  std::to_string(s.tensor->shape[0]) + " weights", "one more of --formats");
    s.choices = hull_of(measure(*s.tensor, s.importance, fitting, pool_));
    // The matrices of one kind together change as much of what a model says as the one that gives the logits.
    for (Choice& c : s.choices) c.cost /= alike.at(place_of_tensor(s.tensor->name).kind);
    file_.release(*s.tensor);
  }

  /// Gives formats to the tensors that no rule has given one.
  void spend_budget() {
    for (const std::string& name : options_.formats)
      if (!quant::find_format(name))
        throw Error("quantize", "there is no such format", name, "one that `ingot formats` lists");
    const std::vector<const Format*> all = candidates();
    uint64_t weights = 0, given = 0;
    std::map<std::string, int> alike;  // open tensors of each kind
    for (const Step& s : steps_)
      if (!s.to) alike[place_of_tensor(s.tensor->name).kind]++;
    std::vector<std::vector<Choice>> hulls;
    std::vector<Step*> open;
    for (Step& s : steps_) {
      if (s.is_given) weights = capped_sum(weights, s.tensor->elements);
      if (s.is_given && s.to) given = capped_sum(given, bytes_of(s));
      if (!s.to) try_formats(s, all, alike);
      done_ += s.tensor->elements;
      tell(0);
      if (s.choices.empty()) continue;
      hulls.push_back(s.choices), open.push_back(&s);
    }
    const double bytes = options_.budget / 8 * static_cast<double>(weights) - static_cast<double>(given);
    const Spending spent = spend(hulls, static_cast<uint64_t>(std::clamp(bytes, 0.0, double(max_size))));
    if (static_cast<double>(spent.bytes) > bytes)
      throw Error("quantize", "the budget is less than the smallest formats take",
                  std::to_string(options_.budget) + " bits per weight",
                  std::to_string(bits_of(capped_sum(spent.bytes, given), weights)) + " or more");
    for (size_t i = 0; i < open.size(); i++)
      open[i]->chosen = spent.chosen[i], open[i]->to = open[i]->choices[spent.chosen[i]].format;
    budget_ = {.asked = options_.budget,
               .spent = bits_of(capped_sum(spent.bytes, given), weights),
               .saving = spent.saving * 1e6,
               .saving_left_out = spent.left_out * 1e6};
    measured_ = std::exchange(done_, 0);
  }

  static std::vector<FormatTrial> trials_of(const Step& s) {
    std::vector<FormatTrial> trials;
    for (const Choice& c : s.choices)
      trials.push_back({c.format->name, bits_of(c.bytes, s.tensor->elements), std::sqrt(c.error)});
    return trials;
  }

  // Of a budget the first pass is measuring.
  void tell(uint64_t more) const {
    if (options_.stop && options_.stop()) throw Error("quantize", "stopped", "", "", "nothing was written");
    const double done = static_cast<double>(measured_ + done_ + more);
    if (options_.progress && all_) options_.progress(done / static_cast<double>(all_) / passes_);
  }

  void copy(const Step& s, container::SplitWriter& writer) const {
    const uint64_t piece = uint64_t{16} << 20;
    for (uint64_t at = 0; at < s.tensor->bytes; at += piece)
      writer.write({s.tensor->data + at, std::min(piece, s.tensor->bytes - at)});
  }

  void encode(const Step& s, container::SplitWriter& writer) {
    const cpu::Isa& isa = cpu::find_isa("");
    const cpu::FormatKernels& source = cpu::kernels_of(*s.from, isa);
    const quant::Encoding& encoding = quant::Encoding::of(*s.to);
    const Tensor& t = *s.tensor;
    const uint64_t cols = t.shape[0], rows = t.elements / cols, rows_of_expert = t.shape[1];
    const uint64_t from_row = s.from->row_bytes(cols), to_row = s.to->row_bytes(cols),
                   rows_at_once = std::clamp<uint64_t>(piece_weights / cols, 1, rows);
    std::vector<std::byte> to(capped_product(rows_at_once, to_row));
    std::vector<std::vector<float>> lines(static_cast<size_t>(pool_.threads()), std::vector<float>(cols));
    for (uint64_t first = 0; first < rows; first += rows_at_once) {
      const uint64_t n = std::min(rows_at_once, rows - first);
      std::atomic<uint64_t> next{0}, non_finite{UINT64_MAX};
      pool_.run([&](cpu::Worker& worker) {
        float* line = lines[static_cast<size_t>(worker.index)].data();
        for (uint64_t r; (r = next.fetch_add(1)) < n;) {
          const uint64_t row = first + r;
          source.decode_row(reinterpret_cast<const u8*>(t.data + row * from_row), static_cast<i64>(cols), line);
          const bool finite = all_finite(std::span(line, cols));
          for (uint64_t seen = non_finite; !finite && row < seen;)
            if (non_finite.compare_exchange_weak(seen, row)) break;  // the first one is told, whoever finds it
          const float* importance = s.importance ? s.importance->data() + row / rows_of_expert * cols : nullptr;
          isa.ops->encode({&encoding.form(), line, importance, static_cast<i64>(cols) / s.to->block,
                           reinterpret_cast<u8*>(to.data() + r * to_row)});
        }
      });
      if (non_finite != UINT64_MAX)
        throw Error("quantize", t.name + " has a weight that is not finite", "row " + std::to_string(non_finite),
                    "finite weights", "take a sound copy of the model");
      writer.write(std::span(to).first(n * to_row));
      tell((first + n) * cols);
    }
  }

  const QuantizeOptions& options_;
  int passes_;  // over the weights
  container::Gguf file_;
  Recipe recipe_;
  Means importance_;
  ModelFacts facts_;
  std::vector<Step> steps_;
  std::vector<container::NewValue> metadata_;
  std::vector<container::NewTensor> tensors_;
  cpu::Pool pool_;
  std::optional<BudgetReport> budget_;
  uint64_t alignment_, all_ = 0, done_ = 0, measured_ = 0;  // weights: of the file, of this pass, of the one before
};

}  // namespace
}  // namespace quantize

Quantization plan_quantization(const std::string& model, const QuantizeOptions& options) {
  return quantize::Job(model, options, false).report("");
}

Quantization write_quantized(const std::string& model, const std::string& to, const QuantizeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  quantize::Job job(model, options, true);
  job.write(to);
  Quantization q = job.report(to);
  q.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return q;
}

std::vector<std::pair<std::string, std::string>> recipes() {
  std::vector<std::pair<std::string, std::string>> list;
  for (const quantize::RecipeText& t : quantize::recipe_texts()) {
    std::string text = t.text;
    if (std::string_view(t.name) != "every") list.emplace_back(t.name, text.substr(2, text.find('\n') - 2));
  }
  return list;
}

}  // namespace ingot
