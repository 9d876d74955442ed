// Which extensions of its instruction set this machine has, and its operating system lets programs use. Which
// extensions a kernel unit needs is stated once, in cmake/generate.cmake.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace ingot::cpu {

/// What a machine answers when it is asked, word by word (detect.cpp); tests state the answers of machines that are not
/// here.
struct Machine {
  uint64_t words[4];
};

const Machine& this_machine();

/// Whether it has all of them, named as compilers' options name them. It has none that is not known here.
bool has(const Machine&, std::span<const std::string_view> extensions);
bool has(const Machine&, std::initializer_list<std::string_view> extensions);

}  // namespace ingot::cpu
