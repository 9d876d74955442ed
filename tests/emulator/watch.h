// Behind the shims, in texts that are compiled to be watched: what clang calls in front of every access to memory
// (-fsanitize=thread) and where an operation has no meaning (-fsanitize=undefined with its minimal runtime). Both lead
// to the executor; no sanitizer runs.
#pragma once

#define UNWATCHED extern "C" __attribute__((used, visibility("hidden"), disable_sanitizer_instrumentation))

#if defined(EMULATOR_WATCHES_ACCESSES)
#define ACCESS(bytes)                                                                                \
  UNWATCHED void __tsan_read##bytes(void* at) { emulator_services->access(at, bytes, 0); }           \
  UNWATCHED void __tsan_write##bytes(void* at) { emulator_services->access(at, bytes, 1); }          \
  UNWATCHED void __tsan_unaligned_read##bytes(void* at) { emulator_services->access(at, bytes, 0); } \
  UNWATCHED void __tsan_unaligned_write##bytes(void* at) { emulator_services->access(at, bytes, 1); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
UNWATCHED void __tsan_init() {}
UNWATCHED void __tsan_func_entry(void*) {}
UNWATCHED void __tsan_func_exit() {}
UNWATCHED void* __tsan_memcpy(void* to, const void* from, unsigned long bytes) {
  emulator_services->access(from, bytes, 0), emulator_services->access(to, bytes, 1);
  return __builtin_memcpy(to, from, bytes);
}
UNWATCHED void* __tsan_memset(void* to, int value, unsigned long bytes) {
  emulator_services->access(to, bytes, 1);
  return __builtin_memset(to, value, bytes);
}
#endif

#if defined(EMULATOR_WATCHES_ARITHMETIC)
#define FAULT(name) \
  UNWATCHED void __ubsan_handle_##name##_minimal() { emulator_services->fault(#name); }
FAULT(type_mismatch)
FAULT(alignment_assumption)
FAULT(add_overflow)
FAULT(sub_overflow)
FAULT(mul_overflow)
FAULT(negate_overflow)
FAULT(divrem_overflow)
FAULT(shift_out_of_bounds)
FAULT(out_of_bounds)
FAULT(builtin_unreachable)
FAULT(missing_return)
FAULT(vla_bound_not_positive)
FAULT(float_cast_overflow)
FAULT(load_invalid_value)
FAULT(invalid_builtin)
FAULT(nonnull_arg)
FAULT(nonnull_return)
FAULT(pointer_overflow)
#endif
