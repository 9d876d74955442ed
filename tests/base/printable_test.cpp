// Text from elsewhere in messages and on terminals; and that no part of an Error can be anything else.
#include "base/printable.h"

#include <gtest/gtest.h>

#include "ingot/error.h"

namespace ingot {
namespace {

// An escape sequence, C1 as a character and as a bare byte, a mark of direction, an overlong form, a cut character,
// NUL.
constexpr char hostile_bytes[] = "\x1b]0;x\x07|\xc2\x9b|\x9b|\xe2\x80\xae|\xc0\x9b|\xe2\x82|\0|\n";
const std::string hostile(hostile_bytes, sizeof hostile_bytes - 1);

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable(hostile), "\\x1b]0;x\\x07|\\xc2\\x9b|\\x9b|\\xe2\\x80\\xae|\\xc0\\x9b|\\xe2\\x82|\\x00|\\x0a");
  EXPECT_EQ(printable("grüße 你好 😀"), "grüße 你好 😀");
  EXPECT_EQ(without_controls("a\n\tb\x1b[2J\r\x7f\xc2\x85 👨‍👩‍👧"),
            "a\n\tb\\x1b[2J\\x0d\\x7f\\xc2\\x85 👨‍👩‍👧");
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(printable("ääää", 5), "ää… (8 bytes)");
  EXPECT_EQ(printable("aaaa", 4), "aaaa");
}

TEST(Error, EveryPartIsPrintableAndShort) {
  const std::string longer = std::string(1 << 20, 'm') + hostile;
  for (const std::string& part : {hostile, longer})
    for (int which = 0; which < 4; which++) {
      auto text = [&](int n) { return n == which ? part : "sound"; };
      const std::string message = Error("room", text(0), text(1), text(2), text(3)).what();
      EXPECT_EQ(printable(message, message.size()), message);
      EXPECT_LT(message.size(), 2000u);
    }
  EXPECT_STREQ(Error("room", "what", "x", "y", "z").what(), "[room] what; got x; expected y; z");
}

TEST(Error, ALongPartKeepsItsEnd) {
  const std::string path(3000, 'd');
  const std::string message = Error("room", path + ": the fault").what();
  EXPECT_NE(message.find(": the fault (3011 bytes)"), std::string::npos) << message;
}

}  // namespace
}  // namespace ingot
