// What each format means: RFC 3339 (date, time, date-time; its appendix A: duration), RFC 9562 (uuid), RFC 5321
// (email), RFC 1123 (hostname), RFC 2673 (ipv4), RFC 4291 (ipv6), RFC 3986 (uri). Where a rule is not regular or needs
// very many states, a part of what it allows is taken, never more.
#include "grammar/string_formats.h"

#include <fmt/core.h>

#include <map>

namespace ingot::grammar {
namespace {

std::string date() {
  // Years begin with 1: calendars in common use have no year 0.
  const std::string year = "(000[1-9]|00[1-9]\\d|0[1-9]\\d\\d|[1-9]\\d{3})";
  const std::string leap = "(\\d\\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)";
  const std::string day =
      "((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))";
  return "(" + year + "-" + day + "|" + leap + "-02-29)";
}

// Without leap seconds: when they happen is not in the text.
std::string time() { return "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"; }

std::string duration() {
  const std::string time = "T(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S)";
  const std::string days = "(\\d+D|\\d+M(\\d+D)?|\\d+Y(\\d+M(\\d+D)?)?)";
  return "P(" + days + "(" + time + ")?|" + time + "|\\d+W)";
}

// Labels of 31 characters instead of 63, seven of them: within the 253 characters of a whole name.
std::string hostname() {
  const std::string label = "[A-Za-z0-9]([A-Za-z0-9-]{0,29}[A-Za-z0-9])?",
                    word = "[A-Za-z]([A-Za-z0-9-]{0,29}[A-Za-z0-9])?";
  return "(" + label + "\\.){0,6}" + word;
}

std::string email() {
  const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
  return atom + "{1,15}(\\." + atom + "{1,15}){0,3}@" + hostname();  // at most 64 characters in front of the @
}

std::string ipv4() {
  const std::string byte = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  return byte + "(\\." + byte + "){3}";
}

std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  auto groups = [&](int from, int to) { return fmt::format("({0}(:{0}){{{1},{2}}})", group, from - 1, to - 1); };
  std::string all = groups(8, 8);
  for (int before = 0; before <= 7; before++) {  // :: stands for at least one group
    all += fmt::format("|{}::", before ? groups(before, before) : "");
    if (before < 7) all += groups(1, 7 - before) + "?";
  }
  return all;
}

std::string uri() {
  const std::string free = "A-Za-z0-9._~!$&'()*+,;=-", escaped = "%[0-9A-Fa-f]{2}";
  auto some = [&](const char* more, char count) { return fmt::format("([{}{}]|{}){}", more, free, escaped, count); };
  const std::string authority = fmt::format("({}@)?{}(:\\d{{1,5}})?", some(":", '*'), some("", '+'));
  const std::string path = fmt::format("(/{})*", some(":@", '*'));
  return fmt::format("[A-Za-z][A-Za-z0-9+.-]*:(//{}{}|/?{}{})(\\?{})?(#{})?", authority, path, some(":@", '+'), path,
                     some(":@/?", '*'), some(":@/?", '*'));
}

const std::map<std::string, std::string>& patterns() {
  static const std::map<std::string, std::string> all{
      {"date", date()},
      {"time", time()},
      {"date-time", date() + "T" + time()},
      {"duration", duration()},
      {"uuid", "[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"},
      {"email", email()},
      {"hostname", hostname()},
      {"ipv4", ipv4()},
      {"ipv6", ipv6()},
      {"uri", uri()},
  };
  return all;
}

}  // namespace

std::string format_pattern(const std::string& name) {
  auto found = patterns().find(name);
  return found == patterns().end() ? "" : found->second;
}

std::string format_names() {
  std::string names;
  for (const auto& [name, pattern] : patterns()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace ingot::grammar
