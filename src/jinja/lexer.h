// From a template's text to tokens, with the white space rules that chat templates are written for: the newline after a
// block tag goes (trim_blocks), and so do the blanks before one at the start of a line (lstrip_blocks); `-` and `+` in
// a tag overrule both.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

enum class TokenKind : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  floating,
  op,
  end
};

struct Token {
  TokenKind kind;
  int line;
  std::string_view text;  ///< into the source; of a string: with its quotes
  bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
};

/// The source as the lexer wants it: newlines as "\n", one at the very end dropped. Errors: too long, no UTF-8.
std::string normalized_source(std::string_view source);
/// `source` is what `normalized_source` gave and outlives the tokens. The last token is `end`. Errors name the line.
std::vector<Token> tokenize(std::string_view source);
/// What a string token means: quotes off, escapes as Python resolves them.
std::string unescaped(const Token& token);

/// "[jinja] line 3: what; …"
[[noreturn]] void fail_at(int line, const std::string& what, const std::string& got = "",
                          const std::string& expected = "", const std::string& advice = "");

}  // namespace ingot::jinja
