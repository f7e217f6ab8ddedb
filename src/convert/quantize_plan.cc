#include "convert/quantize_plan.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "base/error.h"
#include "convert/quantizer.h"
#include "convert/shape.h"
#include "convert/type_choice.h"
#include "models/model.h"

namespace fathom {
namespace {

void RequireEncoder(Format format) {
  if (EncoderOf(format) != nullptr && RowOf(format).gguf_type) return;
  throw Error(ErrorCode::kUnsupported,
              "writing " + std::string(RowOf(format).name) + " is not supported",
              "types: " + EncodableFormats());
}

// ---- A directory -------------------------------------------------------------------------------

class DirectoryPlanner {
 public:
  // Of the shape's prediction layers those are planned that `written` has.
  DirectoryPlanner(const ModelFile& source, const ModelShape& shape, const ModelShape& written)
      : source_(source), shape_(shape), written_(written) {}

  std::vector<OutputTensor> Plan(std::vector<std::string>& left_out) {
    const bool head = !shape_.tied_head || source_.FindTensor("lm_head.weight") != nullptr;
    std::vector<OutputTensor> outputs;
    for (PlannedTensor& tensor : PlanModel(written_, head).file) {
      // Copies of the model's own; readers take those where these are not there.
      const bool copy = tensor.name.ends_with(".nextn.embed_tokens.weight") ||
                        tensor.name.ends_with(".nextn.shared_head_head.weight");
      if (copy && source_.FindTensor(tensor.sources.front()) == nullptr) continue;
      outputs.push_back(Bind(std::move(tensor)));
    }
    RefuseUnknown(left_out);
    return outputs;
  }

 private:
  OutputTensor Bind(PlannedTensor planned) {
    OutputTensor output{.name = std::move(planned.name),
                        .shape = std::move(planned.shape),
                        .kind = planned.kind,
                        .arrangement = planned.arrangement,
                        .heads = planned.heads};
    if (planned.kind == TensorKind::kRopeFrequencies) {
      output.values = shape_.rope.frequency_divisors;
      return output;
    }
    // Of one source; in stacks the outermost dimension counts them.
    std::vector<int64_t> shape = output.shape;
    if (planned.arrangement == Arrangement::kKeysByHead ||
        planned.arrangement == Arrangement::kValuesByHead) {
      const bool keys = planned.arrangement == Arrangement::kKeysByHead;
      shape = {shape_.heads * (shape_.nope + shape_.value), shape_.latent};
      output.skipped_rows = keys ? 0 : shape_.nope;
      output.head_rows = keys ? shape_.nope : shape_.value;
    } else if (planned.sources.size() > 1 || shape.size() == 3) {
      shape.erase(shape.begin());
    }
    for (const std::string& name : planned.sources) {
      output.sources.push_back(Matrix(name, shape));
      if (output.sources.back().tensor->view.format != output.sources.front().tensor->view.format) {
        source_.Fail("tensor " + QuotedName(name) + " has another type than " +
                     QuotedName(planned.sources.front()));
      }
    }
    return output;
  }

  SourceMatrix Matrix(const std::string& name, const std::vector<int64_t>& shape) {
    if (shape.size() == 1) {
      source_.RequireTensor(name, {shape[0]});
    } else {
      source_.RequireTensor(name, {shape[0], shape[1]});
    }
    used_.insert(name);
    SourceMatrix matrix{.tensor = source_.FindTensor(name)};
    if (matrix.tensor->view.format != Format::kF8_E4M3) return matrix;
    if (shape_.scale_block == 0) {
      source_.Fail("tensor " + QuotedName(name) +
                   " is in F8_E4M3, but config.json has no 'quantization_config'");
    }
    if (shape.size() != 2) source_.Fail("tensor " + QuotedName(name) + " is in F8_E4M3");
    const int64_t side = shape_.scale_block;
    const std::string scales = name + "_scale_inv";
    const TensorView& grid =
        source_.RequireTensor(scales, {(shape[0] + side - 1) / side, (shape[1] + side - 1) / side});
    if (grid.format != Format::kF32) {
      source_.Fail("tensor " + QuotedName(scales) + " is in " +
                   std::string(RowOf(grid.format).name) + ", expected F32");
    }
    used_.insert(scales);
    matrix.scales = source_.FindTensor(scales);
    matrix.scale_block = side;
    return matrix;
  }

  void RefuseUnknown(std::vector<std::string>& left_out) const {
    std::vector<std::string> prediction;
    for (int64_t i = 0; i < shape_.mtp_layers; ++i) {
      prediction.push_back("model.layers." + std::to_string(shape_.layers + i) + ".");
    }
    for (const NamedTensor& tensor : source_.tensors()) {
      if (used_.contains(tensor.name)) continue;
      // Old files keep the frequencies of the rotary embedding, which follow from the
      // configuration.
      if (tensor.name.ends_with(".rotary_emb.inv_freq")) continue;
      if (std::any_of(prediction.begin(), prediction.end(),
                      [&](const auto& prefix) { return tensor.name.starts_with(prefix); })) {
        left_out.push_back(tensor.name);
        continue;
      }
      throw Error(ErrorCode::kUnsupported,
                  source_.path().string() + ": tensor " + QuotedName(tensor.name) +
                      " is not known to the " + std::string(shape_.GgufName()) +
                      " architecture here",
                  "it may change the result, so the model is not converted");
    }
  }

  const ModelFile& source_;
  const ModelShape& shape_;
  const ModelShape& written_;
  std::set<std::string, std::less<>> used_;
};

// A configuration may speak of such layers where their weights were left out.
bool HasPredictionLayers(const ModelFile& source, const ModelShape& shape) {
  if (shape.mtp_layers == 0) return false;
  const std::string prefix = "model.layers." + std::to_string(shape.layers) + ".";
  return std::any_of(source.tensors().begin(), source.tensors().end(),
                     [&](const NamedTensor& tensor) { return tensor.name.starts_with(prefix); });
}

// ---- A GGUF file -------------------------------------------------------------------------------

// Integers were widened when the file was read. The architectures that run here, and tokenizers,
// have 32 bits wherever a value fits into them.
GgufValue Narrowed(const MetadataValue& value) {
  return std::visit(
      []<class T>(const T& held) -> GgufValue {
        if constexpr (std::is_same_v<T, int64_t>) {
          if (held >= 0 && held <= std::numeric_limits<uint32_t>::max()) {
            return static_cast<uint32_t>(held);
          }
          if (held < 0 && held >= std::numeric_limits<int32_t>::min()) {
            return static_cast<int32_t>(held);
          }
          return held;
        } else if constexpr (std::is_same_v<T, uint64_t>) {
          if (held <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(held);
          return held;
        } else if constexpr (std::is_same_v<T, double>) {
          const auto narrow = static_cast<float>(held);
          if (static_cast<double>(narrow) == held || std::isnan(held)) return narrow;
          return held;
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          const bool fits = std::all_of(held.begin(), held.end(), [](int64_t element) {
            return element == static_cast<int32_t>(element);
          });
          if (fits) return std::vector<int32_t>(held.begin(), held.end());
          return held;
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          return std::vector<float>(held.begin(), held.end());
        } else {
          return held;
        }
      },
      value);
}

GgufKeys CopiedKeys(const ModelFile& source, Format type) {
  GgufKeys keys;
  for (const auto& [key, value] : source.metadata()) {
    // Of the file, not of the model.
    if (key.starts_with("split.") || key == "general.alignment" || key == "general.file_type" ||
        key == "general.quantization_version" || key.starts_with("quantize.")) {
      continue;
    }
    keys.emplace_back(key, Narrowed(value));
  }
  keys.emplace_back("general.file_type", FileTypeOf(type));
  keys.emplace_back("general.quantization_version", uint32_t{2});
  return keys;
}

std::vector<OutputTensor> CopiedTensors(const ModelFile& source) {
  std::vector<OutputTensor> outputs;
  for (const NamedTensor& tensor : source.tensors()) {
    const TensorView& view = tensor.view;
    outputs.push_back({.name = tensor.name,
                       .shape = {view.shape.begin(), view.shape.begin() + view.rank},
                       .kind = KindOfGgufTensor(tensor.name, view.rank),
                       .sources = {{.tensor = &tensor}}});
  }
  return outputs;
}

// ---- Formats -----------------------------------------------------------------------------------

void ChooseFormats(std::vector<OutputTensor>& tensors, Format type,
                   const std::vector<TypeOverride>& overrides) {
  const bool tied = std::none_of(tensors.begin(), tensors.end(), [](const OutputTensor& tensor) {
    return tensor.name == "output.weight";
  });
  for (OutputTensor& tensor : tensors) {
    tensor.wanted = PreferredFormat(tensor.kind, tied, type);
  }
  for (auto entry = overrides.rbegin(); entry != overrides.rend(); ++entry) {
    RequireEncoder(entry->format);
    std::regex expression;
    try {
      expression.assign(entry->expression);
    } catch (const std::regex_error& error) {
      throw Error(ErrorCode::kInvalidArgument,
                  QuotedName(entry->expression) + " is no regular expression: " + error.what());
    }
    bool found = false;
    for (OutputTensor& tensor : tensors) {
      if (StaysFloat(tensor.kind) || !std::regex_search(tensor.name, expression)) continue;
      tensor.wanted = entry->format;
      found = true;
    }
    if (!found) {
      throw Error(ErrorCode::kInvalidArgument,
                  "no tensor that can have another type has " + QuotedName(entry->expression) +
                      " in its name",
                  "names are those of the GGUF file, as blk.0.attn_q.weight; router, norms and "
                  "biases stay F32");
    }
  }
  for (OutputTensor& tensor : tensors) {
    tensor.format = FormatForRows(tensor.wanted, tensor.columns());
  }
}

}  // namespace

QuantizePlan PlanQuantize(const ModelFile& source, Format type,
                          const std::vector<TypeOverride>& overrides, const GgufKeys& tokenizer,
                          bool prediction_layers) {
  RequireEncoder(type);
  QuantizePlan plan;
  if (source.kind() == ModelFileKind::kGguf) {
    if (prediction_layers) {
      throw Error(ErrorCode::kInvalidArgument,
                  "--mtp is for model directories: of a GGUF file all layers are kept");
    }
    BindModel(source);  // an architecture and tensors that are known
    plan.tensors = CopiedTensors(source);
    plan.keys = CopiedKeys(source, type);
  } else {
    const ModelShape shape = ParseShape(source);
    ModelShape written = shape;
    if (!prediction_layers) {
      written.mtp_layers = 0;
    } else if (!HasPredictionLayers(source, shape)) {
      throw Error(ErrorCode::kInvalidArgument,
                  source.path().string() + " has no layer that predicts a further token");
    }
    plan.tensors = DirectoryPlanner(source, shape, written).Plan(plan.left_out);
    std::error_code ignored;
    const std::string name = std::filesystem::canonical(source.path(), ignored).filename().string();
    plan.keys = KeysOf(written, name, type, source.path().string());
    plan.keys.insert(plan.keys.end(), tokenizer.begin(), tokenizer.end());
    if (tokenizer.empty()) plan.keys.emplace_back("tokenizer.ggml.model", std::string("none"));
  }
  ChooseFormats(plan.tensors, type, overrides);
  return plan;
}

}  // namespace fathom
