// A file of requests: one JSON object per line, whose members are the prompt and what the flags of `ingot run` say.
//
//   {"prompt": "Why is the sea blue?", "n": 64, "temp": 0}
//   {"messages": [{"role": "user", "content": "Three primes?"}], "json-schema": {"type": "array"}, "seed": 7}
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"
#include "structure_flags.h"

namespace ingot::apps {

struct RequestLine {
  std::string prompt;                 ///< the text; empty where there are messages
  std::string messages;               ///< JSON array of messages, or ""
  std::optional<std::string> system;  ///< before the prompt
  bool raw = false;                   ///< the prompt is continued as it stands
  SamplingOptions sampling;
  GenerateOptions limits;
  Structure structure;
  int logprobs = 0;
};

constexpr int max_logprobs = 100;

/// Reads one line of the file at `path`, line number `line`. Members are named as the long flags, with - or _, or as
/// "n"; what is not there is as in `defaults`. Errors: Error that names file, line and member.
RequestLine read_request(std::string_view text, const std::string& path, size_t line, const RequestLine& defaults);

/// All requests of a file; empty lines are skipped. Errors: those of read_request, of reading the file; a file without
/// requests.
std::vector<RequestLine> read_requests(const std::string& path, const RequestLine& defaults);

}  // namespace ingot::apps
