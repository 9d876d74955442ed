// Which instruction set extensions this machine has and its operating system enables. Which extensions a kernel unit
// needs is stated once, in cmake/generate.cmake.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace ingot::cpu {

/// A machine's answers to feature queries, word by word (detect.cpp); tests supply the answers of other machines.
struct Machine {
  uint64_t words[4];
};

const Machine& this_machine();

/// Whether it has all of them, named as in compiler options. Names that are unknown here count as missing.
bool has(const Machine&, std::span<const std::string_view> extensions);
bool has(const Machine&, std::initializer_list<std::string_view> extensions);

}  // namespace ingot::cpu
