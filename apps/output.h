// Where words go: answers to stdout, everything else to stderr.
#pragma once
#include <string_view>

namespace ingot::apps {

/// Thrown when stdout has no reader any more (`ingot … | head`).
struct ReaderGone {};

/// Writes `text` to stdout, buffered. Errors: ReaderGone; Error when the text cannot be written (disk full).
void answer(std::string_view text);
/// Hands out what `answer` holds back. Errors as there.
void flush_answer();
/// Writes a line to stderr.
void note(std::string_view line);

}  // namespace ingot::apps
