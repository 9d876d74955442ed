// Writes what is composed for formats, one file each, every kernel by which any plan runs the format in it:
//   compose_texts (every | classes | FORMAT) DIALECT FOLDER     all formats, the first of each class, or one;
//                                                               FOLDER/NAME.txt
#include <cstdio>
#include <exception>
#include <fstream>
#include <string_view>

#include "backends/gpu/compose.h"
#include "backends_gpu/plans.h"

int main(int argc, char** argv) {
  using namespace ingot;
  if (argc != 4) return std::fprintf(stderr, "compose_texts (every | classes | FORMAT) DIALECT FOLDER\n"), 2;
  const bool cuda = std::string_view(argv[2]) == "cuda";
  try {
    for (const quant::Format* format : gpu::formats_to_check(argv[1])) {
      std::vector<gpu::Entry> entries =
          gpu::entries_of(*format, {.copies_overlap = cuda, .max_gemm_tokens = cuda ? 256 : 64});
      std::ofstream file(std::string(argv[3]) + "/" + format->name + ".txt");
      file << gpu::compose(argv[2], entries).text;
      if (!file.flush()) return std::fprintf(stderr, "FAILED: %s cannot be written\n", argv[3]), 1;
    }
  } catch (const std::exception& e) { return std::fprintf(stderr, "FAILED: %s\n", e.what()), 1; }
  return 0;
}
