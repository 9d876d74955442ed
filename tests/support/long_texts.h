// Texts without mercy for tokenizers, of any length: runs of one thing, words without an end, beginnings of what never
// comes.
#pragma once
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::tests {

inline std::string repeated(std::string_view part, size_t bytes) {
  std::string text;
  text.reserve(bytes + part.size());
  while (text.size() < bytes) text += part;
  return text;
}

/// Name and text; each is at least `bytes` long.
inline std::vector<std::pair<std::string, std::string>> long_texts(size_t bytes) {
  std::vector<std::pair<std::string, std::string>> texts;
  const auto add = [&](const char* name, std::string_view part, std::string_view end = "") {
    texts.emplace_back(name, repeated(part, bytes).append(end));
  };
  add("letters", "a");
  add("capitals", "A");
  add("spaces", " ");
  add("spaces before a digit", " ", "1");
  add("line breaks", "\n");
  add("spaces and line breaks", " \n\t\r");
  add("digits", "7");
  add("punctuation", "!");
  add("quotes", "'");
  add("combining marks", "\u0301");
  add("emoji", "\U0001f469\u200d");
  add("ideographs", "\u4e2d");
  add("beginnings of a token", "<|im_start|<");
  add("mixed scripts",
      "gr\u00fcn \u4f60\u597d \U0001f642, \u0440\u0430\u0437 \u0928\u092e\u0938\u094d\u0924\u0947 "
      "\u05e9\u05dc\u05d5\u05dd 123\n");
  std::mt19937 random(1);
  std::string base64, noise;
  for (size_t i = 0; i < bytes; i++) {
    base64 += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random() % 64];
    noise += static_cast<char>(random());
  }
  texts.emplace_back("base64", std::move(base64));
  texts.emplace_back("random bytes", std::move(noise));
  return texts;
}

}  // namespace ingot::tests
