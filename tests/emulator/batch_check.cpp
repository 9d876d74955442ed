// Batches by a GPU backend, emulated or real: rows of several sequences have the bits of the same sequences one token
// at a time, single tokens and prompts mixed, in any order and on any pages; choices; pages that are saved, copied and
// put elsewhere; what is not finite stays with its sequence.
//   batch_check FORMAT…     two models, of which the second keeps keys and values as codes if its weights are codes
//   batch_check wide        heads of more elements than a thread group has at once, both ways
// Leaves with 1 where something is wrong, with 77 where there is no device.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string_view>

#include "backends_gpu/plans.h"
#include "ingot/error.h"
#include "plan/backend.h"

namespace ingot::plan {
const Backend& INGOT_BACKEND();  // cuda_backend, metal_backend
}

namespace ingot::gpu {
namespace {

using Logits = std::vector<float>;

int faults = 0;
void expect(bool holds, const std::string& what) {
  if (holds) return;
  faults++;
  std::printf("FAILED: %s\n", what.c_str());
}

bool same_bits(const Logits& a, const Logits& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// A part of a batch: tokens of one of the sequences.
struct Part {
  int sequence;
  int count, outputs;
};

class Sequences {
 public:
  static constexpr int number = 4;
  static constexpr int lengths[number] = {70, 40, 9, 66};

  Sequences(plan::Program& program, int vocab) : program_(program), vocab_(vocab) {
    for (int s = 0; s < number; s++)
      for (int i = 0; i < lengths[s]; i++) tokens[s].push_back((17 * s + 29 * i + i * i) % vocab);
    place(0);
  }
  /// Begins all sequences again, on other pages: `way` says in which order they are handed out.
  void place(int way) {
    std::fill_n(position, number, 0);
    for (int s = 0; s < number; s++) {
      const int32_t first = static_cast<int32_t>(2 * ((way + s) % number));
      pages[s] = way % 2 ? std::vector<int32_t>{first + 1, first} : std::vector<int32_t>{first, first + 1};
    }
  }
  /// Logits of all outputs, by part.
  std::vector<Logits> run(const std::vector<Part>& parts) {
    make(parts);
    Logits all(static_cast<size_t>(batch().outputs() * vocab_));
    expect(program_.run(batch(), all, {}), "a run was stopped");
    pass(parts);
    std::vector<Logits> by_part;
    auto from = all.begin();
    for (const Part& part : parts) {
      by_part.emplace_back(from, from + part.outputs * vocab_);
      from += part.outputs * vocab_;
    }
    return by_part;
  }
  std::vector<plan::Choice> choose(const std::vector<Part>& parts) {
    make(parts);
    std::vector<plan::Choice> choices(static_cast<size_t>(batch().outputs()));
    expect(program_.choose(batch(), choices), "a GPU does not choose");
    pass(parts);
    return choices;
  }

  std::vector<int32_t> tokens[number], pages[number];
  int position[number] = {};

 private:
  void make(const std::vector<Part>& parts) {
    tokens_.clear(), sequences_.clear();
    for (const Part& part : parts) {
      const int s = part.sequence;
      sequences_.push_back({.pages = pages[s], .position = position[s], .count = part.count, .outputs = part.outputs});
      tokens_.insert(tokens_.end(), tokens[s].begin() + position[s], tokens[s].begin() + position[s] + part.count);
    }
  }
  void pass(const std::vector<Part>& parts) {
    for (const Part& part : parts) position[part.sequence] += part.count;
  }
  plan::Batch batch() const { return {tokens_, sequences_}; }

  plan::Program& program_;
  int vocab_;
  std::vector<int32_t> tokens_;
  std::vector<plan::Sequence> sequences_;
};

class Check {
 public:
  Check(const quant::Format& format, const PlanShape& shape)
      : vocab_(shape.vocab),
        coded_(shape.kept != nullptr),
        random_(format, shape),
        program_(plan::INGOT_BACKEND().compile(random_.plan, {})),
        s_(*program_, shape.vocab) {}

  void all() {
    one_by_one();
    prompts();
    decode();
    mixed();
    choices();
    moved_pages();
    not_finite();
  }

 private:
  // What everything else is compared with: each sequence alone, a token at a time.
  void one_by_one() {
    for (int s = 0; s < Sequences::number; s++)
      for (int i = 0; i < Sequences::lengths[s]; i++) {
        exact_[s].push_back(s_.run({{s, 1, 1}})[0]);
        for (float x : exact_[s].back()) expect(std::isfinite(x), "a logit is not finite");
      }
  }
  void compare(const Logits& got, int sequence, int first, const char* what) {
    for (size_t i = 0; i * static_cast<size_t>(vocab_) < got.size(); i++) {
      const auto begin = got.begin() + static_cast<ptrdiff_t>(i) * vocab_;
      const Logits& exact = exact_[sequence][static_cast<size_t>(first) + i];
      if (same_bits({begin, begin + vocab_}, exact)) continue;
      float worst = 0;
      for (int v = 0; v < vocab_; v++) worst = std::max(worst, std::fabs(begin[v] - exact[static_cast<size_t>(v)]));
      expect(false, std::string(what) + ": sequence " + std::to_string(sequence) + ", token " +
                        std::to_string(first + static_cast<int>(i)) + " differs by " + std::to_string(worst));
    }
  }

  // Prompts in chunks of every kind, all logits wanted.
  void prompts() {
    s_.place(1);
    int done = 0;
    for (int chunk : {2, 7, 3, 20, 8, 16, 14}) {
      compare(s_.run({{0, chunk, chunk}})[0], 0, done, "a prompt");
      done += chunk;
    }
  }

  // A token of each sequence per step, in other orders and on other pages: the same bits.
  void decode() {
    std::vector<Logits> first;
    for (int way = 0; way < 3; way++) {
      s_.place(way);
      std::vector<int> order(Sequences::number);
      std::iota(order.begin(), order.end(), 0);
      std::rotate(order.begin(), order.begin() + way, order.end());
      for (int step = 0; step < 9; step++) {
        std::vector<Part> parts;
        for (int s : order) parts.push_back({s, 1, 1});
        const std::vector<Logits> got = s_.run(parts);
        for (size_t i = 0; i < order.size(); i++) {
          compare(got[i], order[i], step, "single tokens");
          if (way == 0)
            first.push_back(got[i]);
          else
            expect(same_bits(got[i], first[static_cast<size_t>(step * Sequences::number + order[i])]),
                   "other bits in another order, or on other pages");
        }
      }
    }
  }

  // Single tokens among prompts, some of whose logits are wanted.
  void mixed() {
    s_.place(0);
    s_.run({{0, 20, 0}, {3, 20, 0}});
    s_.run({{0, 20, 0}, {3, 20, 0}});
    s_.run({{0, 20, 0}, {3, 20, 0}});
    const std::vector<Part> parts = {{0, 1, 1}, {1, 13, 1}, {3, 1, 1}, {2, 5, 0}},
                            other = {{2, 5, 0}, {3, 1, 1}, {1, 13, 1}, {0, 1, 1}};
    const std::vector<Logits> got = s_.run(parts);
    compare(got[0], 0, 60, "a single token among prompts"), compare(got[1], 1, 12, "a prompt among single tokens"),
        compare(got[2], 3, 60, "a single token among prompts");
    const std::vector<Logits> next = s_.run({{1, 20, 20}, {0, 1, 0}, {2, 2, 0}});
    compare(next[0], 1, 13, "the rest of a prompt");
    s_.place(3);
    for (int i = 0; i < 3; i++) s_.run({{3, 20, 0}, {0, 20, 0}});
    const std::vector<Logits> again = s_.run(other);
    expect(same_bits(got[0], again[3]) && same_bits(got[1], again[2]) && same_bits(got[2], again[1]),
           "a mixed batch has other bits in another order");
    s_.run({{2, 2, 0}});  // logits of nothing
    compare(s_.run({{2, 1, 1}})[0], 2, 7, "a token after prompts");
  }

  void choices() {
    s_.place(2);
    const std::vector<Part> steps[] = {
        {{0, 1, 1}}, {{1, 5, 1}, {0, 1, 1}}, {{0, 1, 1}, {1, 1, 1}}, {{0, 1, 1}, {1, 1, 1}}, {{3, 3, 3}}};
    for (const std::vector<Part>& parts : steps) {
      int before[Sequences::number];
      std::copy_n(s_.position, Sequences::number, before);
      const std::vector<Logits> logits = s_.run(parts);
      std::copy_n(before, Sequences::number, s_.position);
      const std::vector<plan::Choice> chosen = s_.choose(parts);
      size_t i = 0;
      for (const Logits& of_part : logits)
        for (auto row = of_part.begin(); row < of_part.end(); row += vocab_, i++) {
          const auto best = std::max_element(row, row + vocab_);
          double total = 0;
          for (auto x = row; x < row + vocab_; x++) total += std::exp(double(*x) - *best);
          expect(chosen[i].id == best - row && std::fabs(chosen[i].logprob + std::log(total)) < 1e-5,
                 "a choice is not the greatest logit");
        }
    }
    // Tokens that are the chosen ones: the device has their rows already.
    s_.place(0);
    std::vector<int32_t> own[2] = {s_.tokens[0], s_.tokens[1]};
    Logits last[2];
    for (int way = 0; way < 2; way++) {
      s_.place(way);
      s_.tokens[0] = own[0], s_.tokens[1] = own[1];
      for (int step = 0; step < 5; step++) {
        std::vector<int32_t> ids;
        if (way == 0)
          for (const plan::Choice& c : s_.choose({{0, 1, 1}, {1, 1, 1}})) ids.push_back(c.id);
        else
          for (const Logits& l : s_.run({{0, 1, 1}, {1, 1, 1}}))
            ids.push_back(static_cast<int32_t>(std::max_element(l.begin(), l.end()) - l.begin()));
        for (int s = 0; s < 2; s++) s_.tokens[s][static_cast<size_t>(step + 1)] = ids[static_cast<size_t>(s)];
      }
      const std::vector<Logits> logits = s_.run({{0, 1, 1}, {1, 1, 1}});
      for (int s = 0; s < 2; s++) {
        if (way == 1)
          expect(same_bits(logits[static_cast<size_t>(s)], last[s]), "tokens that the device chose leave other bits");
        last[s] = logits[static_cast<size_t>(s)];
      }
    }
    s_.tokens[0] = own[0], s_.tokens[1] = own[1];
  }

  // The bits do not depend on where pages lie, nor on how they came there.
  void moved_pages() {
    plan::StateStore& store = program_->states();
    s_.place(0);
    for (int i = 0; i < 3; i++) s_.run({{0, 22, 0}});
    std::vector<std::byte> saved;
    store.save(s_.pages[0], 66,
               [&](std::span<const std::byte> piece) { saved.insert(saved.end(), piece.begin(), piece.end()); });
    expect(saved.size() == store.saved_bytes(66), "other bytes are saved than were said");
    const Logits here = s_.run({{0, 1, 1}})[0];
    s_.pages[0] = {9, 8}, s_.position[0] = 66;
    store.restore(s_.pages[0], 66, saved);
    expect(same_bits(s_.run({{0, 1, 1}})[0], here), "restored pages leave other bits");
    store.copy(9, 10), store.copy(8, 11);
    s_.pages[0] = {10, 11}, s_.position[0] = 66;
    expect(same_bits(s_.run({{0, 1, 1}})[0], here), "copied pages leave other bits");
    s_.pages[0] = {9, 11}, s_.position[0] = 66;  // the first page is shared, the second is its own
    expect(same_bits(s_.run({{0, 1, 1}})[0], here), "a shared page leaves other bits");
    expect(!store.overflow(s_.pages[0], 66), "an overflow is said that is none");
  }

  void not_finite() {
    plan::StateStore& store = program_->states();
    s_.place(0);
    s_.run({{0, 20, 0}, {1, 20, 0}});
    std::vector<std::byte> bytes(store.saved_bytes(20));
    store.save(s_.pages[1], 20, [&, at = bytes.begin()](std::span<const std::byte> piece) mutable {
      at = std::copy(piece.begin(), piece.end(), at);
    });
    const Logits sound = s_.run({{0, 1, 1}, {1, 1, 1}})[0];
    const uint16_t infinity = 0x7c00;
    std::memcpy(bytes.data() + 15 * (coded_ ? 2 : 64), &infinity, 2);  // a key within every window, or its scale
    s_.position[0] = s_.position[1] = 20;
    store.restore(s_.pages[1], 20, bytes);
    const std::vector<Logits> got = s_.run({{0, 1, 1}, {1, 1, 1}});
    expect(same_bits(got[0], sound), "what is not finite reaches another sequence");
    expect(std::ranges::any_of(got[1], [](float x) { return !std::isfinite(x); }), "what is not finite is lost");
    expect(store.overflow(s_.pages[1], 20).has_value(), "an overflow is not said");
    s_.position[0] = s_.position[1] = 20;
    const std::vector<plan::Choice> chosen = s_.choose({{0, 1, 1}, {1, 1, 1}});
    expect(chosen[0].id >= 0 && chosen[1].id == -1, "a choice among logits that are not finite");
    s_.position[0] = 20;
    expect(same_bits(s_.run({{0, 1, 1}, {2, 1, 1}})[0], sound), "a run after what is not finite has other bits");
  }

  int vocab_;
  bool coded_;
  RandomPlan random_;
  std::unique_ptr<plan::Program> program_;
  Sequences s_;
  std::vector<Logits> exact_[Sequences::number];
};

}  // namespace
}  // namespace ingot::gpu

int main(int argc, char** argv) {
  using namespace ingot;
  if (argc < 2) return std::fprintf(stderr, "batch_check FORMAT…\n"), 2;
  const plan::Backend& backend = plan::INGOT_BACKEND();
  if (const plan::Device device = backend.device(); !device.available)
    return std::printf("SKIPPED: %s\n", device.description.c_str()), 77;
  try {
    for (int i = 1; i < argc; i++)
      for (bool second : {false, true}) {
        const bool wide = std::string_view(argv[i]) == "wide", post_norms = second && !wide;
        const quant::Format &states = *quant::find_format("q8_0"),
                            &format = wide ? states : *quant::find_format(argv[i]);
        const bool coded = second && format.kind != quant::ValueKind::floating;
        const int cols = std::max(64, format.block);
        const gpu::PlanShape shape{.hidden = cols,
                                   .head_size = wide ? 352 : 32,
                                   .post_norms = post_norms,
                                   .layers = 2,
                                   .ffn = cols,
                                   .vocab = 100,
                                   .heads = cols / 32,
                                   .kv_heads = cols / 64,
                                   .context = 128,
                                   .max_rows = 40,
                                   .max_outputs = 20,
                                   .window = post_norms ? 40 : 0,
                                   .kept = coded ? &states : nullptr};
        gpu::Check(format, shape).all();
        std::printf("%s%s%s: %d faults so far\n", argv[i], post_norms ? ", norms behind blocks and a window" : "",
                    coded ? ", keys and values as codes" : "", gpu::faults);
        std::fflush(stdout);
      }
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
  return gpu::faults ? 1 : 0;
}
