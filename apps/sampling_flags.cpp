#include "sampling_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "flags.h"

namespace ingot::apps {
namespace {

constexpr double largest = std::numeric_limits<float>::max();

/// "penalties;top_k;temperature", with other common spellings.
std::vector<std::string> parse_samplers(std::string list) {
  static const std::map<std::string, std::string> spellings = {
      {"typical", "typ_p"}, {"typical_p", "typ_p"}, {"temp", "temperature"}, {"top_nsigma", "top_n_sigma"}};
  std::ranges::replace(list, '-', '_');
  std::ranges::replace(list, ',', ';');
  std::vector<std::string> names;
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(';', at), list.size());
    std::string name = list.substr(at, end - at);
    if (!name.empty()) names.push_back(spellings.contains(name) ? spellings.at(name) : name);
    at = end + 1;
  }
  return names;
}

std::string check_samplers(const std::string& list) {
  const std::vector<std::string> known = SamplingOptions().samplers;
  for (const std::string& name : parse_samplers(list))
    if (std::ranges::find(known, name) == known.end())
      return fmt::format("got '{}'; expected any of {}, separated by ;", name, fmt::join(known, ", "));
  return "";
}

/// "15043+1.5" or "2-inf".
std::optional<TokenBias> parse_bias(std::string_view text) {
  TokenBias bias;
  const char *begin = text.data(), *end = begin + text.size();
  auto [sign, error] = std::from_chars(begin, end, bias.id);
  if (error != std::errc() || sign == end || (*sign != '+' && *sign != '-') || bias.id < 0) return std::nullopt;
  const char* number = *sign == '+' ? sign + 1 : sign;
  std::optional<double> value = parse_real({number, end});
  if (!value || !(*value <= largest) || (*sign == '+' && *number == '-')) return std::nullopt;
  bias.bias = static_cast<float>(*value);
  return bias;
}

std::string check_bias(const std::string& text) {
  return parse_bias(text)
             ? ""
             : fmt::format("got '{}'; expected a token's id, + or -, and a number, such as 15043+1 or 2-inf", text);
}

/// Adds flags of one group of the help.
struct FlagGroup {
  Command& command;
  const char* group;
  void add(const char* name, Variable value, const char* what, const Check& check, const char* type) {
    command.add_option(name, value, what)->check(check)->type_name(type)->show_default()->group(group);
  }
};

void add_penalties(FlagGroup& flags, SamplingOptions& o) {
  flags.add("--repeat-penalty", &o.repeat_penalty, "Divide the logits of tokens that already occur; 1: off",
            real_number(0, largest, true), "X");
  flags.add("--repeat-last-n", &o.repeat_last_n,
            "Number of recent tokens that the repeat, presence and frequency penalties look at; -1: all",
            whole_number(-1, max_int), "N");
  flags.add("--presence-penalty", &o.presence_penalty, "Subtract from the logits of tokens that already occur; 0: off",
            real_number(-largest, largest), "X");
  flags.add("--frequency-penalty", &o.frequency_penalty, "Subtract once for each occurrence; 0: off",
            real_number(-largest, largest), "X");
  flags.add("--dry-multiplier", &o.dry_multiplier, "DRY: penalty for continuing a repeated sequence; 0: off",
            real_number(0, largest), "X");
  flags.add("--dry-base", &o.dry_base, "DRY: the penalty grows by this factor with each further token",
            real_number(1, largest), "X");
  flags.add("--dry-allowed-length", &o.dry_allowed_length, "DRY: longest repetition without a penalty, in tokens",
            whole_number(0, max_int), "N");
  flags.add("--dry-penalty-last-n", &o.dry_penalty_last_n,
            "DRY: number of recent tokens to search for repetitions; -1: all", whole_number(-1, max_int), "N");
  flags.command
      .add_option(
          "--dry-sequence-breaker",
          [&o](const std::vector<std::string>& given) {
            o.dry_sequence_breakers = given == std::vector<std::string>{"none"} ? std::vector<std::string>() : given;
          },
          "DRY: text across which no repetition is counted, may be repeated; none: no such text (default newline, "
          "colon, quote, "
          "asterisk)")
      ->check(not_empty())
      ->type_name("TEXT")
      ->group(flags.group);
}

}  // namespace

void add_sampling(Command& command, SamplingOptions& o) {
  FlagGroup flags{command, "Choosing tokens"};
  flags.add("--temp", &o.temperature, "Temperature; 0: always the most probable token (greedy)",
            real_number(0, largest), "X");
  flags.add("--dynatemp-range", &o.dynatemp_range,
            "Dynamic temperature: vary the temperature by up to X, by how certain the model is; 0: off",
            real_number(0, largest), "X");
  flags.add("--dynatemp-exp", &o.dynatemp_exponent, "Exponent of the dynamic temperature", real_number(0, largest),
            "X");
  flags.add("--top-k", &o.top_k, "Choose among the K most probable tokens; 0: off", whole_number(0, max_int), "K");
  flags.add("--top-p", &o.top_p, "Choose among the fewest tokens whose probabilities add up to P; 1: off",
            real_number(0, 1, true), "P");
  flags.add("--min-p", &o.min_p, "Drop tokens less probable than P times the most probable one; 0: off",
            real_number(0, 1), "P");
  flags.add("--typical", &o.typical_p,
            "Locally typical sampling: keep probability P of the tokens whose surprise is closest to the expected one; "
            "1: off",
            real_number(0, 1, true), "P");
  flags.add("--top-nsigma", &o.top_n_sigma,
            "Drop logits more than N standard deviations below the best; 0 or less: off",
            real_number(-largest, largest), "N");
  flags.add("--xtc-probability", &o.xtc_probability, "XTC: how often to drop the most probable tokens; 0: never",
            real_number(0, 1), "P");
  flags.add("--xtc-threshold", &o.xtc_threshold,
            "XTC: of the tokens above P, keep only the least probable; above 0.5: off", real_number(0, 1), "P");
  add_penalties(flags, o);
  flags.add(
      "--mirostat", &o.mirostat, "2: mirostat 2, which replaces all samplers but penalties and temperature; 0: off",
      [](const std::string& text) {
        return text == "0" || text == "2" ? std::string() : fmt::format("got '{}'; expected 0 or 2", text);
      },
      "N");
  flags.add("--mirostat-lr", &o.mirostat_lr, "Mirostat: learning rate", real_number(0, largest), "X");
  flags.add("--mirostat-ent", &o.mirostat_ent, "Mirostat: target surprise, in bits", real_number(0, largest), "X");
  command
      .add_option(
          "--logit-bias",
          [&o](const std::vector<std::string>& given) {
            for (const std::string& g : given) o.logit_bias.push_back(*parse_bias(g));
          },
          "Add X to the logit of token ID, such as 15043+1 or 2-inf; may be repeated")
      ->check(check_bias)
      ->type_name("ID+X")
      ->group(flags.group);
  command.add_flag("--ignore-eos", o.ignore_end, "Never choose a token that ends the text")->group(flags.group);
  command
      .add_option(
          "--samplers", [&o](const std::string& list) { o.samplers = parse_samplers(list); },
          "Samplers, in order; those not listed are not applied")
      ->check(check_samplers)
      ->type_name("LIST")
      ->default_text(fmt::format("{}", fmt::join(o.samplers, ";")))
      ->group(flags.group);
  flags.add("--seed", &o.seed, "Random seed: the same request with the same seed gives the same text",
            whole_number(0, std::numeric_limits<int64_t>::max()), "N");
}

void add_limits(Command& command, GenerateOptions& o) {
  const char* group = "Where to stop";
  command
      .add_option(
          "-n,--predict", &o.max_tokens,
          "Maximum number of tokens to write; -1: until the model ends its text or the context is full (default -1)")
      ->check(whole_number(-1, max_int))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--stop,-r,--reverse-prompt", &o.stop, "Text that ends the answer and is left out; may be repeated")
      ->check(not_empty())
      ->type_name("TEXT")
      ->group(group);
  Option* shift =
      command
          .add_flag("--context-shift", o.context_shift,
                    "When the context is full, drop the older half of the text, re-read the rest, and continue")
          ->group(group);
  command
      .add_option("--keep", &o.keep, "Tokens at the beginning that are never dropped; -1: the whole prompt (default 0)")
      ->check(whole_number(-1, max_int))
      ->type_name("N")
      ->needs(shift)
      ->group(group);
}

}  // namespace ingot::apps
