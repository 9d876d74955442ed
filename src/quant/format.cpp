// Lookups in the generated list of formats.
#include "quant/format.h"

#include <algorithm>
#include <cctype>

namespace ingot::quant {

const Format* find_format(std::string_view space, uint32_t id) {
  for (const Format& f : formats())
    if (f.id == id && f.space == space) return &f;
  return nullptr;
}

const Format* find_format(std::string_view name) {
  auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  for (const Format& f : formats())
    if (std::ranges::equal(std::string_view(f.name), name, same)) return &f;
  return nullptr;
}

}  // namespace ingot::quant
