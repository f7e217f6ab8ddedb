#include "models/config_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/error.h"

namespace fathom {
namespace {

bool Matches(std::string_view name, std::span<const std::string_view> known) {
  return std::any_of(known.begin(), known.end(), [&](std::string_view entry) {
    return entry.ends_with('.') ? name.starts_with(entry) : name == entry;
  });
}

// Attributes of transformers' PreTrainedConfig, of this version and of those before, except
// tie_word_embeddings.
constexpr auto kKeysWithoutMeaning = std::to_array<std::string_view>({
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "add_cross_attention",
    "architectures",  // the registry's
    "attention_dropout",
    "attn_implementation",
    "auto_map.",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "generation_config.",  // another file's
    "id2label.",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id.",
    "length_penalty",
    "max_length",
    "min_length",
    "model_type",  // the registry's
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",  // how products were cut in training; their sum is the same
    "problem_type",
    "pruned_heads.",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params.",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
});

}  // namespace

std::span<const std::string_view> HfKeysWithoutMeaning() { return kKeysWithoutMeaning; }

int64_t ConfigReader::Count(std::string_view name, int64_t most) const {
  return InRange(name, file_.RequireInteger(Key(name)), 1, most);
}

int64_t ConfigReader::CountOr(std::string_view name, int64_t absent, int64_t most) const {
  const auto found = file_.Integer(Key(name));
  return found ? InRange(name, *found, 1, most) : absent;
}

double ConfigReader::Positive(std::string_view name) const {
  const double value = file_.RequireNumber(Key(name));
  if (!std::isfinite(value) || value <= 0) Fail(name, std::to_string(value), "a positive number");
  return value;
}

double ConfigReader::PositiveOr(std::string_view name, double absent) const {
  return Has(name) ? Positive(name) : absent;
}

bool ConfigReader::BooleanOr(std::string_view name, bool absent) const {
  return file_.Boolean(Key(name)).value_or(absent);
}

bool ConfigReader::Boolean(std::string_view name) const {
  const std::optional<bool> value = file_.Boolean(Key(name));
  if (!value) file_.FailKey(Key(name), "is missing, expected a boolean");
  return *value;
}

void ConfigReader::Expect(std::string_view name, bool expected) const {
  if (BooleanOr(name, expected) == expected) return;
  Refuse(name, expected ? "false" : "true", expected ? "true" : "false");
}

void ConfigReader::Expect(std::string_view name, int64_t expected) const {
  const auto found = file_.Integer(Key(name));
  if (!found || *found == expected) return;
  Refuse(name, std::to_string(*found), std::to_string(expected));
}

void ConfigReader::ExpectText(std::string_view name, std::string_view expected) const {
  const std::string* found = file_.String(Key(name));
  if (found == nullptr || *found == expected) return;
  Refuse(name, QuotedName(*found), QuotedName(expected));
}

float ConfigReader::Epsilon(std::string_view name) const {
  const auto value = static_cast<float>(file_.RequireNumber(Key(name)));
  if (!(value >= 0 && value < 1)) Fail(name, std::to_string(value), "0 to 1");
  return value;
}

void ConfigReader::RefuseUnknownKeys(std::span<const std::string_view> known,
                                     std::span<const std::string_view> more,
                                     std::string_view architecture) const {
  for (const auto& [key, value] : file_.metadata()) {
    if (!key.starts_with(prefix_)) continue;
    const std::string_view name = std::string_view(key).substr(prefix_.size());
    if (Matches(name, known) || Matches(name, more)) continue;
    file_.FailKeyUnsupported(
        key, "is not known to the " + std::string(architecture) + " architecture here",
        "it may change the result, so the file is not run");
  }
}

int64_t ConfigReader::CountFromZero(std::string_view name, int64_t most) const {
  return InRange(name, file_.RequireInteger(Key(name)), 0, most);
}

int64_t ConfigReader::CountFromZeroOr(std::string_view name, int64_t absent, int64_t most) const {
  const auto found = file_.Integer(Key(name));
  return found ? InRange(name, *found, 0, most) : absent;
}

void ConfigReader::Fail(std::string_view name, const std::string& found,
                        const std::string& expected) const {
  file_.FailKey(Key(name), "is " + found + ", expected " + expected);
}

void ConfigReader::Refuse(std::string_view name, const std::string& found,
                          const std::string& known) const {
  file_.FailKeyUnsupported(Key(name), "is " + found + ", expected " + known,
                           "another value would change the result, so the file is not run");
}

int64_t ConfigReader::InRange(std::string_view name, int64_t value, int64_t least,
                              int64_t most) const {
  if (value < least || value > most) {
    Fail(name, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

int64_t EmbeddingRows(const ModelFile& file, std::string_view tensor) {
  const NamedTensor* embedding = file.FindTensor(tensor);
  if (embedding == nullptr) file.Fail("tensor " + QuotedName(tensor) + " is missing");
  return embedding->view.shape[0];
}

void CheckVocabulary(const ConfigReader& reader, std::string_view key, int64_t declared,
                     int64_t embedding_rows) {
  if (declared == embedding_rows) return;
  reader.Fail(key, std::to_string(declared),
              std::to_string(embedding_rows) + ", the rows of the embedding");
}

}  // namespace fathom
