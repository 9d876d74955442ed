// A table of words, written as aligned text, Markdown or CSV.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "output.h"

namespace ingot::apps {

struct Column {
  std::string title;
  bool is_number = false;  ///< right-aligned
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// One cell per column.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  /// Two spaces between columns, the heading bold on a terminal.
  Styled text() const;
  std::string markdown() const;
  /// As RFC 4180, with bare line feeds.
  std::string csv() const;

 private:
  std::vector<size_t> widths() const;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Rates and memories are shown in units of it: GB/s, billions of weights per second.
inline constexpr double giga = 1e9;

/// "1 token", "2 tokens"
std::string count_text(int64_t n, const char* noun);
/// "93.8 MiB"
std::string bytes_text(uint64_t bytes);
/// "1.24 ms", with a suitable unit
std::string seconds_text(double seconds);

}  // namespace ingot::apps
