// A fuzz target in its short form, without libFuzzer: NAME_short FOLDER MUTATIONS FINDINGS
// It runs every input of the folder, then so many mutations of them, the same ones each time. An input that ends the
// process is left at the path FINDINGS.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t max_input = 16384;
const char* findings;
std::string input;

// Async-signal-safe: no memory is taken.
void leave_input(int signal) {
  const int file = open(findings, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file >= 0 && write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size())) close(file);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& inputs) : inputs_(inputs) {}

  /// One of the inputs, changed in one to four places.
  std::string next() {
    std::string x = any();
    for (size_t changes = 1 + below(4); changes > 0; changes--) change(x);
    return x.substr(0, max_input);
  }

 private:
  const std::string& any() { return inputs_[below(inputs_.size())]; }
  /// 0 … n − 1; 0 for n = 0.
  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

  void change(std::string& x) {
    constexpr unsigned char edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '\n'};
    const size_t at = below(x.size() + 1), length = 1 + below(std::min<size_t>(x.size(), 64));
    switch (below(6)) {
      case 0:  // a bit
        if (at < x.size()) x[at] = static_cast<char>(x[at] ^ (1 << below(8)));
        break;
      case 1:  // a byte that often matters
        if (at < x.size()) x[at] = static_cast<char>(edges[below(std::size(edges))]);
        break;
      case 2:  // a number of eight bytes, as lengths and offsets are
        for (size_t i = at; i < std::min(x.size(), at + 8); i++) x[i] = static_cast<char>(below(2) ? 0xff : random_());
        break;
      case 3: x.erase(at, length); break;
      case 4:  // twice
        x.insert(at, x.substr(at, length));
        break;
      default: {  // a part of another one
        const std::string& other = any();
        x.insert(at, other.substr(below(other.size() + 1), length));
      }
    }
  }

  const std::vector<std::string>& inputs_;
  std::mt19937 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s FOLDER MUTATIONS FINDINGS\n", argv[0]), 2;
  findings = argv[3];
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) return std::fprintf(stderr, "no inputs in %s\n", argv[1]), 2;
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, leave_input);
  const auto run = [] { LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size()); };
  for (const std::string& given : inputs) input = given, run();
  Mutator mutator(inputs);
  const long mutations = std::atol(argv[2]);
  for (long i = 0; i < mutations; i++) input = mutator.next(), run();
  std::printf("%zu inputs and %ld mutations of them\n", inputs.size(), mutations);
  std::filesystem::remove(findings);
}
