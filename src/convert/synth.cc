// GGUF files; directories are synth_directory.cc's.
#include "convert/synth.h"

#include <vector>

#include "base/error.h"
#include "convert/gguf_keys.h"
#include "convert/model_plan.h"
#include "convert/random_blocks.h"
#include "convert/random_writer.h"
#include "convert/shape.h"
#include "convert/tiny_vocabulary.h"
#include "convert/type_choice.h"
#include "formats/gguf.h"
#include "models/model.h"

namespace fathom {
ModelShape ShapeOf(const SynthOptions& options) {
  ModelShape shape = ParseShape(OpenShape(options.shape));
  if (options.layers) shape.layers = *options.layers;
  return shape;
}

namespace {

bool CanBeGguf(Format format) { return RowOf(format).gguf_type && CanBeRandom(format); }

std::string GgufTypes() {
  std::string names;
  for (int i = 0; i < kFormatCount; ++i) {
    const auto format = static_cast<Format>(i);
    if (!CanBeGguf(format)) continue;
    names += (names.empty() ? "" : ", ") + std::string(RowOf(format).name);
  }
  return names;
}

}  // namespace

SynthReport WriteSyntheticGguf(const SynthOptions& options, const std::filesystem::path& path) {
  if (!CanBeGguf(options.type)) {
    throw Error(ErrorCode::kUnsupported,
                "random GGUF files in " + std::string(RowOf(options.type).name) + " are not made",
                "types: " + GgufTypes());
  }
  CheckDestination(path, /*folder=*/false, options.overwrite);
  RefuseToReplaceUnlike(path, "GGUF file", StartsAsGguf);
  ModelShape shape = ShapeOf(options);
  shape.mtp_layers = 0;  // llama.cpp loads no file with them
  const ModelPlan plan = PlanModel(shape, !shape.tied_head);
  const std::string name = "synthetic " + std::filesystem::path(options.shape).stem().string();

  GgufHeader header;
  for (const auto& [key, value] : KeysOf(shape, name, options.type, options.shape)) {
    header.AddMetadata(key, value);
  }
  for (const auto& [key, value] : KeysOf(MakeTinyVocabulary(shape), shape)) {
    header.AddMetadata(key, value);
  }
  SynthReport report{.files = 1, .tensors = plan.file.size()};
  std::vector<Format> formats;
  for (const PlannedTensor& tensor : plan.file) {
    const Format format = FormatForRows(PreferredFormat(tensor.kind, shape.tied_head, options.type),
                                        tensor.shape.back());
    header.AddTensor(tensor.name, format, tensor.shape);
    formats.push_back(format);
    int64_t elements = 1;
    for (const int64_t dimension : tensor.shape) elements *= dimension;
    report.parameters += elements;
  }

  const std::string encoded = header.Encode();
  report.bytes = encoded.size() + header.DataBytes();
  PartFile part(path, report.bytes, /*recipe=*/"");
  part.Write(0, std::as_bytes(std::span(encoded)));
  RandomWriter writer(options, report.bytes);
  for (std::size_t i = 0; i < plan.file.size(); ++i) {
    const PlannedTensor& tensor = plan.file[i];
    const uint64_t offset = encoded.size() + header.OffsetOfTensor(i);
    if (tensor.kind == TensorKind::kRopeFrequencies) {
      part.Write(offset, std::as_bytes(std::span(shape.rope.frequency_divisors)));
      continue;
    }
    writer.Write(part, offset, header.BytesOfTensor(i),
                 {.name = tensor.name,
                  .format = formats[i],
                  .deviation = tensor.deviation,
                  .mean = MeanOf(tensor.kind)});
  }
  writer.Report(report.bytes);
  part.Finish();
  BindModel(OpenGguf(part.path()));  // what is published can be run
  part.Publish();
  return report;
}

}  // namespace fathom
