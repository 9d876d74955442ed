// Stop strings: found wherever the text is cut, and nothing but what is certain is handed out.
#include <gtest/gtest.h>

#include <random>

#include "text/stop_strings.h"

namespace ingot::text {
namespace {

/// The plain reference: reads the whole text; the stop string that is complete first ends it, of several the longest.
std::pair<std::string, std::string> reference(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); end++) {
    std::string found;
    for (const std::string& s : stops)
      if (s.size() <= end && text.compare(end - s.size(), s.size(), s) == 0 && s.size() > found.size()) found = s;
    if (!found.empty()) return {text.substr(0, end - found.size()), found};
  }
  return {text, ""};
}

TEST(StopStrings, HoldsBackNoMoreThanABeginning) {
  StopStrings stops({"###", "User:"});
  EXPECT_EQ(stops.push("one #"), "one ");
  EXPECT_EQ(stops.push("# two"), "## two");
  EXPECT_EQ(stops.push(" Us"), " ");
  EXPECT_EQ(stops.push("er"), "");
  EXPECT_EQ(stops.push("s: #"), "Users: ");
  EXPECT_EQ(stops.push("##"), "");
  EXPECT_EQ(stops.found(), "###");
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, WhatIsHeldAtTheEndIsText) {
  StopStrings stops({"stop"});
  EXPECT_EQ(stops.push("don't sto"), "don't ");
  EXPECT_EQ(stops.finish(), "sto");
  EXPECT_EQ(stops.found(), "");
}

TEST(StopStrings, AsTheReferenceWhereverTheTextIsCut) {
  std::mt19937 random(1);
  auto letters = [&](size_t min_size, size_t max_size) {
    std::string s(min_size + random() % (max_size - min_size + 1), ' ');
    for (char& c : s) c = static_cast<char>('a' + random() % 3);
    return s;
  };
  int found = 0;
  for (int i = 0; i < 5000; i++) {
    std::vector<std::string> all;
    for (size_t n = 1 + random() % 3; all.size() < n;) all.push_back(letters(1, 6));
    std::string text = letters(0, 30), got;
    StopStrings stops(all);
    for (size_t at = 0; at < text.size();) {
      size_t n = std::min<size_t>(1 + random() % 5, text.size() - at);
      got += stops.push(std::string_view(text).substr(at, n));
      at += n;
    }
    got += stops.finish();
    ASSERT_EQ(std::pair(got, stops.found()), reference(text, all)) << text;
    found += !stops.found().empty();
  }
  EXPECT_GT(found, 1000);
}

}  // namespace
}  // namespace ingot::text
