// fathom inspect: what is inside a model file or directory, without loading it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "base/error.h"
#include "cli/command.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "formats/weight_check.h"
#include "loader/download.h"
#include "loader/loader.h"
#include "models/model.h"

namespace fathom::cli {
namespace {

struct InspectFlags {
  std::string model;
  bool full = false;
  bool tensors = false;
  bool json = false;
  bool check = false;
};

// Long arrays and strings are cut to this much unless --full.
constexpr std::size_t kShownElements = 8;
constexpr std::size_t kShownCharacters = 200;

Json ValueJson(const MetadataValue& value, bool full) {
  return std::visit(
      [&]<class T>(const T& held) -> Json {
        if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
          return held;
        } else {
          const std::size_t shown = full ? held.size() : std::min(held.size(), kShownElements);
          Json list = Json::array();
          for (std::size_t i = 0; i < shown; ++i) list.push_back(held[i]);
          if (shown == held.size()) return list;
          return Json{{"length", held.size()}, {"first", std::move(list)}};
        }
      },
      value);
}

std::string ValueText(const MetadataValue& value, bool full) {
  const Json json = ValueJson(value, full);
  std::string text;
  if (json.is_object()) {
    text = DumpJson(json["first"]);
    text.back() = ',';
    text += " ... " + std::to_string(json["length"].get<std::size_t>()) + " in all]";
  } else if (json.is_string()) {
    text = Quoted(json.get<std::string>());
  } else {
    text = DumpJson(json);
  }
  if (!full && text.size() > kShownCharacters) {
    std::size_t end = kShownCharacters;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return Harmless(text);
}

struct FormatTotal {
  int64_t tensors = 0, elements = 0, bytes = 0;
};

std::map<std::string, FormatTotal> TotalsOf(const ModelFile& file) {
  std::map<std::string, FormatTotal> totals;
  for (const NamedTensor& tensor : file.tensors()) {
    FormatTotal& total = totals[std::string(RowOf(tensor.view.format).name)];
    ++total.tensors;
    total.elements += tensor.view.elements();
    total.bytes += tensor.view.bytes();
  }
  return totals;
}

// Whether this version can run the file: null, or why not.
std::string WhyNot(const ModelFile& file) {
  try {
    DescribeModel(file);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Json ShapeJson(const TensorView& view) {
  Json shape = Json::array();
  for (int i = 0; i < view.rank; ++i) shape.push_back(view.shape[i]);
  return shape;
}

Json InspectJson(const ModelFile& file, bool full) {
  Json json{{"path", file.path().string()},
            {"kind", file.kind() == ModelFileKind::kGguf ? "gguf" : "huggingface"},
            {"bytes", file.bytes()},
            {"shards", file.shards().size()}};
  Json& metadata = json["metadata"] = Json::object();
  for (const auto& [key, value] : file.metadata()) metadata[key] = ValueJson(value, full);
  Json& tensors = json["tensors"] = Json::array();
  for (const NamedTensor& tensor : file.tensors()) {
    tensors.push_back(Json{{"name", tensor.name},
                           {"shape", ShapeJson(tensor.view)},
                           {"format", RowOf(tensor.view.format).name},
                           {"bytes", tensor.view.bytes()},
                           {"shard", tensor.shard},
                           {"offset", tensor.file_offset}});
  }
  Json& formats = json["formats"] = Json::object();
  int64_t parameters = 0;
  for (const auto& [name, total] : TotalsOf(file)) {
    formats[name] =
        Json{{"tensors", total.tensors}, {"elements", total.elements}, {"bytes", total.bytes}};
    parameters += total.elements;
  }
  json["parameters"] = parameters;
  const std::string why_not = WhyNot(file);
  json["runs"] = why_not.empty();
  if (!why_not.empty()) json["why_not"] = why_not;
  return json;
}

void PrintTensors(const ModelFile& file) {
  std::size_t width = 4;
  for (const NamedTensor& tensor : file.tensors()) width = std::max(width, tensor.name.size());
  width = std::min<std::size_t>(width, 48);
  PrintLine("\nTensors");
  for (const NamedTensor& tensor : file.tensors()) {
    char line[256];
    std::snprintf(line, sizeof line, "  %-*s  %-7s %18s %10s", static_cast<int>(width),
                  tensor.name.c_str(), std::string(RowOf(tensor.view.format).name).c_str(),
                  ShapeText(tensor.view).c_str(),
                  BytesText(static_cast<uint64_t>(tensor.view.bytes())).c_str());
    PrintLine(Harmless(line));
  }
}

// Reads every weight. Throws for the first that is no number.
void CheckWithProgress(const ModelFile& file) {
  int64_t total = 0;
  for (const NamedTensor& tensor : file.tensors()) total += tensor.view.bytes();
  InterruptScope interrupts;
  ProgressLine line;
  CheckWeights(file, [&](int64_t done) {
    line.Show("Reading the weights: " + BytesText(static_cast<uint64_t>(done)) + " of " +
              BytesText(static_cast<uint64_t>(total)));
    return !interrupts.pending();
  });
}

int Inspect(const Context& context, const InspectFlags& flags) {
  const InstalledModel model = context.Resolve(flags.model);
  const ModelFile file = OpenModelFile(model.path);
  if (flags.check) {
    CheckWithProgress(file);
    PrintLine(flags.json ? DumpJson(Json{{"path", file.path().string()}, {"finite", true}})
                         : Harmless(file.path().string()) + ": all weights are finite numbers");
    return kExitOk;
  }
  if (flags.json) {
    PrintLine(DumpJson(InspectJson(file, flags.full), 2));
    return kExitOk;
  }
  PrintLine(Harmless(file.path().string()));
  PrintLine("  " + BytesText(file.bytes()) + " in " + std::to_string(file.shards().size()) +
            (file.shards().size() == 1 ? " file" : " files") + ", " +
            std::to_string(file.tensors().size()) + " tensors");
  PrintLine("\nMetadata");
  for (const auto& [key, value] : file.metadata()) {
    PrintLine("  " + Harmless(key) + " = " + ValueText(value, flags.full));
  }
  if (flags.tensors || flags.full) PrintTensors(file);
  PrintLine("\nFormats");
  FormatTotal all;
  const auto row = [](const std::string& name, const FormatTotal& total) {
    char line[160];
    std::snprintf(line, sizeof line, "  %-7s %6lld tensors %14lld values %10s %6.2f bits each",
                  name.c_str(), static_cast<long long>(total.tensors),
                  static_cast<long long>(total.elements),
                  BytesText(static_cast<uint64_t>(total.bytes)).c_str(),
                  total.elements > 0
                      ? 8.0 * static_cast<double>(total.bytes) / static_cast<double>(total.elements)
                      : 0.0);
    PrintLine(line);
  };
  for (const auto& [name, total] : TotalsOf(file)) {
    row(name, total);
    all.tensors += total.tensors;
    all.elements += total.elements;
    all.bytes += total.bytes;
  }
  row("all", all);
  const std::string why_not = WhyNot(file);
  PrintLine(why_not.empty() ? "\nThis version of Fathom can run it."
                            : "\nThis version of Fathom cannot run it: " + Harmless(why_not));
  return kExitOk;
}

}  // namespace

void AddInspect(Command app, Context& context) {
  const auto flags = std::make_shared<InspectFlags>();
  Command command = app.AddCommand("inspect", "Show the metadata, tensors and sizes of a model");
  command
      .Add("-m,--model,model", flags->model,
           "Name of an installed model, path of a GGUF file or of a model directory")
      .Type("MODEL");
  command.AddFlag("--tensors", flags->tensors, "List every tensor");
  command.AddFlag("--full", flags->full, "List everything, long arrays too");
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command
      .AddFlag("--check", flags->check,
               "Read all weights instead, and name the first that is infinite or not a number, or "
               "scales others by zero or less")
      .Excludes("--tensors")
      .Excludes("--full");
  command.Footer(
      "Examples:\n"
      "  fathom inspect\n"
      "  fathom inspect my-model.gguf --tensors\n"
      "  fathom inspect path/to/DeepSeek-R1 --tensors\n"
      "  fathom inspect my-model.gguf --json\n"
      "  fathom inspect my-model.gguf --check");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Inspect(context, *flags); }; });
}

}  // namespace fathom::cli
