// A value is the text itself where it can be nothing else, and otherwise the name of a file.
#include "structure_flags.h"

#include "files.h"
#include "flags.h"

namespace ingot::apps {

std::optional<Grammar> Structure::read() const {
  if (!grammar.empty())
    return Grammar::from_gbnf(grammar.find("::=") != std::string::npos ? grammar : read_text(grammar));
  if (!schema.empty()) return Grammar::from_json_schema(schema.front() == '{' ? schema : read_text(schema));
  return std::nullopt;
}

void add_structure(Command& command, Structure& structure) {
  const char* group = "What to write";
  Option* grammar = command
                        .add_option("--grammar,--grammar-file", &structure.grammar,
                                    "Constrain the answer to this grammar (GBNF): a file, or the rules themselves")
                        ->check(not_empty())
                        ->type_name("FILE")
                        ->group(group);
  command
      .add_option("-j,--json-schema,--json-schema-file", &structure.schema,
                  "Constrain the answer to JSON that is valid for this schema: a file, or the schema itself")
      ->check(not_empty())
      ->type_name("FILE")
      ->group(group)
      ->excludes(grammar);
}

}  // namespace ingot::apps
