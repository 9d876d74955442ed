// ingot kernels: the source that a device would compile for a model, readable; the device need not be there.
#include <fmt/format.h>

#include <filesystem>

#include "command_line.h"
#include "commands.h"
#include "files.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"

namespace ingot::apps {
namespace {

struct Kernels {
  std::string model, dump;
  LoadOptions load;
  bool json = false;
};

int run(const Kernels& flags) {
  KernelText kernels = ingot::kernels(flags.model, flags.load);
  if (!flags.dump.empty()) {
    std::error_code error;
    std::filesystem::create_directories(flags.dump, error);  // where that fails, the next step says why
    const std::string path = flags.dump + "/" + kernels.device + "_kernels.txt";
    write_text(path, kernels.text, Access::everyone);
    note("wrote " + path);
  }
  if (flags.json)
    answer_json({{"device", kernels.device}, {"entries", kernels.entries}, {"text", kernels.text}});
  else if (flags.dump.empty())
    answer(kernels.text);
  else
    for (const std::string& entry : kernels.entries) answer(entry + "\n");
  return success;
}

}  // namespace

void add_kernels(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<Kernels>();
  Command* command = line.add_command("kernels", "Show the kernels that a device would compile for a model");
  add_model(*command, flags->model);
  add_machine(*command, flags->load);
  add_context(*command, flags->load);
  command->add_option("--dump", &flags->dump, "Write the source into this folder and list its entry points")
      ->check(not_empty())
      ->type_name("DIR");
  command->add_flag("--json", flags->json, "Entry points and source as JSON");
  command->footer(
      R"(A source consists of the device's dialect, the model's formats, the kernels as in their files, and one line per
entry point. The device does not have to be present.)");
  command->when_checked([flags, &chosen] { chosen = [flags] { return run(*flags); }; });
}

}  // namespace ingot::apps
