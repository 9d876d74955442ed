// Where Objective-C's run time on Linux is not what the Metal backend needs.
#include <unwind.h>

#include <cstdint>

extern "C" {

// C++ exceptions: clang gives functions of Objective-C++ the exception handler of GCC's run time, which knows no C++;
// they are given that of C++, inside this program only. Objective-C's own exceptions are not caught by it, and none are
// thrown here.
_Unwind_Reason_Code __gxx_personality_v0(int version, _Unwind_Action actions, uint64_t kind,
                                         _Unwind_Exception* exception, _Unwind_Context* context);

__attribute__((visibility("hidden"))) _Unwind_Reason_Code __gnu_objc_personality_v0(int version, _Unwind_Action actions,
                                                                                    uint64_t kind,
                                                                                    _Unwind_Exception* exception,
                                                                                    _Unwind_Context* context) {
  return __gxx_personality_v0(version, actions, kind, exception, context);
}

// Foundation keeps what it made for itself until the program ends. Buffers of the double are not among it.
__attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:libgnustep-base\nleak:libobjc\n";
}
}
