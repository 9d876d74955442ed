// Objective-C objects in C++: owned without automatic reference counting, which not every compiler has, and pools that
// are drained when an exception passes.
#pragma once
#import <Foundation/Foundation.h>

#include <string>
#include <utility>

namespace ingot::metal {

/// Owns one reference. `Object`: id<MTLBuffer>, …
template <class Object> class Held {
 public:
  Held() = default;
  /// Adopts a reference that the caller owns, as from methods called new….
  explicit Held(Object object) : object_(object) {}
  Held(Held&& other) noexcept : object_(std::exchange(other.object_, Object())) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Held() { [object_ release]; }
  Object get() const { return object_; }
  explicit operator bool() const { return object_ != nil; }

 private:
  Object object_ = Object();
};

/// Retains an object that somebody else owns.
template <class Object> Held<Object> hold(Object object) {
  [object retain];
  return Held<Object>(object);
}

/// Autoreleased objects are freed with it.
class Pool {
 public:
  Pool() : pool_([[NSAutoreleasePool alloc] init]) {}
  ~Pool() { [pool_ drain]; }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  NSAutoreleasePool* pool_;
};

inline std::string text_of(NSString* text) { return text ? [text UTF8String] : ""; }
inline std::string text_of(NSError* error) { return error ? text_of([error localizedDescription]) : "no reason given"; }

}  // namespace ingot::metal
