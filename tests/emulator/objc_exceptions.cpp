// C++ exceptions in Objective-C++ on Linux. clang gives such functions the exception handler of GCC's Objective-C runtime, which knows no
// C++; they are given that of C++, inside this program only. Objective-C's own exceptions are not caught by it, and none are thrown here.
#include <unwind.h>

#include <cstdint>

extern "C" {
_Unwind_Reason_Code __gxx_personality_v0(int version, _Unwind_Action actions, uint64_t kind, _Unwind_Exception* exception, _Unwind_Context* context);

__attribute__((visibility("hidden"))) _Unwind_Reason_Code __gnu_objc_personality_v0(int version, _Unwind_Action actions, uint64_t kind, _Unwind_Exception* exception, _Unwind_Context* context) {
  return __gxx_personality_v0(version, actions, kind, exception, context);
}
}
