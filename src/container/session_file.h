// A session on disk, little-endian:
//
//   "ingot-s\n"  version u32  tokens u32  model u64  layout bytes u64  note bytes u64  cache bytes u64
//   tokens i32 each · layout · note · cache · checksum u64 (XXH3 of everything before it)
//
// `cache` holds keys and values of all tokens but the last, as the backend lays them out: `layout` names how. The last
// token is run again, which gives its logits. The file is refused when it is damaged; whether it belongs to a model,
// the session decides.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ingot::container {

using Bytes = std::span<const std::byte>;

struct SavedSession {
  uint64_t model = 0;  ///< fingerprint
  std::string layout, note;
  std::vector<int32_t> tokens;
};

constexpr uint64_t max_layout_bytes = 256, max_note_bytes = 64 << 20;

/// Writes `session` to `path` atomically. `cache` passes `cache_bytes` bytes to the function it is given. Errors: the
/// file cannot be written, a note that is too long.
void write_session(const std::string& path, const SavedSession& session, uint64_t cache_bytes,
                   const std::function<void(const std::function<void(Bytes)>&)>& cache);
/// Upper bound on the size of a file with so many tokens and bytes of keys and values.
uint64_t max_session_bytes(uint64_t tokens, uint64_t cache_bytes);
/// The session in `bytes`; `cache`: its keys and values there. Errors: not a session, another version, damaged.
SavedSession parse_session(Bytes bytes, Bytes& cache);

}  // namespace ingot::container
