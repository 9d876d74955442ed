// The token loop: choose, hand out, append, until there is a reason to stop.
#include <fmt/core.h>

#include <chrono>

#include "ingot/ingot.h"
#include "text/stop_strings.h"

namespace ingot {
namespace {

class Loop {
 public:
  Loop(Session& session, Sampler& sampler, const GenerateOptions& options)
      : session_(session), sampler_(sampler), options_(options), stream_(session.model().tokenizer()), stops_(options.stop) {
    for (const std::string& stop : options.stop)
      if (stop.empty()) throw Error("engine", "a stop string is empty", "", "some text");
    if (session.size() == 0) throw Error("engine", "there is no text to continue", "", "at least one token in the session");
    keep_ = options.keep;
    wants_only_the_best_ = sampler.takes_the_best() && !options.allowed && !options.on_token;
    if (session.tokens().front() == session.model().tokenizer().bos()) keep_ = std::max(keep_, 1);
    if (options.context_shift && (keep_ < 0 || keep_ > session.context() - 2))
      throw Error("engine", "cannot keep that many tokens when the beginning is forgotten", std::to_string(keep_),
                  fmt::format("0 … {}", session.context() - 2), "keep fewer or ask for a longer context");
  }

  Generation run() {
    made_.reason = write();
    hand_out(stops_.push(stream_.finish()));
    hand_out(stops_.finish());
    return std::move(made_);
  }

 private:
  StopReason write() {
    const Tokenizer& tokenizer = session_.model().tokenizer();
    for (;;) {
      if (is_enough()) return StopReason::length;
      if (is_interrupted()) return StopReason::interrupted;
      int32_t id = -1;
      double seconds = timed([&] { id = next_ ? *next_ : sampler_.choose(session_, options_.allowed ? options_.allowed() : std::span<const uint64_t>()); });
      if (tokenizer.is_end(id)) return StopReason::end;
      made_.tokens.push_back(id);
      if (options_.on_token) options_.on_token(id);
      hand_out(stops_.push(stream_.push(id)));
      if (!stops_.found().empty()) return made_.stop_string = stops_.found(), StopReason::stop;
      if (is_enough()) return StopReason::length;  // nobody asks what follows the last token
      if (session_.size() >= session_.context() && !options_.context_shift) return StopReason::context;
      try {
        seconds += timed([&] { append(id); });
      } catch (const Error&) {
        if (!is_interrupted()) throw;
        return StopReason::interrupted;
      }
      made_.seconds += seconds;
      made_.steps++;
    }
  }

  void append(int32_t id) {
    next_.reset();
    if (session_.size() < session_.context()) {
      if (wants_only_the_best_) next_ = session_.append_for_best(id);
      else session_.append(std::span(&id, 1));
      return;
    }
    std::span<const int32_t> held = session_.tokens();
    std::vector<int32_t> shortened(held.begin(), held.begin() + keep_);
    size_t rest = held.size() - keep_, tail = rest - (rest + 1) / 2;
    shortened.insert(shortened.end(), held.end() - tail, held.end());
    shortened.push_back(id);
    session_.resume(shortened);
    made_.shifts++;
  }

  void hand_out(const std::string& text) {
    made_.text += text;
    if (options_.on_text && !text.empty()) options_.on_text(text);
  }

  bool is_enough() const { return options_.most_tokens >= 0 && made_.tokens.size() >= static_cast<size_t>(options_.most_tokens); }
  bool is_interrupted() const { return options_.interrupted && options_.interrupted(); }

  template <class Work> static double timed(Work work) {
    auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  Session& session_;
  Sampler& sampler_;
  const GenerateOptions& options_;
  TextStream stream_;
  text::StopStrings stops_;
  int keep_ = 0;
  bool wants_only_the_best_;      // nobody asks for logits
  std::optional<int32_t> next_;   // chosen when the last one was appended
  Generation made_;
};

}  // namespace

Generation generate(Session& session, Sampler& sampler, const GenerateOptions& options) { return Loop(session, sampler, options).run(); }

}  // namespace ingot
