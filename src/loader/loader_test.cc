// Reading GGUF's tokenizer keys, and opening whole models.
#include "loader/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-loader-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ / "m.gguf") << "content does not matter";
  }
  void TearDown() override { fs::remove_all(folder_); }

  ModelFile FileWith(ModelFile::Metadata metadata) {
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(folder_ / "m.gguf"));
    return ModelFile(std::move(shards), std::move(metadata), {});
  }

  fs::path folder_;
};

ModelFile::Metadata TinyTokenizer() {
  return {
      {"tokenizer.ggml.model", std::string("gpt2")},
      {"tokenizer.ggml.pre", std::string("smollm")},
      {"tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "<|im_end|>", "<think>"}},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{1, 1, 1, 3, 4}},
      {"tokenizer.ggml.merges", std::vector<std::string>{"a b"}},
      {"tokenizer.ggml.bos_token_id", int64_t{3}},
      {"tokenizer.ggml.eos_token_id", int64_t{3}},
      {"tokenizer.chat_template", std::string("{{ x }}")}};
}

fs::path Golden(const char* name) {
  return fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model" / name;
}

TEST_F(LoaderTest, ReadsTokenizerKeys) {
  const std::optional<TokenizerSpec> spec = TokenizerSpecOf(FileWith(TinyTokenizer()));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->pre_tokenizer, "smollm");
  EXPECT_EQ(spec->tokens.size(), 5u);
  EXPECT_THAT(spec->kinds, ElementsAre(TokenKind::kNormal, TokenKind::kNormal, TokenKind::kNormal,
                                       TokenKind::kControl, TokenKind::kUserDefined));
  EXPECT_THAT(spec->merges, ElementsAre("a b"));
  EXPECT_EQ(spec->bos, 3);
  EXPECT_EQ(spec->eos, 3);
  EXPECT_EQ(spec->eot, 3);  // by its usual name
  EXPECT_EQ(spec->pad, -1);
  EXPECT_FALSE(spec->add_bos);
  EXPECT_FALSE(spec->ignore_merges);
  EXPECT_EQ(spec->chat_template, "{{ x }}");
  EXPECT_THAT(spec->chat_template_origin, HasSubstr(".gguf: key tokenizer.chat_template"));
}

TEST_F(LoaderTest, DeepSeekPreTokenizersByTheirNames) {
  const std::pair<const char*, const char*> names[] = {{"deepseek-v3", "deepseek-v3"},
                                                       {"deepseek-llm", "deepseek-llm"},
                                                       {"deepseek-coder", "deepseek-coder"},
                                                       {"deepseek-r1-qwen", "qwen2"}};
  for (const auto& [name, expected] : names) {
    ModelFile::Metadata metadata = TinyTokenizer();
    metadata["tokenizer.ggml.pre"] = std::string(name);
    EXPECT_EQ(TokenizerSpecOf(FileWith(metadata))->pre_tokenizer, expected);
  }
}

TEST_F(LoaderTest, LlamaThreeKeepsWholeTokensAndBegins) {
  ModelFile::Metadata metadata = TinyTokenizer();
  metadata["tokenizer.ggml.pre"] = std::string("llama3");
  std::optional<TokenizerSpec> spec = TokenizerSpecOf(FileWith(metadata));
  EXPECT_EQ(spec->pre_tokenizer, "llama-bpe");
  EXPECT_TRUE(spec->ignore_merges);
  EXPECT_TRUE(spec->add_bos);
  metadata["tokenizer.ggml.add_bos_token"] = false;
  EXPECT_FALSE(TokenizerSpecOf(FileWith(metadata))->add_bos);
}

TEST_F(LoaderTest, NoTokenizerIsNoError) {
  EXPECT_FALSE(TokenizerSpecOf(FileWith({})));
  for (const char* none : {"none", "no_vocab"}) {
    EXPECT_FALSE(TokenizerSpecOf(FileWith({{"tokenizer.ggml.model", std::string(none)}})));
  }
}

TEST_F(LoaderTest, RefusesBrokenTokenizersByName) {
  const struct {
    const char* key;
    std::optional<MetadataValue> value;  // nullopt: taken away
    const char* message;
  } kCases[] = {
      {"tokenizer.ggml.model", std::string("llama"), "tokenizer 'llama' is not supported"},
      {"tokenizer.ggml.pre", std::string("tekken"), "pre-tokenizer 'tekken' is not supported"},
      {"tokenizer.ggml.pre", std::nullopt, "'tokenizer.ggml.pre' is missing"},
      {"tokenizer.ggml.tokens", std::nullopt, "'tokenizer.ggml.tokens' is missing"},
      {"tokenizer.ggml.token_type", std::nullopt, "'tokenizer.ggml.token_type' is missing"},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{1},
       "has 1 entries, expected one for each"},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{1, 1, 1, 9, 4}, "token 3 has type 9"},
      {"tokenizer.ggml.merges", std::nullopt, "'tokenizer.ggml.merges' is missing"},
      {"tokenizer.ggml.eos_token_id", int64_t{5}, "is 5, expected less than the 5 tokens"},
      {"tokenizer.ggml.eos_token_id", std::string("3"), "tokenizer.ggml.eos_token_id"},
      {"tokenizer.ggml.tokens", std::string("a"), "tokenizer.ggml.tokens"},
  };
  for (const auto& test : kCases) {
    ModelFile::Metadata metadata = TinyTokenizer();
    if (test.value) {
      metadata[test.key] = *test.value;
    } else {
      metadata.erase(test.key);
    }
    try {
      TokenizerSpecOf(FileWith(metadata));
      ADD_FAILURE() << test.key << ": no error was thrown";
    } catch (const Error& error) {
      EXPECT_THAT(error.message(), HasSubstr(test.message));
      EXPECT_THAT(error.message(), HasSubstr("m.gguf"));
    }
  }
  ModelFile::Metadata metadata = TinyTokenizer();
  metadata["tokenizer.ggml.add_bos_token"] = true;
  metadata.erase("tokenizer.ggml.bos_token_id");
  EXPECT_THROW(TokenizerSpecOf(FileWith(metadata)), Error);
}

TEST_F(LoaderTest, AllOnesMeansNoToken) {
  ModelFile::Metadata metadata = TinyTokenizer();
  metadata["tokenizer.ggml.padding_token_id"] = int64_t{0xffffffff};
  EXPECT_EQ(TokenizerSpecOf(FileWith(metadata))->pad, -1);
}

TEST_F(LoaderTest, OpensAModelWithoutTokenizer) {
  const LoadedModel model = LoadModel(Golden("llama_gqa.gguf"));
  EXPECT_EQ(model.name, "llama_gqa");
  EXPECT_EQ(model.tokenizer, nullptr);
  EXPECT_EQ(model.chat_template, nullptr);
  EXPECT_EQ(model.model->spec().architecture, "llama");
  EXPECT_EQ(model.fingerprint.size(), 64u);
}

TEST_F(LoaderTest, FingerprintTellsModelsApart) {
  const std::string gqa = LoadModel(Golden("llama_gqa.gguf")).fingerprint;
  EXPECT_EQ(LoadModel(Golden("llama_gqa.gguf"), "another name").fingerprint, gqa);
  EXPECT_NE(LoadModel(Golden("llama_mqa.gguf")).fingerprint, gqa);
  // The same table and metadata, other weights at the end.
  std::ifstream in(Golden("llama_gqa.gguf"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] ^ 1);
  std::ofstream(folder_ / "tuned.gguf", std::ios::binary) << bytes;
  EXPECT_NE(LoadModel(folder_ / "tuned.gguf").fingerprint, gqa);
}

TEST_F(LoaderTest, RefusesWhatIsNoModel) {
  EXPECT_THROW(LoadModel(folder_ / "m.gguf"), Error);
  EXPECT_THROW(LoadModel(folder_ / "missing.gguf"), Error);
  EXPECT_THROW(LoadModel(folder_), Error);
}

}  // namespace
}  // namespace fathom
