// Texts of the specs in architectures/, as the build put them into the library.
#pragma once
#include <span>

namespace ingot::foundry {

struct SpecText {
  const char* name;  ///< file name without its ending
  const char* text;  ///< JSON
};
std::span<const SpecText> spec_texts();  ///< architectures/*.json
std::span<const SpecText> name_texts();  ///< architectures/names/*.json

}  // namespace ingot::foundry
