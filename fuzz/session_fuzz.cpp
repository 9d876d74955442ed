// Fuzzes session files: any bytes are refused with an ingot::Error, and the session is what it was; or they are taken, and the session
// holds their tokens, can be sampled from, saved and loaded again. Magic, version, model and checksum of the input are put right as well,
// so that lengths, tokens and cache are tried behind them. The model is tiny, and made here.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/files.h"
#include "engine/session_file.h"
#include "ingot/ingot.h"
#include "support/gguf_builder.h"

namespace {

using namespace ingot;

constexpr uint64_t hidden = 32, head = 16, ffn = 32, context = 96;
using File = std::vector<std::byte>;

/// A place in memory that has a path.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : file_(memfd_create(name, 0)), path_("/proc/self/fd/" + std::to_string(file_)) {}
  ~MemoryFile() { close(file_); }
  const std::string& path() const { return path_; }
  void put(std::span<const std::byte> bytes) {
    if (ftruncate(file_, 0) != 0 || pwrite(file_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  }

 private:
  int file_;
  std::string path_;
};

Model make_model() {
  std::vector<std::string> tokens;  // as GPT-2 spells bytes: printable ones stand for themselves, the others follow at 256
  std::vector<int32_t> types(257, 1);
  for (int byte = 0, next = 256; byte < 256; byte++) {
    bool printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    int c = printable ? byte : next++;
    tokens.push_back(c < 128 ? std::string(1, static_cast<char>(c))
                             : std::string{static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))});
  }
  tokens.push_back("<|end|>");
  types.back() = 3;
  test::GgufBuilder file;
  file.kv("general.architecture", "llama").kv("llama.context_length", uint32_t(context)).kv("llama.embedding_length", uint32_t(hidden));
  file.kv("llama.block_count", uint32_t(1)).kv("llama.feed_forward_length", uint32_t(ffn)).kv("llama.rope.freq_base", 10000.0f);
  file.kv("llama.attention.head_count", uint32_t(hidden / head))
      .kv("llama.attention.head_count_kv", uint32_t(1))
      .kv("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  file.kv("tokenizer.ggml.model", "gpt2")
      .kv("tokenizer.ggml.pre", "smollm")
      .array("tokenizer.ggml.tokens", tokens)
      .array("tokenizer.ggml.token_type", types);
  file.array("tokenizer.ggml.merges", std::vector<std::string>{"a b"}).kv("tokenizer.ggml.eos_token_id", uint32_t(256));
  auto add = [&](const char* name, std::vector<uint64_t> shape) {
    uint64_t n = 1;
    for (uint64_t d : shape) n *= d;
    std::vector<float> values(n);
    for (uint64_t i = 0; i < n; i++) values[i] = static_cast<float>(i * 7919 % 1009) / 1009 - 0.5f;
    file.tensor(name, std::move(shape), 0, test::bytes_of(values));
  };
  add("token_embd.weight", {hidden, tokens.size()});
  for (const char* norm : {"output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"}) add(norm, {hidden});
  for (const char* square : {"blk.0.attn_q.weight", "blk.0.attn_output.weight"}) add(square, {hidden, hidden});
  for (const char* small : {"blk.0.attn_k.weight", "blk.0.attn_v.weight"}) add(small, {hidden, head});
  for (const char* gate : {"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"}) add(gate, {hidden, ffn});
  add("blk.0.ffn_down.weight", {ffn, hidden});
  MemoryFile memory("model");
  std::string bytes = file.bytes();
  memory.put(std::as_bytes(std::span(bytes)));
  LoadOptions options;
  options.threads = 1;
  return Model::load(memory.path(), options);
}

/// A session as `save` writes it, of this model.
File saved(const Session& session, const std::string& path) {
  session.save(path, "note");
  return read_file(path, 1 << 20);
}

/// The input with what no chance would find: the beginning of a file of this model, and its checksum.
File sealed(std::span<const std::byte> input, const File& sound) {
  File file(input.begin(), input.end());
  if (file.size() < 56) return file;
  std::copy_n(sound.begin(), 12, file.begin());           // magic, version
  std::copy_n(sound.begin() + 16, 8, file.begin() + 16);  // model
  uint64_t sum = XXH3_64bits(file.data(), file.size() - 8);
  std::memcpy(file.data() + file.size() - 8, &sum, 8);
  return file;
}

void demand(bool holds) {
  if (!holds) std::abort();
}

void try_file(const File& file, Session& session, MemoryFile& memory, const std::string& path) {
  const std::vector<int32_t> before = {1, 2, 3};
  session.resume(before);
  memory.put(file);
  try {
    session.load(memory.path());
  } catch (const Error&) {
    demand(std::ranges::equal(session.tokens(), before));
    return;
  }
  engine::Bytes cache;
  std::vector<int32_t> tokens = engine::parse_session(file, cache).tokens;
  demand(std::ranges::equal(session.tokens(), tokens));
  if (tokens.empty()) return;
  try {
    int32_t id = Sampler(session.model(), {}).choose(session);
    demand(id >= 0 && id < session.model().info().vocab);
  } catch (const Error&) {}  // keys and values may hold anything, NaN too
  File again = saved(session, path);
  memory.put(again);
  session.load(memory.path());
  demand(std::ranges::equal(session.tokens(), tokens));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = std::filesystem::temp_directory_path() / ("ingot_session_fuzz_" + std::to_string(getpid()));
  static Session session(make_model());
  static MemoryFile memory("session");
  static const File sound = [] {
    session.resume(std::vector<int32_t>{'a', 'b', 'c'});
    return saved(session, path);
  }();
  std::span<const std::byte> input = std::as_bytes(std::span(data, size));
  try_file(File(input.begin(), input.end()), session, memory, path);
  try_file(sealed(input, sound), session, memory, path);
  std::filesystem::remove(path);
  return 0;
}
