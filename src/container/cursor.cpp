// The wording of failures; see cursor.h.
#include "container/cursor.h"

#include <fmt/core.h>

#include "container/names.h"
#include "ingot/error.h"

namespace ingot::container {
namespace {
constexpr const char* damaged = "the file is damaged or its download is incomplete: download it again";
}

void fail(const Subject& subject, uint64_t offset, const std::string& what, const std::string& got,
          const std::string& expected, const std::string& advice) {
  std::string about = subject.kind;
  if (!subject.name.empty()) about += ' ' + quoted(subject.name);
  throw Error("container", fmt::format("{}: {}: {} (byte {})", printable(subject.file, SIZE_MAX), about, what, offset),
              got, expected, advice);
}

void Cursor::past_end(uint64_t bytes, const char* what) const {
  if (file_.size() > end_)
    fail(subject_, at_, fmt::format("{} extends beyond the first {} bytes", what, max_metadata_bytes),
         fmt::format("{} bytes", bytes), "metadata of at most 256 MiB");
  fail(subject_, at_, fmt::format("the file ends inside the {}", what), fmt::format("{} bytes", bytes),
       fmt::format("at most the {} remaining bytes", remaining()), damaged);
}

void Cursor::too_few_remaining(uint64_t count, uint64_t min_bytes, const char* what) const {
  fail(subject_, at_, fmt::format("more {} than the file can hold", what), std::to_string(count),
       fmt::format("at most {} in the {} remaining bytes", remaining() / min_bytes, remaining()), damaged);
}

}  // namespace ingot::container
