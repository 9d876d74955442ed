// The public door: load a model file, run a session on it, look at files, plans and formats. engine.h, which runs many
// requests at once, belongs to it. Nothing else of ingot is public. The library never prints, aborts or exits; failures
// are `ingot::Error`.
#pragma once
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ingot/error.h"

namespace ingot {

/// Version of the library, "major.minor.patch".
std::string version();

// ---------------------------------------------------------------------------------------------------------------------
// Formats: what `formats/` holds, with what the engine derived from each file.

/// One quantization format. All sizes are per block unless said otherwise.
struct FormatInfo {
  std::string name;                ///< lower case, as the file is called, without its ending
  std::string space;               ///< who numbered it: "ggml", "ik", …
  uint32_t id = 0;                 ///< the type number in that space's files
  int block = 0;                   ///< weights in a block
  int block_bytes = 0;             ///< bytes of a block in a file
  int group = 0;                   ///< weights that share one scale
  int code_bits = 0;               ///< bits of one code (of one vector code: see `value`)
  double bits_per_weight = 0;      ///< 8 · block_bytes / block
  std::string value;               ///< "affine", "table", "vector" or "float"
  std::string scale;               ///< "f16", "f16 x 6-bit sub", "e8m0", "none", …
  bool has_min = false;            ///< w = … + min
  std::string resident_class;      ///< the class whose kernels run it: "u4 affine", …
  double resident_bits = 0;        ///< bits per weight in the resident layout; 0: it runs from the file
  std::vector<std::string> views;  ///< derived views that exist: "decode", "int8", "resident"
};
/// Every format that this build knows, by space and id.
std::vector<FormatInfo> formats();

// ---------------------------------------------------------------------------------------------------------------------
// Files

using Scalar = std::variant<bool, int64_t, uint64_t, double, std::string>;

/// One metadata entry of a model file.
struct MetadataInfo {
  std::string key;
  std::string type;            ///< "u32", "f32", "bool", "string", "array[string]", …
  uint64_t count = 1;          ///< elements of an array, 1 otherwise
  std::vector<Scalar> values;  ///< the value, or the first elements of an array
};

/// One tensor of a model file.
struct TensorInfo {
  std::string name;
  std::string format;           ///< name of its format
  std::vector<uint64_t> shape;  ///< elements, fastest-running dimension first, as the file has it
  uint64_t bytes = 0;
  uint64_t offset = 0;  ///< bytes from the start of its file
  int file = 0;         ///< which part of a split model
};

/// What a model file holds; no kernel is chosen and no weight is read.
struct FileInfo {
  std::string path;
  uint32_t version = 0;  ///< container version
  uint64_t bytes = 0;    ///< all parts together
  std::vector<MetadataInfo> metadata;
  std::vector<TensorInfo> tensors;
};
/// Reads and checks the metadata of the file at `path` (and of all its parts). Arrays are cut after `max_array`
/// elements.
FileInfo inspect(const std::string& path, uint64_t max_array = 8);

// ---------------------------------------------------------------------------------------------------------------------
// Models

struct LoadOptions {
  int threads = 0;            ///< 0: one per core this process may use, as far as it is given time on them
  int context = 0;            ///< tokens a session can hold; 0: the model's own limit, at most 4,096
  int max_batch = 512;        ///< tokens that go through the plan at once, of all sequences together
  int max_outputs = 64;       ///< of them, those whose logits are asked for, so answers that are written at once
  uint64_t state_memory = 0;  ///< bytes for keys and values of all sequences together; 0: what the device has left
  std::string pre;  ///< pre-tokenizer, as files name theirs, instead of the one that the file names; "": the file's own
  std::string kv;   ///< format of keys and values, "" = the device's 16-bit floats
  bool repack = true;                    ///< false: run straight from the mapped file
  bool strict_kernels = false;           ///< true: refuse a plan that has a slow step
  std::string device = "auto";           ///< "auto" or a backend's name
  std::string isa;                       ///< instruction set to use, "" = the best of this machine
  std::string kernel_cache;              ///< folder in which kernels compiled at load are kept; "": nowhere
  std::function<void(double)> progress;  ///< called with 0…1 while weights are laid out
};

/// One step of a plan, as `explain` shows it.
struct StepInfo {
  std::string name;                  ///< "layer 3 qkv"
  std::string role;                  ///< the name without its layer: "qkv"
  std::string kind;                  ///< of its op: "linear", "attend", …
  std::string shape;                 ///< "576 -> 576+192+192"
  std::vector<std::string> tensors;  ///< one per matrix: the file's name of it, or of what it is a part of
  std::vector<std::string> formats;  ///< one per matrix
  std::vector<std::string> classes;  ///< one per matrix
  std::string strategy;              ///< "rows_interleaved x16", "rows_from_file", "plain"
  std::string layout;                ///< "resident", "file", "none"
  int64_t input_cols = 0;            ///< elements that its matrices are multiplied by; 0: it multiplies by none
  uint64_t bytes_per_token = 0;      ///< weight bytes read for one token
  double share = 0;                  ///< of all weight bytes of a token
  double seconds_bound = 0;          ///< bytes_per_token over the read bandwidth; 0 when none was given
  bool slow = false;                 ///< runs without a fast kernel
};
struct PlanInfo {
  std::string architecture, device, isa;
  int threads = 0, context = 0;
  uint64_t weight_bytes_per_token = 0, resident_bytes = 0, scratch_bytes = 0;
  uint64_t kv_bytes_per_token = 0;
  uint64_t page_bytes = 0;   ///< of keys and values of 64 positions, which is how memory for them is handed out
  uint64_t state_bytes = 0;  ///< of the pages of a sequence of full length
  std::vector<StepInfo> steps;
};

/// What a device that compiles kernels at load would compile for a model.
struct KernelText {
  std::string device;
  std::string text;                  ///< the whole source
  std::vector<std::string> entries;  ///< entry points in it
};

struct ModelInfo {
  std::string architecture, name, chat_template;
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0, vocab = 0, context = 0;
  uint64_t parameters = 0, file_bytes = 0;
  double load_seconds = 0;
};

/// Bytes [begin, end) of a text.
struct Span {
  size_t begin = 0, end = 0;
};

/// What a chat template wrote: text for `Tokenizer::encode`.
struct ChatPrompt {
  std::string text;
  std::vector<Span>
      input;  ///< what came from the conversation and not from the template, in order; control tokens spelled there
              ///< stay text
  std::string left_out;  ///< the first message whose text stands nowhere in it: "message 1 (user)"; see
                         ///< ChatOptions::may_leave_out
};

/// A tokenizer as the model file describes it. Copies are cheap and share one vocabulary.
class Tokenizer {
 public:
  /// Token ids of `text` (UTF-8; invalid bytes are kept as bytes where the vocabulary can). `add_special`: put the
  /// beginning-of-text token in front when the model asks for it. `parse_special`: spelled control tokens become
  /// tokens.
  std::vector<int32_t> encode(std::string_view text, bool add_special = true, bool parse_special = false) const;
  /// Token ids of a prompt: control tokens that the template spells become tokens, those that its input spells stay
  /// text. Where the model asks for the beginning-of-text token, it stands there once: where the template writes it
  /// before the conversation begins, or in front.
  std::vector<int32_t> encode(const ChatPrompt& prompt) const;
  /// Bytes of `ids`. `show_special`: control tokens are spelled out instead of left out.
  std::string decode(std::span<const int32_t> ids, bool show_special = false) const;
  /// Bytes of one token, as `decode` would append them (no position-dependent space rule).
  std::string piece(int32_t id, bool show_special = false) const;
  int vocab() const;
  int32_t bos() const;            ///< -1 when there is none
  int32_t eos() const;            ///< -1 when there is none
  bool is_eog(int32_t id) const;  ///< a token that ends generation
  /// What the file leaves open about its vocabulary and was guessed, in words for people: a person who is told can mend
  /// it.
  const std::vector<std::string>& warnings() const;
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  friend class Constraint;
  std::shared_ptr<const State> state_;
};

/// The kernels that a model would run on `options.device`, which need not be there. Errors: those of `explain`; a
/// device whose kernels are part of ingot.
KernelText kernels(const std::string& path, const LoadOptions& options);

/// The tokenizer of the model file at `path`; no weight is read and the architecture need not be known. `pre`: as in
/// LoadOptions. Errors: unknown pre-tokenizer (the known ones are listed); one is forced on a vocabulary that has none.
Tokenizer load_tokenizer(const std::string& path, const std::string& pre = "");

/// Joins token pieces into text that never ends inside a UTF-8 character.
class TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  /// Text that became complete with this token; may be empty.
  std::string push(int32_t id);
  /// What is still held back, at the end of a stream (incomplete characters as U+FFFD).
  std::string finish();

 private:
  Tokenizer tokenizer_;
  std::string held_;
};

struct ChatOptions {
  bool add_generation_prompt = true;  ///< write the beginning of the model's answer as well
  std::string tools;                  ///< JSON array of the tools that the model may call; "": none
  std::string
      variables;  ///< JSON object of further names that the template knows, as {"enable_thinking": false}; "": none
  std::optional<std::tm> now;  ///< the local time that a template may ask for; otherwise the system's, in UTC
  bool may_leave_out =
      false;  ///< a prompt that lacks the text of a message is no error, but says so: for looking at templates
};

/// A chat template: how a model wants conversations to be written. Jinja, run by an interpreter that has no way to
/// files or the machine and whose work, memory and depth are limited. Copies share one template; const and safe to
/// share between threads.
class ChatTemplate {
 public:
  /// `source`: the template; `tokenizer`: of the model, for what the template knows as bos_token and eos_token. Errors:
  /// syntax and statements that are not supported, with the line.
  ChatTemplate(std::string_view source, const Tokenizer& tokenizer);
  /// The prompt of `messages`: a JSON array of {"role": …, "content": …, …}, as chat APIs and model libraries have
  /// them; contents that are a string, or a list of {"type": "text", "text": …}, arrive in the shape that the template
  /// reads. Errors: no such JSON; what the template cannot do, with the line; its limits; room "template": what it says
  /// when it refuses the conversation, or that what a message says stands nowhere in the prompt (of assistants it may
  /// be left out).
  ChatPrompt render(std::string_view messages, const ChatOptions& options = {}) const;
  const std::string& source() const;
  struct State;
  explicit ChatTemplate(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

/// The chat template of the model file at `path`; no weight is read. Errors: there is none.
ChatTemplate load_chat_template(const std::string& path);

/// What a step of a plan multiplies its matrices by.
struct StepInputs {
  size_t step = 0;                ///< of PlanInfo::steps
  int64_t cols = 0;               ///< elements of a row
  std::span<const float> values;  ///< (rows, cols), normed where the step has a norm; valid during the call
};

class Session;

/// A loaded model: weights laid out for the device and the plan that runs them. Copies share one model; const and safe
/// to share between threads.
class Model {
 public:
  /// Loads the file at `path`. Errors: anything wrong with the file, its architecture or the options.
  static Model load(const std::string& path, const LoadOptions& options = {});
  const ModelInfo& info() const;
  const Tokenizer& tokenizer() const;
  /// Errors: the file has none (`info().chat_template` is empty), or one that is not understood.
  ChatTemplate chat_template() const;
  /// The plan of one token. `bandwidth`: bytes per second of the device, for the bound of each step; 0: none.
  PlanInfo explain(double bandwidth = 0) const;
  struct State;
  explicit Model(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  friend class Session;
  friend class Engine;
  std::shared_ptr<State> state_;
};

/// The plan that `load` would make, without laying out a single weight.
PlanInfo explain(const std::string& path, const LoadOptions& options = {}, double bandwidth = 0);

/// A number that is added to the logit of a token; −∞: the token is never chosen.
struct TokenBias {
  int32_t id;
  float bias;
};

/// How the next token is chosen: biases first, then the samplers in their order, then a draw by the probabilities that
/// are left.
struct SamplingOptions {
  /// Order; what is not listed is not applied. Known are those of the default.
  std::vector<std::string> samplers = {"penalties", "dry",   "top_n_sigma", "top_k",      "typ_p",
                                       "top_p",     "min_p", "xtc",         "temperature"};
  float temperature = 0.8f;     ///< 0: the most probable token
  float dynatemp_range = 0;     ///< temperature ± this, by the entropy of the distribution; 0: off
  float dynatemp_exponent = 1;  ///< of entropy / greatest entropy
  int top_k = 40;               ///< keeps that many; 0: off
  float top_p = 0.95f;          ///< keeps the fewest that hold this probability; 1: off
  float min_p = 0.05f;          ///< keeps those that many times as probable as the best; 0: off
  float typical_p = 1;          ///< keeps this probability of what surprises as much as the average; 1: off
  float top_n_sigma = 0;        ///< keeps logits within so many standard deviations of the best; 0 or less: off
  float xtc_probability = 0;    ///< how often XTC is applied; 0: never
  float xtc_threshold = 0.1f;   ///< XTC: of tokens this probable, only the least probable stays; above 0.5: off
  float dry_multiplier = 0;     ///< penalty for what would repeat `dry_allowed_length` tokens; 0: off
  float dry_base = 1.75f;       ///< factor on that penalty for each further token
  int dry_allowed_length = 2;   ///< tokens
  int dry_penalty_last_n = -1;  ///< tokens that are searched for repetition; −1: all, 0: off
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"",
                                                    "*"};  ///< text that repetition does not reach across
  float repeat_penalty = 1;     ///< positive logits of tokens in the text are divided by it, others multiplied; 1: off
  int repeat_last_n = 64;       ///< tokens that the three penalties look at; −1: all, 0: off
  float presence_penalty = 0;   ///< taken off the logit of a token in the text
  float frequency_penalty = 0;  ///< taken off for each time that it stands there
  int mirostat = 0;             ///< 2: mirostat 2 instead of all samplers but penalties, dry and temperature; 0: off
  float mirostat_lr = 0.1f;     ///< how fast it follows its target
  float mirostat_ent = 5;       ///< target: surprise in bits
  std::vector<TokenBias> logit_bias;
  bool ignore_end = false;  ///< tokens that end a text are never chosen
  uint64_t seed = 0;        ///< same seed, same request: same tokens
};

struct TokenLogprob {
  int32_t id;
  float logprob;  ///< natural logarithm, of the model's distribution before sampling options
};

/// One conversation's state: the tokens so far and their keys and values, in memory that is handed out page by page
/// to the sessions and engines of a model. Not safe to share between threads.
class Session {
 public:
  explicit Session(const Model& model);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  /// Runs `tokens` through the model, `chunk` at a time (0: the model's max_batch; the result does not depend on it).
  /// After it, `logits()` are those of the last token. Errors: token out of the vocabulary, context full, logits
  /// that are not finite; room "memory": no page is left.
  void append(std::span<const int32_t> tokens, int chunk = 0);
  /// As `append`, for who wants nothing but the most probable next token: devices that choose it themselves return it,
  /// and then there are no `logits()`; nullopt: there are. Errors: as `append`.
  std::optional<int32_t> append_greedy(int32_t token);
  /// As `append`, and calls `each(i, logits)` with the logits after token i, for every i in order. `each` must not use
  /// the session.
  void append_all_logits(std::span<const int32_t> tokens,
                         const std::function<void(size_t, std::span<const float>)>& each, int chunk = 0);
  /// Scores over the vocabulary after the last token. Valid until the next `append`.
  std::span<const float> logits() const;
  /// The `k` most probable next tokens with their log-probabilities, best first (ties: lower id first).
  std::vector<TokenLogprob> top(int k) const;
  /// Log-probability of `id` as the next token.
  float logprob(int32_t id) const;
  /// Makes the session hold exactly `tokens`, with their logits: what it holds of their beginning is kept, the rest is
  /// run. Returns how many were kept; the last token is run again where there are no logits of it. Errors: as `append`,
  /// and then nothing changed, unless it was stopped.
  int resume(std::span<const int32_t> tokens, int chunk = 0);
  /// Tokens held, how many they are, and how many can be held.
  std::span<const int32_t> tokens() const;
  int size() const;
  int context() const;
  const Model& model() const;
  /// Forgets all but the first `n` tokens.
  void truncate(int n);
  /// Writes tokens, keys and values to the file at `path`, in one step; and `note`, which is the caller's (at most 64
  /// MiB). Errors: the file cannot be written.
  void save(const std::string& path, std::string_view note = {}) const;
  /// Takes what `save` wrote in place of what it holds, with the logits of the last token, and returns the note.
  /// Errors: the file cannot be read, is damaged, of another version or model; keys and values that are laid out
  /// differently (--kv, or codes of another instruction set); more tokens than fit; no page is left. Then nothing
  /// changed.
  std::string load(const std::string& path);
  /// From now on every append adds what step i of the plan (PlanInfo::steps) took to `seconds[i]`; empty: no more.
  /// `seconds` must stay alive until then. Errors: not one for each step.
  void time_steps(std::span<double> seconds);
  /// From now on every append calls `observe` with the inputs of each step that multiplies by matrices, one row per
  /// token (in the last step: per token whose logits are computed); null: no more. `observe` must not throw. Errors, of
  /// the append: the device cannot hand them out.
  void observe_inputs(std::function<void(const StepInputs&)> observe);
  /// A running append ends, keeps the chunks that are done and throws Error("engine", "stopped") soon after `stop`
  /// returns true. It is asked before each chunk and, on the CPU, between the steps of a plan, from any thread.
  void set_stop(std::function<bool()> stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Chooses tokens for one answer: options are checked once, and what a sampler learns on the way is kept from token to
/// token.
class Sampler {
 public:
  /// Errors: an option out of its range, a sampler that is not known.
  Sampler(const Model& model, const SamplingOptions& options);
  ~Sampler();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  /// The token after `tokens`, by its scores `logits`. `allowed`: bit i % 64 of word i / 64 says whether token i may be
  /// chosen (there are vocab / 64 words, rounded up); empty: every token may. Errors: logits that are not finite,
  /// logits or a mask that do not fit the vocabulary, nothing left to choose from.
  int32_t choose(std::span<const int32_t> tokens, std::span<const float> logits,
                 std::span<const uint64_t> allowed = {});
  /// Whether `choose` gives the most probable token, the lowest id of equal ones, whatever the text is (where all are
  /// allowed).
  bool is_greedy() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Why an answer ended.
enum class StopReason {
  end,          ///< the model chose a token that ends a text
  stop,         ///< a stop string
  length,       ///< as many tokens as asked for
  context,      ///< the context is full
  interrupted,  ///< GenerateOptions::interrupted said so, or the request was cancelled
  failed        ///< an error; of requests of an Engine alone (Completion::error)
};

/// Where an answer ends, and what becomes of a context that is full.
struct AnswerLimits {
  int max_tokens = -1;            ///< −1: no limit
  std::vector<std::string> stop;  ///< text that ends the answer and is not part of it, wherever its tokens' borders lie
  /// When the context is full: forget the older half of what follows the first `keep` tokens, run the rest again, and
  /// go on. A beginning-of-text token is always kept. The logits are those of the shortened text.
  bool context_shift = false;
  int keep = 0;  ///< −1: all that stands before the answer
};

/// What `generate` does beside choosing and appending tokens. Callbacks that are not set are left out.
struct GenerateOptions : AnswerLimits {
  std::function<std::span<const uint64_t>()> allowed;  ///< before each choice: the mask of Sampler::choose
  std::function<void(int32_t)> on_token;  ///< each token chosen, before it is appended; not the one that ends a text
  std::function<void(std::string_view)> on_text;  ///< text as it becomes certain; whole characters
  /// Asked before each token, and when an append was stopped (Session::set_stop); stopped while the beginning was being
  /// forgotten, the session holds a part of its text only.
  std::function<bool()> interrupted;
};

struct Generation {
  std::string text;  ///< without control tokens and without the stop string
  std::vector<int32_t>
      tokens;  ///< all that were chosen, but for the one that ended the text; the session may not hold the last
  StopReason reason = StopReason::length;
  std::string stop_string;  ///< which one, where the reason is `stop`
  int shifts = 0;           ///< how often the beginning was forgotten
  int steps = 0;            ///< tokens appended
  double seconds = 0;       ///< choosing and appending; callbacks but `allowed` are not counted
};
/// Continues the text of `session`. Errors: those of Sampler::choose and Session::append; an empty stop string; no
/// token in the session; a `keep` that leaves no room.
Generation generate(Session& session, Sampler& sampler, const GenerateOptions& options = {});

/// log-softmax of one score: logits[id] − log Σ exp(logits). Errors: no such id, logits that are not finite.
float log_softmax(std::span<const float> logits, int32_t id);

// ---------------------------------------------------------------------------------------------------------------------
// Structured output

/// What a text may look like, from a notation that people know. Copies share one grammar; const and safe to share
/// between threads.
class Grammar {
 public:
  /// From GBNF: rules `name ::= …`, of which `root` is the whole text. Errors: not GBNF (names the line), left
  /// recursion, too large.
  static Grammar from_gbnf(std::string_view text);
  /// From a JSON schema (text): every text of the grammar is a valid instance. Members stand in the schema's order.
  /// Errors: not a schema, something in it that cannot be enforced (names its JSON pointer), nothing satisfies it, too
  /// large. Reads nothing else.
  static Grammar from_json_schema(std::string_view schema);
  /// Is `text` a whole text of the grammar?
  bool matches(std::string_view text) const;
  struct State;
  explicit Grammar(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  friend class Constraint;
  std::shared_ptr<const State> state_;
};

/// A grammar on its way through one answer: which tokens may come next. Not safe to share between threads.
class Constraint {
 public:
  Constraint(const Grammar& grammar, const Tokenizer& tokenizer);
  ~Constraint();
  Constraint(Constraint&&) noexcept;
  Constraint& operator=(Constraint&&) noexcept;
  /// May token i come next: bit i % 64 of word i / 64. Tokens that end generation may where the text may end. Valid
  /// until the next call. Errors: none may, for the vocabulary cannot spell what the grammar wants, or the text nests
  /// too deeply.
  std::span<const uint64_t> allowed();
  /// Goes on behind `id`. Errors: it is not allowed.
  void accept(int32_t id);
  /// May the text end here?
  bool may_end() const;
  /// Back to the beginning; what was learnt about the grammar stays, so that this is faster than a new one.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Evaluation

struct EvaluateOptions {
  int context = 512;                     ///< tokens of a window
  int windows = 0;                       ///< most windows to score; 0: all that the text fills
  std::function<void(double)> progress;  ///< called with 0…1 on the way
  std::function<bool()>
      stop;  ///< asked before each window but the first; true: the result is that of the windows so far
};

/// Tokens of which the base is about as sure: the probability of its most probable next token is in [from, to), or 1 in
/// the last band.
struct ConfidenceBand {
  double from = 0, to = 0;
  int64_t tokens = 0;
  double mean = 0, mean_error = 0;  ///< divergence
  double same_top = 0;
};

/// How far a model's next-token distributions are from those of a base model, over the scored tokens of the same text.
/// The divergence of one token is Kullback and Leibler's D(base ‖ model) = Σ p_base · (ln p_base − ln p_model), in
/// nats.
struct Divergence {
  double base_perplexity = 0, base_perplexity_error = 0;
  double log_ratio = 0,
         log_ratio_error = 0;  ///< ln(perplexity / base_perplexity); tokens are paired, so its error is the smaller one
  double mean = 0, mean_error = 0;
  double median = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;  ///< quantiles, interpolated between neighbours
  double same_top = 0, same_top_error = 0;    ///< share of tokens whose most probable next token is the same
  std::vector<ConfidenceBand> by_confidence;  ///< where the base is unsure, where it has a favourite, where it is sure
};

/// How well a model predicts a text. Errors are standard errors: deviation over √(scored − 1); 0 where only one token
/// was scored.
struct Evaluation {
  int context = 0;      ///< tokens of a window
  int64_t windows = 0;  ///< scored; fewer than the text has where `stop` said so
  int64_t scored = 0;   ///< tokens that were predicted
  double perplexity = 0, perplexity_error = 0;
  double nll = 0;      ///< mean −ln p of a scored token, in nats; perplexity = exp(nll)
  double seconds = 0;  ///< of the models and the scores
  std::optional<Divergence> against;
};

/// Perplexity of `model` on `text` as llama.cpp defines it: the text's tokens are cut into windows of `context` tokens,
/// what does not fill one is left out; where the model begins a text with a token of its own, that token takes the
/// place of each window's first; the tokens of the second half of a window are scored, each with all before it in the
/// window. `base`: a model of the same vocabulary that runs beside it, window by window: the result has `against`.
/// Logits are never kept beyond a few tokens. Errors: a window that no session of the models holds, a text that fills
/// no window, vocabularies that differ.
Evaluation evaluate(const Model& model, std::string_view text, const EvaluateOptions& options = {},
                    const Model* base = nullptr);

// ---------------------------------------------------------------------------------------------------------------------
// Machine

struct DeviceInfo {
  std::string name;  ///< "cpu", …
  bool available = false;
  std::string description;                ///< processor or accelerator, or why it cannot be used
  std::vector<std::string> isas;          ///< kernels in this build that the machine can run, best first
  std::vector<std::string> missing_isas;  ///< kernels in this build that it cannot run
  int cores = 0;                          ///< cores this process may use, or multiprocessors
  bool threads = true;  ///< as many threads as are asked for compute; false: the device shares out its work itself
  uint64_t memory_bytes = 0;
  uint64_t free_bytes = 0;  ///< that this process can still take of it; 0: not said
};
std::vector<DeviceInfo> devices();

/// How many threads can compute at the same time on `device`: one per core that this process may use (affinity,
/// cpusets), no more than it is given time for (cgroup quotas); 0: the device shares out its work itself. Where
/// LoadOptions::threads asks for more, each step of a token waits until all of them have had a core. Errors: as
/// Model::load for a device that is not there.
int usable_threads(const std::string& device = "auto");

/// What one core reaches with the kernels of a format, in weights a second (times tokens).
struct FormatSpeed {
  std::string name;
  std::string resident_class;   ///< the class whose kernels run it
  bool slow = false;            ///< it has no fast kernel
  double bytes_per_weight = 0;  ///< as its kernels read it
  double cached = 0;            ///< one token, weights in the cache
  double streamed = 0;          ///< one token, weights from memory
  double batched = 0;           ///< 128 tokens, weights in the cache
  double share_of_peak =
      0;  ///< `batched` over the multiply-adds of codes that the core does in registers alone; 0: it multiplies floats
};
/// Measures every format's kernels; `options`: device, isa, repack, progress. Takes about a second a format.
std::vector<FormatSpeed> format_speeds(const LoadOptions& options = {});

/// Read bandwidth of `device` in bytes/s with `threads` threads, where threads are asked for: the best of several
/// streams over huge pages, no software prefetch. 0 for a device that is not there.
double read_bandwidth(int threads, const std::string& device = "auto");

}  // namespace ingot
