// fathom list and fathom rm: the models on this machine, and those that can be fetched.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "loader/download.h"

namespace fathom::cli {
namespace {

struct ListFlags {
  bool all = false;
  bool json = false;
};

struct ListRow {
  std::string name, size, state, about;
};

void PrintRows(const std::vector<ListRow>& rows) {
  std::size_t name_width = 0, size_width = 0, state_width = 0;
  for (const ListRow& row : rows) {
    name_width = std::max(name_width, row.name.size());
    size_width = std::max(size_width, row.size.size());
    state_width = std::max(state_width, row.state.size());
  }
  const auto pad = [](const std::string& text, std::size_t width) {
    return text + std::string(width - text.size(), ' ');
  };
  for (const ListRow& row : rows) {
    std::string line = pad(row.name, name_width) + "  " +
                       std::string(size_width - row.size.size(), ' ') + row.size + "  " +
                       pad(row.state, state_width) + "  " + row.about;
    line.erase(line.find_last_not_of(' ') + 1);
    PrintLine(Harmless(line));
  }
}

const InstalledModel* FindInstalled(const std::vector<InstalledModel>& installed,
                                    const std::string& name) {
  const auto found = std::find_if(installed.begin(), installed.end(),
                                  [&](const InstalledModel& model) { return model.name == name; });
  return found == installed.end() ? nullptr : &*found;
}

Json ListJson(const ModelLibrary& library, bool all) {
  const std::vector<InstalledModel> installed = library.Installed();
  Json models = Json::array();
  for (const InstalledModel& model : installed) {
    models.push_back(Json{{"name", model.name},
                          {"installed", true},
                          {"path", model.path.string()},
                          {"bytes", model.bytes},
                          {"bundled", model.bundled},
                          {"default", model.name == library.catalog().Default().name}});
  }
  if (all) {
    for (const CatalogEntry& entry : library.catalog().entries()) {
      if (entry.bundled || FindInstalled(installed, entry.name) != nullptr) continue;
      models.push_back(Json{{"name", entry.name},
                            {"installed", false},
                            {"title", entry.title},
                            {"repository", entry.repository},
                            {"license", entry.license},
                            {"format", entry.format},
                            {"bytes", entry.bytes() != 0 ? Json(entry.bytes()) : Json()},
                            {"files", entry.files.size()},
                            {"default", entry.is_default}});
    }
  }
  return Json{{"folder", library.models_folder().string()}, {"models", std::move(models)}};
}

int List(const Context& context, const ListFlags& flags) {
  const ModelLibrary library = context.Library();
  if (flags.json) {
    PrintLine(DumpJson(ListJson(library, flags.all), 2));
    return kExitOk;
  }
  const std::vector<InstalledModel> installed = library.Installed();
  const std::string& default_name = library.catalog().Default().name;
  std::vector<ListRow> rows;
  for (const InstalledModel& model : installed) {
    const CatalogEntry* entry = library.catalog().Find(model.name);
    rows.push_back({model.name, BytesText(model.bytes), model.bundled ? "built in" : "installed",
                    (model.name == default_name ? "(default) " : "") +
                        (entry != nullptr ? entry->title : std::string())});
  }
  if (flags.all) {
    for (const CatalogEntry& entry : library.catalog().entries()) {
      if (entry.bundled || FindInstalled(installed, entry.name) != nullptr) continue;
      rows.push_back(
          {entry.name, entry.bytes() != 0 ? BytesText(entry.bytes()) : "", "to fetch",
           (entry.is_default ? "(default) " : "") + entry.title + " [" + entry.license + "]"});
    }
  }
  PrintRows(rows);
  if (rows.empty()) {
    PrintLine("No model is installed in " + library.models_folder().string() +
              ". 'fathom pull' fetches " + default_name + "; 'fathom list --all' shows more.");
  }
  return kExitOk;
}

int Remove(const Context& context, const std::string& name) {
  ModelLibrary library = context.Library();
  const uint64_t freed = library.Remove(name);
  PrintLine(name + " is deleted: " + BytesText(freed) + " freed.");
  return kExitOk;
}

}  // namespace

void AddListAndRemove(Command app, Context& context) {
  const auto flags = std::make_shared<ListFlags>();
  Command list = app.AddCommand("list", "List the models on this machine");
  list.AddFlag("-a,--all", flags->all, "Also those of the catalogue that can be fetched");
  list.AddFlag("--json", flags->json, "Print one JSON object");
  list.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return List(context, *flags); }; });

  const auto name = std::make_shared<std::string>();
  Command remove = app.AddCommand("rm", "Delete an installed model");
  remove.Add("name", *name, "Name of the model").Type("NAME").Required();
  remove.OnChosen(
      [&context, name] { context.run = [&context, name] { return Remove(context, *name); }; });
}

}  // namespace fathom::cli
