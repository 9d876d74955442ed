// Writes what is composed for formats, one file each, every kernel by which any plan runs the format in it:
//   compose_texts (every | classes) DIALECT FOLDER     all formats, or the first of each class; FOLDER/NAME.txt
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>

#include "gpu/compose.h"
#include "gpu/plans.h"

int main(int argc, char** argv) {
  using namespace ingot;
  bool every = argc == 4 && std::strcmp(argv[1], "every") == 0;
  if (argc != 4 || (!every && std::strcmp(argv[1], "classes") != 0)) return std::fprintf(stderr, "compose_texts (every | classes) DIALECT FOLDER\n"), 2;
  try {
    for (const quant::Format* format : gpu::formats_to_check(every)) {
      std::vector<gpu::Entry> entries = gpu::entries_of(*format);
      std::ofstream file(std::string(argv[3]) + "/" + format->name + ".txt");
      file << gpu::compose(argv[2], entries).text;
      if (!file.flush()) return std::fprintf(stderr, "FAILED: %s cannot be written\n", argv[3]), 1;
    }
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "FAILED: %s\n", e.what()), 1;
  }
  return 0;
}
