// Flags that constrain the form of an answer, for every command that generates text.
#pragma once
#include <optional>
#include <string>

#include "command_line.h"
#include "ingot/ingot.h"

namespace ingot::apps {

struct Structure {
  std::string grammar, schema;  // texts, or names of files
  /// The grammar that was asked for, if any. Errors: Error when a file cannot be read or the grammar cannot be used.
  std::optional<Grammar> read() const;
};

/// --grammar and --json-schema.
void add_structure(Command& command, Structure& structure);

}  // namespace ingot::apps
