#include "plan/batch.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "ingot/error.h"
#include "plan/plan.h"

namespace ingot::plan {

namespace {

[[noreturn]] void refuse(const std::string& what, int64_t got, const std::string& expected, const char* advice = "") {
  throw Error("plan", what, std::to_string(got), expected, advice);
}

/// The pages that a sequence reads or writes in a batch.
std::span<const int32_t> used_pages(const Sequence& s) {
  return s.pages.first(static_cast<size_t>(pages_for(int64_t{s.position} + s.count)));
}

/// One sequence by itself, its tokens excepted.
void check(const Sequence& s, size_t index, const Limits& limits, int pages) {
  auto of = [&](const char* what) { return fmt::format("sequence {} of the batch has {}", index, what); };
  if (s.count < 1) refuse(of("no token"), s.count, "1 or more");
  if (s.outputs < 0 || s.outputs > s.count)
    refuse(of("more outputs than tokens, or fewer than none"), s.outputs, fmt::format("0 to {}", s.count));
  if (s.position < 0) refuse(of("a negative position"), s.position, "0 or more");
  if (const int64_t end = int64_t{s.position} + s.count; end > limits.context)
    refuse(of("more positions than the plan's context"), end, fmt::format("at most {}", limits.context),
           "begin with a longer context");
  if (const int needed = pages_for(int64_t{s.position} + s.count); s.pages.size() < static_cast<size_t>(needed))
    refuse(of("too few pages"), static_cast<int64_t>(s.pages.size()),
           fmt::format("{}, of {} positions each", needed, page_positions));
  for (int32_t page : used_pages(s))
    if (page < 0 || page >= pages) refuse(of("a page that is not there"), page, fmt::format("0 to {}", pages - 1));
}

/// Whoever writes a page has it alone: keys of one sequence among those of another would be a wrong answer that looks
/// right.
void check_written(const Batch& batch, size_t index) {
  const Sequence& s = batch.sequences[index];
  for (int32_t page : used_pages(s).subspan(static_cast<size_t>(s.position / page_positions))) {
    int64_t users = 0;
    for (const Sequence& other : batch.sequences) users += std::ranges::count(used_pages(other), page);
    if (users != 1)
      refuse(fmt::format("sequence {} of the batch writes a page that is used {} times", index, users), page,
             "pages of its own from its position on", "copy a shared page before it is written");
  }
}

}  // namespace

void check(const Plan& plan, const Batch& batch, int pages) {
  const Limits& limits = plan.limits;
  if (batch.sequences.empty()) refuse("a batch has no sequence", 0, "1 or more");
  int64_t rows = 0, outputs = 0;
  for (size_t i = 0; i < batch.sequences.size(); i++) {
    check(batch.sequences[i], i, limits, pages);
    rows += batch.sequences[i].count, outputs += batch.sequences[i].outputs;
  }
  if (std::cmp_not_equal(rows, batch.tokens.size()))
    refuse("a batch's tokens are not those of its sequences", static_cast<int64_t>(batch.tokens.size()),
           fmt::format("{}", rows));
  if (rows > limits.max_rows)
    refuse("a batch has too many tokens", rows, fmt::format("at most {}", limits.max_rows), "cut prompts into chunks");
  if (outputs > limits.max_outputs)
    refuse("a batch asks for the logits of too many tokens", outputs, fmt::format("at most {}", limits.max_outputs));
  for (int32_t token : batch.tokens)
    if (token < 0 || token >= plan.vocab())
      refuse("a token is not in the vocabulary", token, fmt::format("0 to {}", plan.vocab() - 1));
  for (size_t i = 0; i < batch.sequences.size(); i++) check_written(batch, i);
}

}  // namespace ingot::plan
