// fathom version: what this program is and what it can do here.
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "kernels/kernels.h"

namespace fathom::cli {
namespace {

int Version(bool json) {
  std::string names;
  Json list = Json::array();
  for (const KernelTable* table : AvailableKernels()) {
    names += (names.empty() ? "" : ", ") + std::string(table->name);
    list.push_back(table->name);
  }
  if (json) {
    PrintLine(DumpJson(Json{{"version", FATHOM_VERSION},
                            {"compiler", __VERSION__},
                            {"kernels", std::move(list)},
                            {"cores", PhysicalCores()},
                            {"processors", AvailableProcessors()}}));
    return kExitOk;
  }
  PrintLine("fathom " FATHOM_VERSION);
  PrintLine("kernels for this processor: " + names);
  PrintLine(std::to_string(PhysicalCores()) + " cores, " + std::to_string(AvailableProcessors()) +
            " processors; built with " + __VERSION__);
  return kExitOk;
}

}  // namespace

void AddVersion(Command app, Context& context) {
  const auto json = std::make_shared<bool>(false);
  Command command = app.AddCommand("version", "Show the version and this machine's kernels");
  command.AddFlag("--json", *json, "Print one JSON object");
  command.OnChosen([&context, json] { context.run = [json] { return Version(*json); }; });
}

}  // namespace fathom::cli
