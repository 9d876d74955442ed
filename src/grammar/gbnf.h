// GBNF, the notation for grammars that people know from llama.cpp: name ::= "text" [a-z] other-rule (…) | …, with * + ?
// {n,m}, comments behind #, a root rule named `root`. The text is matched in UTF-8.
#pragma once
#include <string_view>

#include "grammar/rules.h"

namespace ingot::grammar {

/// Errors: not GBNF (names the line), an undefined rule, no root, and whatever make_rules refuses.
Rules parse_gbnf(std::string_view text, Budget& budget);

}  // namespace ingot::grammar
