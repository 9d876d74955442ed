// UTF-8: where text may be cut, and how damaged text is mended.
#include "text/utf8.h"

#include <gtest/gtest.h>

#include <random>

#include "text/tokenizer.h"

namespace ingot::text {
namespace {

TEST(Utf8, CutsOnlyBetweenCharacters) {
  const std::string text = "a\u00e9\u20ac\U0001f642";  // 1, 2, 3 and 4 bytes
  const size_t complete[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (size_t n = 0; n <= text.size(); n++) EXPECT_EQ(complete_utf8(text.substr(0, n)), complete[n]) << n;
}

TEST(Utf8, WaitsForNothingThatCannotCome) {
  for (const std::string_view hopeless :
       {"\x80", "a\x80\x80\x80\x80", "\xC0", "\xC1", "\xF5", "\xFF", "\xE0\x80", "\xE0\x9F", "\xED\xA0", "\xF0\x8F",
        "\xF4\x90", "\xE2\x82\x28", "\xC3\xC3\x28"}) {
    EXPECT_EQ(complete_utf8(hopeless), hopeless.size()) << repair_utf8(hopeless);
  }
  for (const std::string_view hopeful : {"\xC3", "\xE0\xA0", "\xED\x9F", "\xF0\x90", "\xF4\x8F\xBF"})
    EXPECT_EQ(complete_utf8(hopeful), 0u);
}

TEST(Utf8, RepairsAsTheUnicodeStandardRecommends) {
  const std::string r = "\uFFFD";
  // The Unicode Standard, tables 3-8 to 3-11, and what Python's bytes.decode(errors="replace") gives.
  EXPECT_EQ(repair_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repair_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(repair_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(repair_utf8("\xF0\x9F\x99"), r);
  EXPECT_EQ(repair_utf8(""), "");
  EXPECT_EQ(repair_utf8("gr\u00fcn \U0001f642"), "gr\u00fcn \U0001f642");
}

TEST(Utf8, EveryCharacterIsWhole) {
  for (char32_t character = 0; character <= 0x10FFFF; character++) {
    if (character == 0xD800) character = 0xE000;
    std::string text;
    append_utf8(text, character);
    const Sequence sequence = first_sequence(text);
    ASSERT_EQ(sequence.state, Sequence::whole) << static_cast<uint32_t>(character);
    ASSERT_EQ(sequence.bytes, text.size()) << static_cast<uint32_t>(character);
    ASSERT_EQ(announced_bytes(text[0]), text.size()) << static_cast<uint32_t>(character);
    ASSERT_EQ(lenient_utf8(text), text) << static_cast<uint32_t>(character);
    for (size_t n = 1; n < text.size(); n++)
      ASSERT_EQ(first_sequence(text.substr(0, n)).state, Sequence::unfinished) << static_cast<uint32_t>(character);
  }
}

TEST(Utf8, LenientReadingOfDamagedText) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(lenient_utf8("\xC0\x80"), std::string(1, '\0'));   // overlong
  EXPECT_EQ(lenient_utf8("\xE0\x80\xAF"), "/");                // overlong
  EXPECT_EQ(lenient_utf8("\xED\xA0\x80"), "\xED\xA0\x80");     // a lone surrogate
  EXPECT_EQ(lenient_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(lenient_utf8("\xE2\x82"), r + r);                  // every byte of an unfinished one
  EXPECT_EQ(lenient_utf8("a\xFF\x80z"), "a" + r + r + "z");
}

// However bytes arrive, what was handed out when complete, joined, is the repaired whole.
TEST(Utf8, StreamingEqualsRepairingTheWhole) {
  std::mt19937 random(1);
  const std::string_view parts[] = {"a",        "\u00e9", "\u20ac",       "\U0001f642", "\x80",
                                    "\xF0\x9F", "\xE2",   "\xED\xA0\x80", "\xFF"};
  for (int round = 0; round < 2000; round++) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; n--) text += parts[random() % std::size(parts)];
    std::string shown, held;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + random() % 3;
      held += text.substr(at, n);
      at += n;
      const size_t complete = complete_utf8(held);
      ASSERT_LT(held.size() - complete, 4u);
      shown += repair_utf8(held.substr(0, complete));
      held.erase(0, complete);
    }
    ASSERT_EQ(shown + repair_utf8(held), repair_utf8(text));
  }
}

}  // namespace
}  // namespace ingot::text
