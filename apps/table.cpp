// Padding counts characters, not bytes: a cell may hold UTF-8.
#include "table.h"

#include <fmt/format.h>

#include <algorithm>

namespace ingot::apps {
namespace {

size_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string padded(const std::string& cell, size_t width, bool right) {
  std::string spaces(width - std::min(width, characters(cell)), ' ');
  return right ? spaces + cell : cell + spaces;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\n") == std::string::npos) return cell;
  return '"' + replaced(cell, "\"", "\"\"") + '"';
}

}  // namespace

std::vector<size_t> Table::widths() const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); c++) {
    widths.push_back(characters(columns_[c].title));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], characters(row[c]));
  }
  return widths;
}

Styled Table::text() const {
  std::vector<size_t> width = widths();
  auto line = [&](auto cell) {
    std::string s;
    for (size_t c = 0; c < columns_.size(); c++)
      s += (c ? "  " : "") + padded(cell(c), width[c], columns_[c].is_number);
    return s.substr(0, s.find_last_not_of(' ') + 1);
  };
  std::string rows = "\n";
  for (const auto& row : rows_) rows += line([&](size_t c) { return row[c]; }) + "\n";
  return Styled(Color::bold, line([&](size_t c) { return columns_[c].title; })) + rows;
}

std::string Table::markdown() const {
  std::string s = "|", rule = "|";
  for (const Column& c : columns_) {
    s.append(" ").append(c.title).append(" |");
    rule += c.is_number ? "---:|" : "---|";
  }
  s.append("\n").append(rule).append("\n");
  for (const auto& row : rows_) {
    s += "|";
    for (const std::string& cell : row) s.append(" ").append(replaced(cell, "|", "\\|")).append(" |");
    s += "\n";
  }
  return s;
}

std::string Table::csv() const {
  std::string s;
  for (size_t c = 0; c < columns_.size(); c++) s.append(c ? "," : "").append(csv_cell(columns_[c].title));
  s += "\n";
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); c++) s.append(c ? "," : "").append(csv_cell(row[c]));
    s += "\n";
  }
  return s;
}

std::string count_text(int64_t n, const char* noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string bytes_text(uint64_t bytes) {
  static const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  return unit ? fmt::format("{:.1f} {}", value, units[unit]) : fmt::format("{} B", bytes);
}

std::string seconds_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} µs", seconds * 1e6);
}

}  // namespace ingot::apps
