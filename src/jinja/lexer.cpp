// The lexer proper: text between tags, and the tokens inside tags.
#include "jinja/lexer.h"

#include <fmt/core.h>

#include <algorithm>

#include "ingot/error.h"
#include "jinja/budget.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) outside();
    add(TokenKind::end, at_, at_);
    return std::move(tokens_);
  }

 private:
  bool looking_at(std::string_view text, size_t at) const {
    return source_.substr(std::min(at, source_.size())).starts_with(text);
  }
  bool looking_at(std::string_view text) const { return looking_at(text, at_); }

  void add(TokenKind kind, size_t begin, size_t end) {
    tokens_.push_back({kind, line_, source_.substr(begin, end - begin)});
  }
  void advance(size_t to) {
    line_ += static_cast<int>(
        std::count(source_.begin() + static_cast<ptrdiff_t>(at_), source_.begin() + static_cast<ptrdiff_t>(to), '\n'));
    at_ = to;
  }
  size_t skip_space(size_t at) const {
    while (at < source_.size()) {
      size_t behind = at;
      if (!is_space(next_character(source_, behind))) break;
      at = behind;
    }
    return at;
  }

  /// The text up to a tag at `end`, trimmed as the tag requires; then advances to the first byte after the tag's sign.
  void text_before(size_t end, bool is_variable) {
    const std::string_view text = source_.substr(at_, end - at_);
    const char sign = end + 2 < source_.size() ? source_[end + 2] : ' ';
    size_t keep = text.size();
    if (sign == '-') {
      keep = strip(text, nullptr, false, true).end;
    } else if (sign != '+' && !is_variable) {
      const size_t line = text.rfind('\n') + 1;  // 0 where there is none
      if ((line > 0 || line_starts()) && strip(text.substr(line), nullptr, true, false).begin == text.size() - line)
        keep = line;
    }
    if (keep > 0) add(TokenKind::data, at_, at_ + keep);
    advance(end);
  }
  /// Did the last text end with a newline?
  bool line_starts() const { return at_ == 0 || source_[at_ - 1] == '\n'; }

  void after_sign(size_t tag) {
    advance(tag + 2 + (tag + 2 < source_.size() && (source_[tag + 2] == '-' || source_[tag + 2] == '+')));
  }

  /// Is there an end such as `-%}` here? Then advances past it and the white space that it trims.
  bool closes(std::string_view end, bool trims_newline) {
    const bool minus = looking_at("-"), plus = looking_at("+") && trims_newline;
    if (!looking_at(end, at_ + (minus || plus))) return false;
    size_t behind = at_ + (minus || plus) + end.size();
    if (minus)
      behind = skip_space(behind);
    else if (!plus && trims_newline && looking_at("\n", behind))
      behind++;
    advance(behind);
    return true;
  }

  void outside() {
    size_t tag = at_;
    for (;; tag++) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= source_.size()) {
        add(TokenKind::data, at_, source_.size());
        advance(source_.size());
        return;
      }
      if (source_[tag + 1] == '{' || source_[tag + 1] == '%' || source_[tag + 1] == '#') break;
    }
    const char kind = source_[tag + 1];
    text_before(tag, kind == '{');
    if (kind == '#') return comment(tag);
    const int line = line_;
    after_sign(tag);
    if (kind == '%' && raw(line)) return;
    inside(kind == '{', line);
  }

  void comment(size_t tag) {
    const int line = line_;
    after_sign(tag);
    while (!closes("#}", true)) {
      if (at_ >= source_.size()) fail_at(line, "a comment has no end", "", "#}");
      advance(at_ + 1);
    }
  }

  /// `{% raw %}`: everything up to `{% endraw %}` is text.
  bool raw(int line) {
    const size_t word = skip_space(at_);
    if (!looking_at("raw", word)) return false;
    const size_t end = skip_space(word + 3);
    if (!looking_at("%}", end) && !looking_at("-%}", end)) return false;
    advance(end);
    closes("%}", false);
    for (size_t tag = at_; (tag = source_.find("{%", tag)) != std::string_view::npos; tag += 2) {
      size_t name = tag + 2;
      if (name < source_.size() && (source_[name] == '-' || source_[name] == '+')) name++;
      name = skip_space(name);
      if (!looking_at("endraw", name)) continue;
      const size_t close = skip_space(name + 6);
      const bool has_sign = looking_at("-", close) || looking_at("+", close);
      if (!looking_at("%}", close + has_sign)) continue;
      text_before(tag, false);
      advance(close);
      closes("%}", true);
      return true;
    }
    fail_at(line, "a raw block has no end", "", "{% endraw %}");
  }

  void inside(bool is_variable, int line) {
    tokens_.push_back({is_variable ? TokenKind::variable_begin : TokenKind::block_begin, line, {}});
    std::string open;  // brackets
    for (;;) {
      advance(skip_space(at_));
      if (at_ >= source_.size()) fail_at(line, "a tag has no end", "", is_variable ? "}}" : "%}");
      const size_t before = at_;
      if (open.empty() && closes(is_variable ? "}}" : "%}", !is_variable)) {
        tokens_.push_back(
            {is_variable ? TokenKind::variable_end : TokenKind::block_end, line_, source_.substr(before, 0)});
        return;
      }
      const char c = source_[at_];
      if (is_digit(c))
        number();
      else if (is_name_start(c))
        word();
      else if (c == '\'' || c == '"')
        string();
      else
        operation(open);
    }
  }

  void take(TokenKind kind, size_t end) {
    const size_t begin = at_;
    add(kind, begin, end);
    advance(end);
  }

  size_t digits(size_t at, bool (*belongs)(char)) const {
    while (at < source_.size() &&
           (belongs(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && belongs(source_[at + 1]))))
      at++;
    return at;
  }

  void number() {
    const auto next = [&](size_t at) { return at < source_.size() ? source_[at] : '\0'; };
    const char base = source_[at_] == '0' ? static_cast<char>(next(at_ + 1) | 0x20) : '\0';
    if (base == 'x' || base == 'o' || base == 'b')
      return take(TokenKind::integer, digits(at_ + 2, [](char c) {
                    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                  }));
    size_t end = digits(at_, is_digit);
    bool whole = true;
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // a.0.1: items, not fractions
    if (!after_dot && next(end) == '.' && is_digit(next(end + 1))) whole = false, end = digits(end + 1, is_digit);
    if (!after_dot && (next(end) | 0x20) == 'e') {
      const size_t exponent = end + 1 + (next(end + 1) == '+' || next(end + 1) == '-');
      if (is_digit(next(exponent))) whole = false, end = digits(exponent, is_digit);
    }
    take(whole ? TokenKind::integer : TokenKind::floating, end);
  }

  void word() {
    size_t end = at_;
    while (end < source_.size() && is_name_part(source_[end])) end++;
    take(TokenKind::name, end);
  }

  void string() {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != source_[at_]) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_at(line_, "a string has no end", "", std::string(1, source_[at_]));
    take(TokenKind::string, end + 1);
  }

  void operation(std::string& open) {
    static constexpr std::string_view two[] = {"//", "**", "==", "!=", "<=", ">="};
    for (const std::string_view op : two)
      if (looking_at(op)) return take(TokenKind::op, at_ + 2);
    const char c = source_[at_];
    if (std::string_view("+-/*%~[](){}<>=.:|,;").find(c) == std::string_view::npos) {
      size_t end = at_;
      next_character(source_, end);
      fail_at(line_, "a character that means nothing here", std::string(source_.substr(at_, end - at_)));
    }
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        fail_at(line_, "a bracket closes that was not opened", std::string(1, c),
                open.empty() ? "" : std::string(1, open.back()));
      open.pop_back();
    }
    take(TokenKind::op, at_ + 1);
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

int hex_value(char c) {
  return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

}  // namespace

void fail_at(int line, const std::string& what, const std::string& got, const std::string& expected,
             const std::string& advice) {
  throw Error("jinja", fmt::format("line {}: {}", line, beginning(what, 200)), beginning(got), expected, advice);
}

std::string normalized_source(std::string_view source) {
  if (source.size() > max_source_bytes)
    throw Error("jinja", "the template is too long", fmt::format("{} bytes", source.size()),
                fmt::format("at most {}", max_source_bytes));
  if (!is_utf8(source)) throw Error("jinja", "the template is not UTF-8 text");
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); i++) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

std::string unescaped(const Token& token) {
  const std::string_view text = token.text.substr(1, token.text.size() - 2);
  std::string out;
  const auto hex = [&](size_t& at, size_t n) {
    char32_t c = 0;
    for (size_t i = 0; i < n; i++, at++) {
      const int digit = at < text.size() ? hex_value(text[at]) : -1;
      if (digit < 0)
        fail_at(token.line, "a string escape lacks digits", std::string(text), fmt::format("{} hexadecimal digits", n));
      c = c << 4 | static_cast<char32_t>(digit);
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
      fail_at(token.line, "a string escape is not a character", fmt::format("U+{:X}", uint32_t{c}));
    out += utf8(c);
  };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    const char c = text[at + 1];  // the lexer lets no string end in a backslash
    at += 2;
    static constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
    if (const size_t plain = from.find(c); plain != std::string_view::npos)
      out += to[plain];
    else if (c == '\n')
      continue;
    else if (c == 'x')
      hex(at, 2);
    else if (c == 'u')
      hex(at, 4);
    else if (c == 'U')
      hex(at, 8);
    else if (c == 'N')
      fail_at(token.line, "characters by name (\\N) are not supported", "", "\\u and its four digits");
    else if (c >= '0' && c <= '7') {
      char32_t value = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && at < text.size() && text[at] >= '0' && text[at] <= '7'; i++)
        value = value * 8 + static_cast<char32_t>(text[at++] - '0');
      out += utf8(value);
    } else
      (out += '\\') += c;
  }
  return out;
}

}  // namespace ingot::jinja
