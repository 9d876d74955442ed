// A program against the same plan computed step by step from plain parts: norm, rounding, one output at a time, bias, residual,
// activation. Every matrix has a format of its own, also inside a fused step. The order of sums is the same, so are the bits.
#include "backends/cpu/program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <random>

#include "ingot/error.h"
#include "kernels/random_blocks.h"

namespace ingot::plan {
const Backend& cpu_backend();
}

namespace ingot::cpu {
namespace {

using plan::Buffer;
using plan::Matrix;
using plan::Plan;
using plan::Step;
using plan::StepKind;
using plan::Vector;

constexpr int hidden = 256, heads = 4, kv_heads = 2, head_size = 64, ffn = 512, vocab = 100, context = 64;

// A plan of `layers` layers over random matrices; owns their bytes.
struct SmallModel {
  std::deque<std::vector<uint8_t>> bytes;
  Plan plan;
  std::mt19937 random{42};

  Vector vector(int n, float mean, float spread) {
    std::normal_distribution<float> d(mean, spread);
    Vector v(n);
    for (float& x : v) x = d(random);
    return v;
  }
  // Random blocks of a format, scaled on the whole so that outputs stay near 1.
  Matrix matrix(const char* format_name, int rows, int cols) {
    const quant::Format* format = quant::find_format(format_name);
    bytes.push_back(random_rows(*format, rows, cols, random()));
    std::vector<float> row(cols);
    double squares = 0;
    for (int r = 0; r < rows; r++) {
      format->decode(reinterpret_cast<const std::byte*>(bytes.back().data()) + r * format->row_bytes(cols), row.data(), cols);
      for (float w : row) squares += double(w) * w;
    }
    float scale = static_cast<float>(1 / std::sqrt(squares / rows));
    return {std::string(format_name) + " matrix", format, rows, cols, reinterpret_cast<const std::byte*>(bytes.back().data()), scale};
  }
  Step& add(StepKind kind, int layer, Buffer from, Vector norm, std::vector<plan::Segment> segments) {
    Step step;
    step.kind = kind, step.layer = layer, step.from = from, step.norm = std::move(norm), step.segments = std::move(segments);
    plan.steps.push_back(std::move(step));
    return plan.steps.back();
  }

  explicit SmallModel(bool post_norms) {
    plan.layers = 2, plan.hidden = hidden, plan.heads = heads, plan.kv_heads = kv_heads, plan.head_size = head_size;
    plan.ffn = ffn, plan.vocab = vocab, plan.context = context, plan.max_batch = 16;
    plan.norm_epsilon = 1e-5f, plan.attention_scale = 0.125f, plan.embedding_scale = 1.5f;
    plan.activation = post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu;
    for (auto pairing : {plan::Pairing::neighbours, plan::Pairing::halves}) {
      plan::Rope rope{pairing, head_size, {}, 1.0f};
      for (int i = 0; i < head_size / 2; i++) rope.frequencies.push_back(std::pow(10000.0, -2.0 * i / head_size));
      plan.ropes.push_back(rope);
    }
    add(StepKind::embed, -1, Buffer::residual, {}, {{matrix("q5_0", vocab, hidden), {}, Buffer::residual}});
    for (int i = 0; i < plan.layers; i++) {
      add(StepKind::qkv, i, Buffer::residual, vector(hidden, 1, 0.1f),
          {{matrix("q4_k", heads * head_size, hidden), vector(heads * head_size, 0, 0.1f), Buffer::query},
           {matrix("f16", kv_heads * head_size, hidden), vector(kv_heads * head_size, 0, 0.1f), Buffer::key},
           {matrix("iq2_xs", kv_heads * head_size, hidden), {}, Buffer::value}});
      Step& rope = add(StepKind::rope_store, i, Buffer::query, {}, {});
      rope.rope = i;
      if (post_norms) rope.q_norm = vector(head_size, 1, 0.1f), rope.k_norm = vector(head_size, 1, 0.1f);
      add(StepKind::attend, i, Buffer::query, {}, {}).window = i == 0 ? 5 : 0;
      add_output(i, Buffer::attended, matrix("q6_k", hidden, heads * head_size), post_norms);
      add(StepKind::gate_up, i, Buffer::residual, vector(hidden, 1, 0.1f), {{matrix("nvfp4", ffn, hidden), {}, Buffer::ffn}, {matrix("q4_1", ffn, hidden), {}, Buffer::ffn}});
      add_output(i, Buffer::ffn, matrix("q8_0", hidden, ffn), post_norms);
    }
    add(StepKind::head, -1, Buffer::residual, vector(hidden, 1, 0.1f), {{matrix("q3_k", vocab, hidden), {}, Buffer::logits}});
  }
  void add_output(int layer, Buffer from, Matrix m, bool post_norm) {
    add(post_norm ? StepKind::project : StepKind::project_add, layer, from, {}, {{std::move(m), {}, post_norm ? Buffer::block : Buffer::residual}});
    if (post_norm) add(StepKind::norm_add, layer, Buffer::block, vector(hidden, 1, 0.1f), {});
  }
};

// The plan, one token and one output at a time.
class Unfused {
 public:
  Unfused(const Plan& plan, const Isa& isa) : plan_(plan), isa_(isa), layout_(plan, isa), cache_(plan, layout_) {}

  std::vector<float> token(int32_t id, int position) {
    std::vector<float> residual, query, key, value, attended, ffn_out, block, logits;
    auto buffer = [&](Buffer b) -> std::vector<float>& {
      std::vector<float>* all[] = {&residual, &query, &key, &value, &attended, &ffn_out, &block, &logits};
      return *all[static_cast<int>(b)];
    };
    for (const Step& step : plan_.steps) switch (step.kind) {
        case StepKind::embed: {
          const Matrix& m = step.segments[0].matrix;
          residual.resize(hidden);
          m.format->decode(m.data + id * m.format->row_bytes(hidden), residual.data(), hidden);
          for (float& x : residual) x *= plan_.embedding_scale * m.scale;
          break;
        }
        case StepKind::rope_store: {
          for (int h = 0; h < heads; h++) turn(step, step.q_norm, query.data() + h * head_size, position);
          for (int h = 0; h < kv_heads; h++) {
            turn(step, step.k_norm, key.data() + h * head_size, position);
            layout_.store(*isa_.ops, key.data() + h * head_size, value.data() + h * head_size, position, cache_.keys(step.layer, h), cache_.values(step.layer, h));
          }
          break;
        }
        case StepKind::attend: {
          attended.resize(heads * head_size);
          for (int h = 0; h < heads; h++)
            isa_.ops->attend({query.data() + h * head_size, head_size, 1, 1, position, step.window, cache_.keys(step.layer, h / 2), cache_.values(step.layer, h / 2), head_size,
                              plan_.attention_scale, attended.data() + h * head_size, layout_.coded()});
          break;
        }
        case StepKind::norm_add: {
          std::vector<float> y = norm(block, step.norm);
          for (int i = 0; i < hidden; i++) residual[i] += y[i];
          break;
        }
        default: {
          std::vector<float> x = step.norm.empty() ? buffer(step.from) : norm(buffer(step.from), step.norm);
          std::vector<std::vector<float>> y;
          for (const plan::Segment& s : step.segments) y.push_back(multiply(s, x));
          if (step.kind == StepKind::gate_up) {
            ffn_out.resize(ffn);
            (plan_.activation == plan::Activation::silu ? isa_.ops->gate_silu : isa_.ops->gate_gelu_tanh)({y[0].data(), y[1].data(), ffn, ffn_out.data()});
          } else {
            for (size_t i = 0; i < y.size(); i++) {
              std::vector<float>& to = buffer(step.segments[i].to);
              if (step.kind == StepKind::project_add)
                for (int r = 0; r < hidden; r++) to[r] += y[i][r];
              else to = y[i];
            }
          }
        }
      }
    return logits;
  }

 private:
  std::vector<float> norm(const std::vector<float>& x, const Vector& weight) {
    std::vector<float> y(x.size());
    isa_.ops->norm({x.data(), weight.data(), static_cast<int>(x.size()), plan_.norm_epsilon, y.data()});
    return y;
  }
  void turn(const Step& step, const Vector& weight, float* x, int position) {
    if (!weight.empty()) isa_.ops->norm({x, weight.data(), head_size, plan_.norm_epsilon, x});
    const plan::Rope& rope = plan_.ropes[step.rope];
    std::vector<float> c, s;
    for (double f : rope.frequencies) c.push_back(static_cast<float>(std::cos(position * f))), s.push_back(static_cast<float>(std::sin(position * f)));
    isa_.ops->rotate({x, c.data(), s.data(), rope.dims, rope.pairing == plan::Pairing::halves});
  }
  std::vector<float> multiply(const plan::Segment& segment, const std::vector<float>& x) {
    const Matrix& m = segment.matrix;
    const FormatKernels& kernels = *isa_.formats[m.format - quant::formats().data()];
    int cols = static_cast<int>(m.cols);
    std::vector<i8> codes(cols);
    std::vector<float> scales(cols / 32), y(m.rows);
    std::vector<i16> sums(cols / 16);
    isa_.ops->quantize(x.data(), cols, codes.data(), scales.data(), sums.data());
    for (int64_t r = 0; r < m.rows; r++) {
      const u8* row = reinterpret_cast<const u8*>(m.data) + r * m.format->row_bytes(cols);
      if (kernels.reads_codes) {
        y[r] = kernels.plain(row, cols, codes.data(), scales.data()) * m.scale;
      } else {
        float out[gemv_max_tokens * gemv_max_rows];
        kernels.from_file({reinterpret_cast<const u8*>(m.data), cols, r, 1, {nullptr, nullptr, nullptr, x.data()}, 0, 1, m.scale, out});
        y[r] = out[0];
      }
      if (!segment.bias.empty()) y[r] += segment.bias[r];
    }
    return y;
  }

  const Plan& plan_;
  const Isa& isa_;
  CacheLayout layout_;
  CpuCache cache_;
};

class FusedAgainstUnfused : public testing::TestWithParam<bool> {};

TEST_P(FusedAgainstUnfused, SameBits) {
  SmallModel model(GetParam());
  std::vector<int32_t> tokens;
  for (int i = 0; i < 40; i++) tokens.push_back(i * 37 % vocab);
  for (int i = 0; i < isas().count; i++) {
    const Isa& isa = *isas().begin[i];
    if (!isa.supported()) {
      std::printf("this machine cannot run %s: not tested here\n", isa.name);
      continue;
    }
    Unfused unfused(model.plan, isa);
    std::vector<std::vector<float>> expected;
    for (size_t t = 0; t < tokens.size(); t++) expected.push_back(unfused.token(tokens[t], static_cast<int>(t)));
    for (float x : expected.back()) ASSERT_TRUE(std::isfinite(x));
    for (int threads : {1, 3})
      for (bool repack : {true, false})
        for (size_t chunk : {1, 5, 16}) {
          CpuProgram program(model.plan, {.threads = threads, .repack = repack, .isa = isa.name});
          auto cache = program.make_cache();
          for (size_t at = 0; at < tokens.size(); at += chunk) {
            size_t n = std::min(chunk, tokens.size() - at);
            std::vector<float> logits(n * vocab);
            program.run(*cache, std::span(tokens).subspan(at, n), static_cast<int>(at), logits, {});
            for (size_t k = 0; k < n; k++)
              ASSERT_EQ(std::vector<float>(logits.begin() + k * vocab, logits.begin() + (k + 1) * vocab), expected[at + k])
                  << isa.name << ", " << threads << " threads, chunk " << chunk << ", repack " << repack << ", token " << at + k;
          }
        }
  }
}

std::vector<float> all_logits(const Plan& plan, const char* isa, size_t chunk, int threads) {
  std::vector<float> all;
  CpuProgram program(plan, {.threads = threads, .isa = isa});
  auto cache = program.make_cache();
  for (size_t at = 0; at < context; at += chunk) {
    std::vector<int32_t> tokens;
    for (size_t i = at; i < std::min<size_t>(at + chunk, context); i++) tokens.push_back(static_cast<int>(i) * 37 % vocab);
    std::vector<float> logits(tokens.size() * vocab);
    program.run(*cache, tokens, static_cast<int>(at), logits, {});
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) squares += std::pow(double(a[i]) - b[i], 2), size += double(b[i]) * b[i];
  return std::sqrt(squares / size);
}

// Keys and values in a format: the same bits on every instruction set, cut and thread count, and near the 16-bit floats.
TEST(CodedCache, SameBitsAndNearHalves) {
  SmallModel model(false);
  std::vector<float> halves = all_logits(model.plan, "", 16, 1);
  for (auto [format, bound] : {std::pair{"q8_0", 0.05}, {"q5_0", 0.15}, {"q4_0", 0.3}}) {
    model.plan.kv_format = quant::find_format(format);
    std::vector<float> first = all_logits(model.plan, "", 16, 1);
    double far = distance(first, halves);
    EXPECT_LT(far, bound) << format;
    EXPECT_GT(far, 0) << format;
    for (int i = 0; i < isas().count; i++) {
      if (!isas().begin[i]->supported()) continue;
      for (auto [chunk, threads] : {std::pair<size_t, int>{1, 1}, {7, 3}, {16, 2}}) EXPECT_EQ(all_logits(model.plan, isas().begin[i]->name, chunk, threads), first) << format << " " << chunk;
    }
  }
  model.plan.kv_format = quant::find_format("f16");
  EXPECT_EQ(all_logits(model.plan, "", 16, 1), halves);
}

TEST(CodedCache, RefusesFormatsThatCannotHoldIt) {
  SmallModel model(false);
  for (const char* format : {"q4_k", "q4_1", "iq2_xxs", "f32", "tq1_0"}) {
    model.plan.kv_format = quant::find_format(format);
    EXPECT_THROW(plan::cpu_backend().choose(model.plan, {}), Error) << format;
  }
}

TEST(Backend, RefusesShapesThatItsKernelsCannotRun) {
  for (int size : {258, 272, 320}) {
    SmallModel model(false);
    model.plan.head_size = size;
    EXPECT_THROW(plan::cpu_backend().choose(model.plan, {}), Error) << size;
    EXPECT_THROW(plan::cpu_backend().cast(model.plan, {}), Error) << size;
  }
  EXPECT_NO_THROW(plan::cpu_backend().choose(SmallModel(false).plan, {}));
}


INSTANTIATE_TEST_SUITE_P(Models, FusedAgainstUnfused, testing::Values(false, true), [](const auto& info) { return info.param ? "PostNorms" : "Direct"; });

}  // namespace
}  // namespace ingot::cpu
