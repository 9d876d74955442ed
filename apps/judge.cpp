// ingot judge: what quantization formats do to a model. For each of them the model is quantized into a temporary file,
// compared with the reference weight by weight and answer by answer, timed, and removed.
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/checked.h"
#include "base/files.h"
#include "bench_streams.h"
#include "command_line.h"
#include "commands.h"
#include "files.h"
#include "flags.h"
#include "ingot/importance.h"
#include "ingot/quantize.h"
#include "interrupt.h"
#include "judgement.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct Judge {
  std::vector<std::string> formats;
  std::string model, text, report, work, importance;
  LoadOptions load;
  EvaluateOptions options;
  int prompt = 128, answer = 32, repetitions = 3;
  bool json = false, pure = false;
};

/// An empty file in `folder` (""; where the system keeps temporary files) for a model of this name.
std::string temporary_path(std::string folder) {
  auto fail = [](const std::string& where, const std::string& reason) {
    throw Error("judge", "cannot write a temporary file in " + where, reason,
                "a folder with room for a quantized model", "choose another one (--work)");
  };
  std::error_code error;
  if (folder.empty()) folder = std::filesystem::temp_directory_path(error).string();
  if (error) fail("the system's folder for them", error.message());
  std::string path = folder + "/ingot_judge_XXXXXX";
  const int file = mkstemp(path.data()), reason = errno;
  if (file < 0) fail(folder, std::system_category().message(reason));
  close(file);
  return path;
}

QuantizeOptions quantize_options(const Judge& asked, const std::string& format) {
  QuantizeOptions o;
  o.importance = asked.importance, o.threads = asked.load.threads, o.allow_requantize = true;
  if (const auto bits = parse_real(format)) {
    if (!(*bits > 0 && *bits <= 32))
      throw Error("judge", "a budget is out of range", format, "more than 0 and at most 32 bits per weight");
    o.budget = *bits;
  } else {
    o.to = format, o.pure = asked.pure;
  }
  return o;
}

class Jury {
 public:
  explicit Jury(const Judge& asked) : asked_(asked), text_(read_text(asked.text)), load_(asked.load) {
    load_.context = std::max(asked.options.context, std::max(asked.prompt, asked.answer + 1));
    // A missing format or folder is found before hours are spent on the others.
    const TemporaryFile file(temporary_path(asked.work));
    if (!asked.importance.empty()) read_importance(asked.importance);
    for (const std::string& format : asked.formats)
      if (const QuantizeOptions o = quantize_options(asked, format); o.budget == 0) plan_quantization(asked.model, o);
  }

  Judgement judge() {
    Model base = load_model(asked_.model, load_);
    describe(base);
    const PlanInfo plan = base.explain();
    double bandwidth = asked_.repetitions > 0 ? read_bandwidth(plan.threads, plan.device) : 0;
    all_.evaluation = evaluated(base, nullptr);
    if (!watch_.noted()) take_noise_floor(base);
    if (!watch_.noted()) all_.speeds = speeds_of(base);
    for (const std::string& format : asked_.formats) {
      if (watch_.noted()) break;
      try {
        if (auto verdict = verdict_of(format, base)) all_.verdicts.push_back(std::move(*verdict));
      } catch (const Error& e) {  // the other formats' verdicts stand; "stopped" is no failure
        if (!watch_.noted()) all_.failures.push_back({format, e.what()});
      }
    }
    all_.interrupted = watch_.noted();
    // The better of a probe before and one after: what else the machine does can only make a probe too low.
    if (asked_.repetitions > 0) bandwidth = std::max(bandwidth, read_bandwidth(plan.threads, plan.device));
    all_.speeds.read_bandwidth = bandwidth;
    for (Verdict& v : all_.verdicts) v.speeds.read_bandwidth = bandwidth;
    mark_front(all_.verdicts);
    return std::move(all_);
  }

 private:
  void describe(const Model& base) {
    const PlanInfo plan = base.explain();
    all_.model = asked_.model, all_.text = asked_.text, all_.importance = asked_.importance;
    all_.isa = plan.isa, all_.threads = plan.threads, all_.memory_bytes = memory_of(plan);
    for (const DeviceInfo& d : devices())
      if (d.name == plan.device) all_.machine = d.description;
    all_.parameters = base.info().parameters, all_.file_bytes = base.info().file_bytes;
    uint64_t bytes = 0;
    std::map<std::string, std::string> values;  // "affine", "float", … of each format
    for (const FormatInfo& f : formats()) values[f.name] = f.value;
    for (const TensorInfo& t : inspect(asked_.model).tensors) {
      bytes += t.bytes;
      if (values[t.format] != "float") all_.quantized[t.format]++;
    }
    all_.bits = 8 * double(bytes) / double(all_.parameters);
  }

  /// Of weights, laid out or read from the mapped file.
  static uint64_t memory_of(const PlanInfo& plan) {
    uint64_t bytes = plan.resident_bytes;
    for (const StepInfo& s : plan.steps)
      if (s.layout == "file" && s.input_cols > 0) bytes += s.bytes_per_token;
    return bytes;
  }

  Evaluation evaluated(const Model& model, const Model* base) {
    ProgressBar bar("evaluating");
    EvaluateOptions options = asked_.options;
    options.progress = [&bar](double done) { bar.show(done); };
    options.stop = [this] { return watch_.noted(); };
    return evaluate(model, text_, options, base);
  }

  /// The reference beside itself with keys and values in 8 bits, which nobody would notice: a divergence that is no
  /// larger means nothing.
  void take_noise_floor(const Model& base) {
    LoadOptions load = load_;
    for (const FormatInfo& f : formats()) {
      if (f.code_bits != 8 || f.value != "affine" || f.has_min || f.name == load_.kv) continue;
      std::optional<Model> other;
      try {
        load.kv = f.name;
        other.emplace(load_model(asked_.model, load));
      } catch (const Error&) {
        continue;  // the device does not keep them so
      }
      const Evaluation made = evaluated(*other, &base);
      if (watch_.noted()) return;  // it is of fewer windows
      all_.evaluation.against = made.against, all_.noise = f.name;
      return;
    }
  }

  Speeds speeds_of(const Model& model) {
    const PlanInfo plan = model.explain();
    Speeds s;
    s.weight_bytes_per_token = plan.weight_bytes_per_token;
    if (asked_.repetitions == 0) return s;
    Session session(model);
    const std::vector<int32_t> ids = random_tokens(std::max(asked_.prompt, asked_.answer + 1), model.info().vocab);
    const std::span<const int32_t> tokens(ids);
    s.prompt = measure_rates(session, 0, asked_.prompt, asked_.repetitions,
                             read_prompt(session, tokens.first(static_cast<size_t>(asked_.prompt))));
    session.truncate(0);
    session.append(tokens.first(1));
    s.answer = measure_rates(session, 1, asked_.answer, asked_.repetitions,
                             write_answer(session, tokens.subspan(1, static_cast<size_t>(asked_.answer))));
    return s;
  }

  /// Nothing: it was interrupted.
  std::optional<Verdict> verdict_of(const std::string& format, const Model& base) {
    const TemporaryFile file(temporary_path(asked_.work));
    Verdict v;
    v.name = format;
    QuantizeOptions options = quantize_options(asked_, format);
    {
      ProgressBar bar("quantizing");
      options.progress = [&bar](double done) { bar.show(done); };
      options.stop = [this] { return watch_.noted(); };
      take_quantization(v, write_quantized(asked_.model, file.path(), options));
    }
    if (watch_.noted()) return std::nullopt;
    take_errors(v, file.path());
    name_mapped_file(file.path());
    const Model model = load_model(file.path(), load_);
    v.memory_bytes = memory_of(model.explain());
    v.evaluation = evaluated(model, &base);
    if (watch_.noted()) return std::nullopt;
    v.speeds = speeds_of(model);
    return v;
  }

  static void take_quantization(Verdict& v, const Quantization& q) {
    uint64_t bytes = 0, weights = 0, encoded = 0;
    for (const QuantizedTensor& t : q.tensors) {
      if (!t.is_given) continue;
      v.formats[t.to]++;
      uint64_t n = 1;
      for (uint64_t size : t.shape) n = capped_product(n, size);
      bytes += t.to_bytes, weights += n;
      if (t.from != t.to) encoded += n;
    }
    v.file_bytes = q.to_bytes, v.bits = q.bits_per_weight;
    v.matrix_bits = weights ? 8 * double(bytes) / double(weights) : 0;
    v.encode_weights_per_s = double(encoded) / std::max(q.seconds, 1e-9);
  }

  void take_errors(Verdict& v, const std::string& path) {
    CompareOptions options;
    options.importance = asked_.importance, options.threads = asked_.load.threads;
    ProgressBar bar("comparing");
    options.progress = [&bar](double done) { bar.show(done); };
    options.stop = [this] { return watch_.noted(); };
    const Comparison c = compare_models(asked_.model, path, options);
    v.kinds = errors_by_kind(c);
    struct Sums {
      RootMeanSquare plain, weighted;
      void add(const TensorComparison& t) {
        plain.add(t.error);
        if (t.weighted) weighted.add(*t.weighted);
      }
    } all;
    std::map<int, Sums> layers;
    for (const TensorComparison& t : c.tensors)
      if (differs(t)) all.add(t), layers[place_of_tensor(t.name).layer].add(t);
    v.error = all.plain.root(), v.matrices = all.plain.n, v.with_importance = all.weighted.n;
    if (all.weighted.n > 0) v.weighted = all.weighted.root();
    for (const auto& [layer, sums] : layers) {
      if (layer < 0) continue;
      v.layers[layer].error = sums.plain.root();
      if (sums.weighted.n == sums.plain.n) v.layers[layer].weighted = sums.weighted.root();
    }
  }

  const Judge& asked_;
  std::string text_;
  LoadOptions load_;
  InterruptWatch watch_;
  Judgement all_;
};

int perform_judge(const Judge& asked) {
  if (!asked.report.empty()) {
    std::error_code error;
    std::filesystem::create_directories(asked.report, error);
    if (error) throw Error("judge", "cannot make the folder " + asked.report, error.message(), "a folder");
  }
  const Judgement made = Jury(asked).judge();
  if (!asked.report.empty()) {
    write_text(asked.report + "/judgement.json", to_json(made).text(2) + "\n", Access::everyone);
    write_text(asked.report + "/index.html", judgement_html(made), Access::everyone);
  }
  if (asked.json) {
    answer_json(to_json(made));
  } else {
    answer(judgement_table(made));
    flush_answer();
    for (const Failure& f : made.failures) note(Styled(Color::yellow, f.name + " could not be judged: " + f.message));
    if (const std::string text = quantized_text(made); !text.empty()) note(Styled(Color::yellow, text));
    note(Styled(Color::dim, fmt::format("* on the Pareto front of bits and KL. {}{} of {} tokens, {} scored{}{}",
                                        noise_text(made), count_text(made.evaluation.windows, "window"),
                                        made.evaluation.context, made.evaluation.scored,
                                        asked.report.empty() ? "" : "; report: " + asked.report + "/index.html",
                                        made.interrupted ? "; interrupted" : "")));
  }
  return made.interrupted ? interrupted : made.failures.empty() ? success : failure;
}

}  // namespace

void add_judge(CommandLine& line, Action& chosen) {
  auto asked = std::make_shared<Judge>();
  Command* command = line.add_command("judge", "Judge formats: what quantization formats do to a model");
  command->add_option("FORMAT", &asked->formats, "A mix, a format, or bits per weight, as for `ingot quantize`")
      ->check(not_empty());
  Option* model = command->add_option("-m,--model", &asked->model, "Reference: GGUF file, best the unquantized one")
                      ->check(not_empty())
                      ->type_name("FILE");
  command->add_option("--text,-f,--file", &asked->text, "Text to predict, read byte for byte; -: stdin")
      ->check(not_empty())
      ->type_name("FILE")
      ->required();
  command->when_read([asked, model] {
    if (!model->is_given()) throw UsageError("a reference (--model FILE) is required");
    if (asked->formats.empty()) throw UsageError("expected one FORMAT or several");
    name_mapped_file(asked->model);
  });
  command->add_option("--imatrix", &asked->importance, "Importances: formats are encoded and errors weighted by them")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_option("--report", &asked->report, "Folder for index.html, a self-contained page, and judgement.json")
      ->check(not_empty())
      ->type_name("DIR");
  command->add_option("--work", &asked->work, "Folder for quantized models, one at a time (default: the system's)")
      ->check(not_empty())
      ->type_name("DIR");
  command->add_flag("--pure", asked->pure, "A name means the format, for every matrix, and not the mix of that name");
  add_windows(*command, asked->options);
  command->add_option("-p,--n-prompt", &asked->prompt, "Tokens of the prompts that are timed")
      ->check(whole_number(1, 1 << 20))
      ->type_name("N")
      ->show_default();
  command->add_option("-n,--n-gen", &asked->answer, "Tokens of the answers that are timed")
      ->check(whole_number(1, 1 << 20))
      ->type_name("N")
      ->show_default();
  command->add_option("-r,--repetitions", &asked->repetitions, "Number of timings of each, after a warm-up; 0: none")
      ->check(whole_number(0, 1000))
      ->type_name("N")
      ->show_default();
  add_threads(*command, asked->load);
  command->add_flag("--json", asked->json, "One JSON object");
  add_machine(*command, asked->load);
  add_pre_tokenizer(*command, asked->load.pre);
  command->footer(
      R"(For each FORMAT the reference is quantized into a temporary file, which is compared, evaluated on the text beside the
reference, timed and removed. A number is a budget of bits per weight.

error: root of the mean over matrices of their squared relative errors; weighted: by importances, of the matrices that
have some. KL: divergence of
the next-token distribution from the reference's, as for `ingot eval --against`, with the half width of its 95 %
interval. The reference's own line is its noise floor: itself with an 8-bit KV cache. share: bytes of
weights read per second while decoding, of what the memory delivers. encode: million weights per second, with
writing the file. memory: weights as they are run. A reference that is quantized itself is said to be so.

--json: {reference: {model, parameters, bits_per_weight, file_bytes, memory_bytes, quantized, perplexity,
perplexity_error, noise_format, noise_floor, speed}, text, context, windows, scored_tokens, imatrix, machine, isa, threads,
interrupted, formats: [{name, bits_per_weight, bits_of_matrices, file_bytes, memory_bytes, formats, matrices,
matrices_with_importance, error, weighted_error, kinds, layers, perplexity, perplexity_error, against, encode_weights_per_s, speed, on_front}],
failures: [{name, error}]}; a format that fails does not end the others, but the status is 1. noise_floor and against: as `ingot eval --against --json` has them.

Examples:
  ingot judge NAME NAME 4.5 --model model-f16.gguf --text book.txt --report report
  ingot judge NAME --model model-f16.gguf --text book.txt --imatrix imatrix.gguf --windows 20 --json)");
  command->when_checked([asked, &chosen] { chosen = [asked] { return perform_judge(*asked); }; });
}

}  // namespace ingot::apps
