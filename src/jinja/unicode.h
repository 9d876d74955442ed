// Characters as Python's strings see them, over UTF-8 that is known to be well-formed: positions and properties.
#pragma once
#include <locale.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ingot::jinja {

/// Is every sequence of `bytes` a character of Unicode (surrogates are none)?
bool is_utf8(std::string_view bytes);
/// The character at byte `at`; advances `at` past it.
char32_t next_character(std::string_view text, size_t& at);
std::string utf8(char32_t character);
size_t n_characters(std::string_view text);
/// The first characters of `text`: what an error shows of it.
std::string beginning(std::string_view text, size_t max_characters = 60);
/// Byte at which character `index` begins; the size of the text when there are fewer.
size_t byte_of_character(std::string_view text, size_t index);
/// How many characters begin before byte `at`.
inline size_t character_at_byte(std::string_view text, size_t at) { return n_characters(text.substr(0, at)); }

bool is_space(char32_t c);
bool is_alpha(char32_t c);
/// The value of a decimal digit of any script.
std::optional<int> decimal_value(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);    // decimals, and digits that are not of a positional system: ², ①
bool is_numeric(char32_t c);  // digits, and whatever has a numeric value: ½, Ⅷ, 五
bool is_alphanumeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);  // one character for an upper-case and a lower-case letter: ǅ
bool is_cased(char32_t c);
bool is_case_ignorable(char32_t c);  // a mark or a sign inside a word
/// Is there a character with case in `text`, and is each of them `wanted`?
bool all_cased_are(std::string_view text, bool (*wanted)(char32_t));
bool is_printable(char32_t c);
/// The C library's own UTF-8 locale, which is independent of the process's setting.
locale_t unicode_locale();

/// As std::string_view::find, but in linear time whatever the two hold.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);

/// Byte positions of `text` without the white space at its ends; `chars`, when not null: without these characters
/// instead.
struct Ends {
  size_t begin, end;
};
Ends strip(std::string_view text, const std::string_view* chars, bool left, bool right);

}  // namespace ingot::jinja
