#include "container/session_file.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/checked.h"
#include "base/files.h"
#include "ingot/error.h"

namespace ingot::container {
namespace {

constexpr uint32_t format_version = 1;

struct Header {
  char magic[8] = {'i', 'n', 'g', 'o', 't', '-', 's', '\n'};
  uint32_t version = format_version, tokens = 0;
  uint64_t model = 0, layout_bytes = 0, note_bytes = 0, cache_bytes = 0;
};
static_assert(sizeof(Header) == 48);
using Checksum = uint64_t;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Where the parts of a file with this header end; nothing if the sizes overflow.
std::optional<uint64_t> file_bytes(const Header& h) {
  std::optional<uint64_t> sum = sizeof h + sizeof(Checksum) + h.tokens * sizeof(int32_t);
  for (uint64_t part : {h.layout_bytes, h.note_bytes, h.cache_bytes})
    if (sum) sum = checked_add(*sum, part);
  return sum;
}

}  // namespace

void write_session(const std::string& path, const SavedSession& session, uint64_t cache_bytes,
                   const std::function<void(const std::function<void(Bytes)>&)>& cache) {
  if (session.note.size() > max_note_bytes)
    throw Error("container", "the session note is too long", fmt::format("{} bytes", session.note.size()),
                fmt::format("at most {}", max_note_bytes));
  Header header;
  header.tokens = narrow<uint32_t>(session.tokens.size(), "container", "the number of tokens");
  header.model = session.model;
  header.layout_bytes = session.layout.size(), header.note_bytes = session.note.size(),
  header.cache_bytes = cache_bytes;
  NewFile file(path, Access::owner);  // a conversation is private
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> sum(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(sum.get());
  auto put = [&](Bytes bytes) {
    XXH3_64bits_update(sum.get(), bytes.data(), bytes.size());
    file.write(bytes);
  };
  put(std::as_bytes(std::span(&header, 1)));
  put(std::as_bytes(std::span(session.tokens)));
  put(bytes_of(session.layout));
  put(bytes_of(session.note));
  cache(put);
  Checksum checksum = XXH3_64bits_digest(sum.get());
  file.write(std::as_bytes(std::span(&checksum, 1)));
  file.commit();
}

uint64_t max_session_bytes(uint64_t tokens, uint64_t cache_bytes) {
  return capped_sum(sizeof(Header) + sizeof(Checksum) + max_layout_bytes + max_note_bytes,
                    capped_product(tokens, sizeof(int32_t)), cache_bytes);
}

SavedSession parse_session(Bytes bytes, Bytes& cache) {
  Header header, expected;
  Checksum checksum;
  if (bytes.size() < sizeof header + sizeof checksum)
    throw Error("container", "not a session file", fmt::format("{} bytes", bytes.size()),
                "a file that --session wrote");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic))
    throw Error("container", "not a session file", "another magic number", "a file that --session wrote");
  if (header.version != format_version)
    throw Error("container", "unsupported session version", fmt::format("{}", header.version),
                fmt::format("{}", format_version), "run its text again");
  if (file_bytes(header) != bytes.size() || header.layout_bytes > max_layout_bytes ||
      header.note_bytes > max_note_bytes)
    throw Error("container", "the session is damaged", fmt::format("{} bytes", bytes.size()),
                "the length stated in its header");
  Bytes summed = bytes.first(bytes.size() - sizeof checksum);
  std::memcpy(&checksum, summed.data() + summed.size(), sizeof checksum);
  if (checksum != XXH3_64bits(summed.data(), summed.size()))
    throw Error("container", "the session is damaged", "another checksum", fmt::format("{:016x}", checksum));

  size_t at = sizeof header;
  auto take = [&](uint64_t n) { return summed.subspan(std::exchange(at, at + n), n); };
  auto text = [&](uint64_t n) { return std::string(reinterpret_cast<const char*>(take(n).data()), n); };
  SavedSession session;
  session.model = header.model;
  session.tokens.resize(header.tokens);
  Bytes tokens = take(header.tokens * sizeof(int32_t));
  if (!tokens.empty()) std::memcpy(session.tokens.data(), tokens.data(), tokens.size());
  session.layout = text(header.layout_bytes);
  session.note = text(header.note_bytes);
  cache = take(header.cache_bytes);
  return session;
}

}  // namespace ingot::container
