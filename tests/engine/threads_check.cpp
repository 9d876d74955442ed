// Several sessions in several threads on one model, each as if it were alone: bits of logits after every append,
// saving, loading, truncating and going away while others do the same.
//   threads_check DEVICE ROUNDS
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "foundry/small_model.h"
#include "ingot/ingot.h"

namespace ingot {
namespace {

constexpr int n_threads = 4, first = 19, kept = 7;

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("ingot_threads_" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

// Weights that differ from each other, so that a wrong byte shows.
void write_model(const std::string& path) {
  tests::SmallModel model("llama", 2, 32);
  model.set("attention.key_length", 32u);
  model.set("attention.value_length", 32u);
  model.add_tokens();
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.1f);
  for (auto& [name, tensor] : model.tensors) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    for (float& x : values) x = (tensor.shape.size() == 1 ? 1 : 0) + normal(random);
    tensor.bytes = test::bytes_of(values);
  }
  model.write(path);
}

using Logits = std::vector<float>;
Logits logits_of(const Session& session) { return {session.logits().begin(), session.logits().end()}; }

// What one thread does, again and again: its logits along the way.
std::vector<Logits> work(const Model& model, int thread, const std::string& file) {
  std::vector<int32_t> text, other;
  for (int i = 0; i < first; i++)
    text.push_back((i * 7 + thread * 11) % model.info().vocab),
        other.push_back((i * 5 + thread * 3 + 1) % model.info().vocab);
  std::vector<Logits> seen;
  Session session(model);
  session.append(text);
  seen.push_back(logits_of(session));
  session.save(file);
  session.append(std::span(other).first(1));
  seen.push_back(logits_of(session));
  session.truncate(kept);
  session.append(other);
  seen.push_back(logits_of(session));
  {
    Session loaded(model);
    loaded.load(file);
    seen.push_back(logits_of(loaded));
    if (std::optional<int32_t> best = loaded.append_greedy(1))
      seen.push_back({static_cast<float>(*best)});
    else
      seen.push_back(logits_of(loaded));
  }
  session.load(file);
  session.append(std::span(text).first(2));
  seen.push_back(logits_of(session));
  return seen;
}

int check(const char* device, int rounds) {
  Folder folder;
  const std::string path = folder.path / "model.gguf";
  write_model(path);
  LoadOptions options;
  options.device = device, options.context = 64, options.max_batch = 16, options.threads = 2, options.kv = "q8_0";
  Model model = Model::load(path, options);
  std::vector<std::vector<Logits>> alone;
  auto file = [&](int thread) { return (folder.path / ("session" + std::to_string(thread))).string(); };
  for (int t = 0; t < n_threads; t++) alone.push_back(work(model, t, file(t)));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < n_threads; t++)
    threads.emplace_back([&, t] {
      for (int round = 0; round < rounds; round++) try {
          wrong += work(model, t, file(t)) != alone[t];
        } catch (const std::exception& e) {
          std::printf("FAILED: thread %d: %s\n", t, e.what());
          wrong++;
        }
    });
  for (std::thread& thread : threads) thread.join();
  std::printf("%s: %d threads, %d rounds, %d other answers than alone\n", device, n_threads, rounds, wrong.load());
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace ingot

int main(int argc, char** argv) {
  int rounds = argc == 3 ? std::atoi(argv[2]) : 0;
  if (rounds < 1) return std::fprintf(stderr, "threads_check DEVICE ROUNDS\n"), 2;
  try {
    return ingot::check(argv[1], rounds);
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
}
