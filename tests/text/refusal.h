// What a tokenizer says of a vocabulary that it refuses.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "ingot/error.h"
#include "text/tokenizer.h"

namespace ingot::text {

/// The error of Tokenizer::make, or "accepted".
inline std::string refusal(const Vocabulary& v) {
  try {
    Tokenizer::make(v);
  } catch (const Error& error) {
    EXPECT_EQ(error.room(), "text");
    return error.what();
  }
  return "accepted";
}

}  // namespace ingot::text
