// JSON schema (2020-12, and what older drafts spell differently) to a grammar of JSON texts. Members of an object
// appear in the schema's order, followed by additional ones; strings with a pattern, a format or excluded values, and
// keys, are escaped only where they must be; between tokens there is nothing, a space, or a new line with its
// indentation. Every text of the grammar is valid. What cannot be enforced is an error that names its place; a keyword
// that no draft knows is ignored, as the standard says.
#pragma once
#include <string_view>

#include "grammar/rules.h"

namespace ingot::grammar {

/// Errors: not a schema, something in it that cannot be enforced (named by its JSON pointer), nothing satisfies it,
/// over budget.
Rules parse_json_schema(std::string_view schema, Budget& budget);

}  // namespace ingot::grammar
