#include "recipe/model_start.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/system_memory.h"
#include "convert/model_plan.h"
#include "convert/shape.h"
#include "formats/hf_directory.h"
#include "formats/hf_json.h"
#include "loader/hf_tokenizer.h"
#include "loader/recommended_sampling.h"
#include "models/deepseek/config.h"
#include "models/deepseek/train.h"
#include "models/model.h"
#include "recipe/policy.h"
#include "recipe/tokenizer_training.h"
#include "train/initialise.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const fs::path& path) {
  const MappedFile file = MappedFile::Open(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// A config.json without weights.
ModelFile ConfigFile(const fs::path& path, const std::string& text) {
  ModelFile::Metadata metadata;
  FlattenJson(text, path.string(), "", metadata);
  return ModelFile({}, std::move(metadata), {}, ModelFileKind::kHuggingFace, path);
}

// A configuration is small whatever it describes: one that no memory holds is refused before any is
// taken, since what is taken is there only when it is written to.
void CheckMemory(const ModelFile& config) {
  constexpr double kBytes = 16;  // of a parameter: value, gradient, and AdamW's two moments
  double elements = 0;
  for (const DirectoryTensor& tensor : PlanModel(ParseShape(config), true).directory) {
    double part = 1;
    for (const int64_t dimension : tensor.shape) part *= static_cast<double>(dimension);
    elements += part;
  }
  const double have = static_cast<double>(AvailableMemoryBytes());
  if (elements * kBytes <= have) return;
  constexpr double kGigabyte = 1e9;
  throw Error(ErrorCode::kOutOfMemory,
              config.path().string() + ": " + std::to_string(std::llround(elements / 1e6)) +
                  " million parameters take " +
                  std::to_string(std::llround(elements * kBytes / kGigabyte)) +
                  " GB to be trained, " + std::to_string(std::llround(have / kGigabyte)) +
                  " GB are there");
}

std::unique_ptr<TrainableModel> NewModel(const ModelFile& config, uint64_t seed) {
  const std::string& type = config.RequireString("model_type");
  if (type != "deepseek_v3" && type != "deepseek_v2") {
    config.FailKeyUnsupported("model_type",
                              "is " + QuotedName(type) + ", expected deepseek_v3 or deepseek_v2",
                              "others are trained from a model directory: 'model.start'");
  }
  const deepseek::Config parsed = deepseek::ParseHfKeys(config);
  if (parsed.mtp_layers > 1) {
    config.FailKeyUnsupported("num_nextn_predict_layers",
                              "is " + std::to_string(parsed.mtp_layers) + ", expected 0 or 1");
  }
  if (parsed.may_tie_head) {
    config.FailKeyUnsupported("tie_word_embeddings", "is true, expected false for training");
  }
  CheckMemory(config);
  auto model = deepseek::MakeTrainable(parsed);
  Initialise(model->parameters(),
             {.standard_deviation = config.RequireNumber("initializer_range"), .seed = seed});
  return model;
}

// The id that a config.json names is the tokenizer's; where it names none, it does now.
void SettleId(const ModelFile& file, OrderedJson& config, const char* key, TokenId id) {
  if (id < 0) return;
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) {
    config[key] = id;
  } else if (!found->is_number_integer() || found->get<int64_t>() != id) {
    file.FailKey(key, "is " + found->dump() + ", expected the tokenizer's " + std::to_string(id));
  }
}

// config.json with the type of the weights that are written.
std::string ConfigText(OrderedJson config, Format type) {
  config.erase("dtype");
  config["torch_dtype"] = type == Format::kF32 ? "float32" : "bfloat16";
  return config.dump(2) + "\n";
}

std::string GenerationText(const TokenizerSpec& spec) {
  const RecommendedSampling sampling;
  OrderedJson json = OrderedJson::object();
  if (spec.bos >= 0) json["bos_token_id"] = spec.bos;
  json["eos_token_id"] = spec.eos;
  if (spec.pad >= 0) json["pad_token_id"] = spec.pad;
  json["do_sample"] = true;
  json["temperature"] = sampling.temperature;
  json["top_p"] = sampling.top_p;
  return json.dump(2) + "\n";
}

void TakeTokenizer(StartedModel& started, TokenizerSpec spec, const fs::path& folder) {
  const auto rows = started.model->vocabulary();
  if (static_cast<int64_t>(spec.tokens.size()) > rows) {
    throw Error(ErrorCode::kInvalidArgument,
                folder.string() + ": the tokenizer has " + std::to_string(spec.tokens.size()) +
                    " tokens, expected at most the " + std::to_string(rows) +
                    " of the model's 'vocab_size'");
  }
  std::string texts;
  for (const auto& [name, text] : TokenizerFiles(spec)) texts += text;
  started.identities["tokenizer"] = Sha256OfText(texts);
  started.tokenizer = std::make_unique<Tokenizer>(std::move(spec));
  started.chat_template = MakeChatTemplate(*started.tokenizer);
  if (started.chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported, folder.string() + ": the tokenizer has no chat template",
                "tokenizer_config.json carries it as 'chat_template'");
  }
}

void TakeConfig(StartedModel& started, ModelFile config, const OrderedJson& json) {
  for (const auto& [key, value] : json.items()) started.identities["config." + key] = value;
  started.context_length = config.RequireInteger("max_position_embeddings");
  started.config = std::make_unique<ModelFile>(std::move(config));
  // What cannot be run is not worth training: found out now, and not when it is done.
  const Policy policy(*started.model, *started.config, {});
  BindModel(policy.file());
}

StartedModel NewStart(const ModelRecipe& recipe, uint64_t seed, Format type) {
  StartedModel started;
  const std::string text = TextOf(recipe.config);
  ModelFile config = ConfigFile(recipe.config, text);
  TokenizerSpec spec = ReadTokenizer(recipe.tokenizer);
  OrderedJson json = ParseOrderedJson(text, recipe.config.string());
  started.model = NewModel(config, seed);
  SettleId(config, json, "bos_token_id", spec.bos);
  SettleId(config, json, "eos_token_id", spec.eos);
  started.texts = TokenizerFiles(spec);
  started.texts.emplace_back("config.json", ConfigText(json, type));
  started.texts.emplace_back("generation_config.json", GenerationText(spec));
  TakeTokenizer(started, std::move(spec), recipe.tokenizer);
  TakeConfig(started, std::move(config), json);
  return started;
}

StartedModel GoOn(const ModelRecipe& recipe, Format type) {
  StartedModel started;
  const fs::path& folder = recipe.start;
  const ModelFile file = OpenHuggingFaceDirectory(folder);
  if (file.Find("quantization_config.quant_method") != nullptr) {
    file.FailKeyUnsupported("quantization_config",
                            "is there, expected weights that are not "
                            "quantised for training");
  }
  std::optional<TokenizerSpec> spec = HfTokenizerSpecOf(file);
  if (!spec) {
    throw Error(ErrorCode::kNotFound, "there is no tokenizer.json in " + folder.string());
  }
  started.model = ReadTrainable(file);
  const OrderedJson json =
      ParseOrderedJson(TextOf(folder / "config.json"), (folder / "config.json").string());
  started.texts.emplace_back("config.json", ConfigText(json, type));
  std::error_code ignored;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "special_tokens_map.json", "generation_config.json"}) {
    if (fs::exists(folder / name, ignored)) {
      started.texts.emplace_back(name, TextOf(folder / name));
    }
  }
  TakeTokenizer(started, *std::move(spec), folder);
  TakeConfig(started, ModelFile({}, file.metadata(), {}, ModelFileKind::kHuggingFace, folder),
             json);
  std::string digests;
  for (const MappedFile& shard : file.shards()) digests += Sha256OfFile(shard.path());
  started.identities["start"] = Sha256OfText(digests);
  return started;
}

}  // namespace

StartedModel StartModel(const ModelRecipe& recipe, uint64_t seed, Format type) {
  return recipe.start.empty() ? NewStart(recipe, seed, type) : GoOn(recipe, type);
}

}  // namespace fathom
