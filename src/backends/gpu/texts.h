// The texts of the device world that are compiled at run time: files of kernels/ and formats/, embedded when ingot was built.
#pragma once
#include <span>
#include <string_view>

namespace ingot::gpu {

struct Text {
  std::string_view path;  ///< "kernels/gemv/gpu/driver.h", "formats/NAME.h", "formats/tables/NAME.h"
  std::string_view text;
};
std::span<const Text> texts();

}  // namespace ingot::gpu
