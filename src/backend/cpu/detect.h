// Which instruction sets this machine can run; one function for each that a build may hold.
#pragma once

namespace ingot::cpu {

bool supports_portable();
bool supports_avx2();
bool supports_avx512();
bool supports_neon();

}  // namespace ingot::cpu
