// What a constraint costs a token, on a real vocabulary: an answer is written by always taking a random allowed token,
// and the time of allowed() and accept() is taken, in a first answer (everything is met for the first time) and in
// later ones.
//   bench_grammar MODEL.gguf [SCHEMA.json…]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include "ingot/ingot.h"

namespace {

using Clock = std::chrono::steady_clock;

double microseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

struct Times {
  std::vector<double> allowed, accept;
  void print(const char* name) {
    auto at = [](std::vector<double>& v, double share) {
      return v.empty() ? 0 : (std::ranges::sort(v), v[std::min(v.size() - 1, size_t(share * double(v.size())))]);
    };
    auto mean = [](const std::vector<double>& v) {
      double sum = 0;
      for (double x : v) sum += x;
      return v.empty() ? 0 : sum / double(v.size());
    };
    std::printf(
        "  %-14s %6zu tokens   allowed: mean %7.1f  median %6.1f  95%% %7.1f  max %8.1f us   accept: mean %5.1f  max "
        "%7.1f us\n",
        name, allowed.size(), mean(allowed), at(allowed, 0.5), at(allowed, 0.95), at(allowed, 1), mean(accept),
        at(accept, 1));
  }
};

std::vector<int32_t> answer(ingot::Constraint& constraint, const ingot::Tokenizer& tokenizer, std::mt19937& random,
                            Times& times) {
  constraint.reset();
  std::vector<int32_t> ids;
  while (ids.size() < 400) {
    auto start = Clock::now();
    const auto mask = constraint.allowed();
    times.allowed.push_back(microseconds(start));
    std::vector<int32_t> possible;
    for (int32_t id = 0; id < tokenizer.vocab(); id++)
      if (mask[size_t(id) / 64] >> id % 64 & 1) possible.push_back(id);
    const int32_t id = possible[random() % possible.size()];
    if (tokenizer.is_eog(id)) break;
    start = Clock::now();
    constraint.accept(id);
    times.accept.push_back(microseconds(start));
    ids.push_back(id);
  }
  return ids;
}

void measure(const std::string& name, const std::string& schema, const ingot::Tokenizer& tokenizer) {
  auto start = Clock::now();
  const ingot::Grammar grammar = ingot::Grammar::from_json_schema(schema);
  const double grammar_us = microseconds(start);
  start = Clock::now();
  ingot::Constraint constraint(grammar, tokenizer);
  std::printf("%s: grammar %.0f us, constraint %.0f us\n", name.c_str(), grammar_us, microseconds(start));
  std::mt19937 random(1);
  Times first, warm, later;
  answer(constraint, tokenizer, random, first);
  for (int i = 0; i < 100; i++) answer(constraint, tokenizer, random, warm);
  for (int i = 0; i < 100; i++) answer(constraint, tokenizer, random, later);
  first.print("first answer"), warm.print("next 100"), later.print("100 later ones");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("bench_grammar MODEL.gguf [SCHEMA.json...]\n", stderr), 2;
  const ingot::Tokenizer tokenizer = ingot::load_tokenizer(argv[1]);
  std::printf("%d tokens\n", tokenizer.vocab());
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},)"
      R"("tags":{"type":"array","items":{"type":"string","maxLength":20}},"role":{"enum":["admin","user"]}},"required":["name","age","tags","role"],"additionalProperties":false})";
  measure("warm-up (builds the tree of tokens)", "{\"type\":\"null\"}", tokenizer);
  measure("any JSON", "{}", tokenizer);
  measure("a person", person, tokenizer);
  measure("list of persons", "{\"type\":\"array\",\"items\":" + person + ",\"minItems\":2}", tokenizer);
  measure("string by pattern", R"({"type":"string","pattern":"^[A-Z][a-z]+( [A-Z][a-z]+)*$"})", tokenizer);
  measure("long bounded string", R"({"type":"string","maxLength":2000})", tokenizer);
  for (int i = 2; i < argc; i++) {
    std::stringstream text;
    text << std::ifstream(argv[i]).rdbuf();
    measure(argv[i], text.str(), tokenizer);
  }
}
