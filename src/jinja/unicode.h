// Characters as Python's strings see them, over UTF-8 that is known to be well-formed: positions, white space, case, what prints.
// Case is mapped one to one (and ß to SS); rules that look at neighbours, as of the final sigma, are left out.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace ingot::jinja {

/// Is every sequence of `bytes` a character of Unicode (surrogates are none)?
bool is_utf8(std::string_view bytes);
/// The character at byte `at`, which moves behind it.
char32_t next_character(std::string_view text, size_t& at);
std::string utf8(char32_t character);
size_t n_characters(std::string_view text);
/// The first characters of `text`: what an error shows of it.
std::string beginning(std::string_view text, size_t most = 60);
/// Byte at which character `index` begins; the size of the text when there are fewer.
size_t byte_of_character(std::string_view text, size_t index);
/// How many characters begin before byte `at`.
inline size_t character_at_byte(std::string_view text, size_t at) { return n_characters(text.substr(0, at)); }

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_alphanumeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_printable(char32_t c);
std::string to_upper(char32_t c);
std::string to_lower(char32_t c);

/// As std::string_view::find, but in linear time whatever the two hold.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);

/// Byte positions of `text` without the white space at its ends; `chars`, when not null: without these characters instead.
struct Ends {
  size_t begin, end;
};
Ends strip(std::string_view text, const std::string_view* chars, bool left, bool right);

}  // namespace ingot::jinja
