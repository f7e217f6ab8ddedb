#include "train/export.h"

#include <cstdint>
#include <span>

#include "base/check.h"
#include "convert/part_file.h"
#include "convert/part_folder.h"
#include "formats/safetensors_writer.h"

namespace fathom {
namespace {

struct Tensor {
  SafetensorsEntry entry;
  std::span<const float> values;
};

std::vector<Tensor> TensorsOf(const TrainableModel& model, Format format) {
  std::vector<Tensor> tensors;
  const ParameterSet& parameters = model.parameters();
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const ParameterShape& shape = parameters.shapes()[i];
    std::vector<int64_t> dimensions = {shape.rows, shape.columns};
    if (shape.kind == ParameterKind::kVector) dimensions = {shape.columns};
    tensors.push_back({{shape.name, format, std::move(dimensions)}, parameters.values(i)});
  }
  for (const RouterBias& bias : model.router_biases()) {
    tensors.push_back(
        {{bias.name, Format::kF32, {static_cast<int64_t>(bias.values.size())}}, bias.values});
  }
  return tensors;
}

void Append(PartFile& file, uint64_t& offset, std::span<const std::byte> data) {
  file.Write(offset, data);
  offset += data.size();
}

void WriteTensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors) {
  std::vector<SafetensorsEntry> entries;
  for (const Tensor& tensor : tensors) entries.push_back(tensor.entry);
  const std::string head = SafetensorsHead(entries);
  uint64_t bytes = head.size(), offset = 0;
  for (const SafetensorsEntry& entry : entries) bytes += entry.bytes();
  PartFile file(path, bytes, "");
  Append(file, offset, std::as_bytes(std::span(head)));
  for (const Tensor& tensor : tensors) {
    if (tensor.entry.format == Format::kF32) {
      Append(file, offset, std::as_bytes(tensor.values));
      continue;
    }
    std::vector<uint16_t> narrow;
    narrow.reserve(tensor.values.size());
    for (const float value : tensor.values) narrow.push_back(FloatToBFloat16(value));
    Append(file, offset, std::as_bytes(std::span(narrow)));
  }
  file.Publish();
}

}  // namespace

void ExportDirectory(const TrainableModel& model, Format format, const DirectoryTexts& texts,
                     const std::filesystem::path& path) {
  CHECK(format == Format::kF32 || format == Format::kBF16);
  CheckDestination(path, /*folder=*/true, Overwrite::kRefuse);
  PartFolder folder(path);
  WriteTensors(folder.path() / "model.safetensors", TensorsOf(model, format));
  for (const auto& [name, text] : texts) {
    PartFile file(folder.path() / name, text.size(), "");
    file.Write(0, std::as_bytes(std::span(text)));
    file.Publish();
  }
  folder.Publish();
}

}  // namespace fathom
