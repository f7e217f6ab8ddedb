// Model directories with a tokenizer beside the weights: what each of its files says, and what a
// directory needs to be talked to.
#include "loader/hf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "loader/catalog.h"
#include "loader/loader.h"
#include "text/stream_decoder.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kSource = FATHOM_SOURCE_DIR;

// A copy of a tiny qwen2 directory (131 rows of embedding) with a tokenizer of 44 tokens, of which
// 41 is <|im_end|>, a control token.
class HfTokenizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-hf-XXXXXX").string();
    parent_ = ::mkdtemp(pattern.data());
    folder_ = parent_ / "tiny-qwen";
    fs::copy(kSource / "tests/goldens/model/qwen2_untied", folder_);
    fs::remove(folder_ / "generation_config.json");
    Write("tokenizer.json", Read(kSource / "tests/data/fuzz/tokenizer_json/qwen2.json"));
  }
  void TearDown() override { fs::remove_all(parent_); }

  static std::string Read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  TokenizerSpec Spec() const {
    std::optional<TokenizerSpec> spec = TokenizerSpecOf(OpenModelFile(folder_));
    EXPECT_TRUE(spec);
    return *std::move(spec);
  }
  std::string SpecError() const {
    try {
      TokenizerSpecOf(OpenModelFile(folder_));
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    return "no error";
  }

  fs::path parent_, folder_;
};

TEST_F(HfTokenizerTest, TokenizerJsonAloneIsEnough) {
  const TokenizerSpec spec = Spec();
  EXPECT_EQ(spec.pre_tokenizer, "qwen2");
  EXPECT_EQ(spec.tokens.size(), 44u);
  EXPECT_EQ(spec.bos, -1);
  EXPECT_EQ(spec.eos, -1);
  EXPECT_EQ(spec.eot, 41);  // by its usual name
  EXPECT_FALSE(spec.add_bos);
  EXPECT_EQ(spec.chat_template, "");
}

TEST_F(HfTokenizerTest, ConfigurationNamesTokensAndTemplate) {
  Write("tokenizer_config.json",
        R"({"bos_token":{"content":"<think>","lstrip":false},"eos_token":"<|im_end|>",)"
        R"("pad_token":"[PAD]","add_bos_token":true,"add_eos_token":false,)"
        R"("chat_template":"{{ x }}","model_max_length":1000000000000000019884624838656})");
  TokenizerSpec spec = Spec();
  EXPECT_EQ(spec.bos, 42);
  EXPECT_EQ(spec.eos, 41);
  EXPECT_EQ(spec.pad, -1);
  EXPECT_TRUE(spec.add_bos);
  EXPECT_EQ(spec.chat_template, "{{ x }}");
  Write("chat_template.jinja", "{{ y }}\n");
  EXPECT_EQ(Spec().chat_template, "{{ y }}\n");
}

TEST_F(HfTokenizerTest, TemplateErrorsNameTheFile) {
  const auto error_of = [&] {
    try {
      MakeChatTemplate(Tokenizer(Spec()));
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("no error");
  };
  Write("tokenizer_config.json", R"({"chat_template":"a\n{% for x %}"})");
  EXPECT_EQ(error_of(), (folder_ / "tokenizer_config.json").string() +
                            ": key chat_template, line 2: expected 'in', found '%}'");
  Write("chat_template.jinja", "{% for x %}");
  EXPECT_EQ(error_of(),
            (folder_ / "chat_template.jinja").string() + ", line 1: expected 'in', found '%}'");
}

TEST_F(HfTokenizerTest, NoFileIsReadFromElsewhere) {
  Write("tokenizer_config.json", "{}");
  Write("chat_template.jinja", "x");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
    fs::rename(folder_ / name, parent_ / name);
    fs::create_symlink(parent_ / name, folder_ / name);
    EXPECT_THAT(SpecError(), HasSubstr((folder_ / name).string() + ": is a link to"));
    fs::remove(folder_ / name);
    fs::rename(parent_ / name, folder_ / name);
  }
  EXPECT_EQ(SpecError(), "no error");
}

TEST_F(HfTokenizerTest, OfSeveralTemplatesTheDefaultIsTaken) {
  Write(
      "tokenizer_config.json",
      R"({"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]})");
  EXPECT_EQ(Spec().chat_template, "d");
}

TEST_F(HfTokenizerTest, AllEndsOfTheGenerationConfigurationEndAReply) {
  Write("generation_config.json", R"({"bos_token_id":3,"eos_token_id":[41,43]})");
  const TokenizerSpec spec = Spec();
  EXPECT_EQ(spec.bos, 3);
  EXPECT_EQ(spec.eos, 41);
  EXPECT_THAT(spec.stops, ElementsAre(41, 43));
}

TEST_F(HfTokenizerTest, RefusesBrokenFilesByName) {
  const struct {
    const char* file;
    const char* text;
    const char* message;
  } kCases[] = {
      {"tokenizer_config.json", "{", "tokenizer_config.json: the file is not valid JSON"},
      {"tokenizer_config.json", "[]", "the file is not a JSON object"},
      {"tokenizer_config.json", R"({"x":NaN})", "is not valid JSON"},
      {"tokenizer_config.json", R"({"bos_token":7})", "'bos_token' is no text of a token"},
      {"tokenizer_config.json", R"({"eos_token":"</s>"})", "'eos_token' is '</s>', which is no"},
      {"tokenizer_config.json", R"({"add_bos_token":1})", "'add_bos_token' is no boolean"},
      {"tokenizer_config.json", R"({"add_bos_token":true})", "true, but there is no token"},
      {"tokenizer_config.json", R"({"add_eos_token":true})", "'add_eos_token' is true"},
      {"tokenizer_config.json", R"({"chat_template":1})", "neither text nor a list"},
      {"tokenizer_config.json", R"({"chat_template":["x"]})", "is not {name, template}"},
      {"generation_config.json", R"({"eos_token_id":44})",
       "generation_config.json: key 'eos_token_id' is 44, expected less than the 44 tokens"},
      {"generation_config.json", R"({"eos_token_id":"x"})", "'eos_token_id' is a string"},
  };
  for (const auto& test : kCases) {
    Write(test.file, test.text);
    EXPECT_THAT(SpecError(), HasSubstr(test.message)) << test.text;
    fs::remove(folder_ / test.file);
  }
}

TEST_F(HfTokenizerTest, AnEndThatTheTokenizerDoesNotHaveIsRefused) {
  std::string config = Read(folder_ / "config.json");
  const std::string key = "\"eos_token_id\": null";
  ASSERT_NE(config.find(key), std::string::npos);
  config.replace(config.find(key), key.size(), "\"eos_token_id\": 44");
  Write("config.json", config);
  for (const char* generation : {"{}", R"({"eos_token_id":41})"}) {
    Write("generation_config.json", generation);
    EXPECT_THAT(SpecError(), HasSubstr("key 'eos_token_id' is 44, expected less than the 44"));
  }
}

TEST_F(HfTokenizerTest, ADirectoryOpensByItsPathOrItsConfiguration) {
  const LoadedModel model = LoadModel(folder_);
  EXPECT_EQ(model.name, "tiny-qwen");
  EXPECT_EQ(model.model->spec().architecture, "qwen2");
  ASSERT_NE(model.tokenizer, nullptr);
  EXPECT_EQ(LoadModel(folder_ / "config.json").fingerprint, model.fingerprint);
  EXPECT_EQ(LoadModel(folder_ / "").name, "tiny-qwen");
  try {
    LoadModel(folder_ / "model.safetensors");
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("is one file of a model directory"));
  }
}

TEST_F(HfTokenizerTest, ADirectoryWithoutTokenizerLoadsWithoutOne) {
  fs::remove(folder_ / "tokenizer.json");
  EXPECT_EQ(LoadModel(folder_).tokenizer, nullptr);
}

// The embedding has more rows than there are tokens: the model may give such ids, and they must not
// become text.
TEST_F(HfTokenizerTest, IdsBeyondTheVocabularyAreNoText) {
  const LoadedModel model = LoadModel(folder_);
  EXPECT_EQ(model.model->spec().vocabulary, 131);
  EXPECT_EQ(model.tokenizer->size(), 44);
  const std::vector<TokenId> ids = {0, 44, 1, 130};
  EXPECT_EQ(model.tokenizer->Decode(ids), "ab");
  EXPECT_EQ(model.tokenizer->Decode(ids, /*keep_control=*/true), "ab");
  StreamDecoder decoder(*model.tokenizer);
  std::string text;
  for (const TokenId id : ids) text += decoder.Push(id);
  EXPECT_EQ(text + decoder.Finish(), "ab");
}

TEST_F(HfTokenizerTest, MoreTokensThanRowsAreRefused) {
  std::string json = Read(folder_ / "tokenizer.json");
  std::string added;
  for (int id = 44; id < 132; ++id) {
    added += ",{\"id\":" + std::to_string(id) + ",\"content\":\"<" + std::to_string(id) +
             ">\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
             "\"special\":true}";
  }
  json.insert(json.find("],\"normalizer\""), added);
  Write("tokenizer.json", json);
  try {
    LoadModel(folder_);
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("tiny-qwen"));
    EXPECT_THAT(error.message(),
                HasSubstr("the tokenizer has 132 tokens, but the embedding has 131 rows"));
  }
}

TEST_F(HfTokenizerTest, SamplingIsTheModels) {
  const RecommendedSampling usual = LoadModel(folder_).sampling;
  EXPECT_EQ(usual.temperature, 0.6);
  EXPECT_EQ(usual.top_p, 0.95);
  Write("generation_config.json", R"({"temperature":0.3,"top_p":1})");
  EXPECT_EQ(LoadModel(folder_).sampling.temperature, 0.3);
  EXPECT_EQ(LoadModel(folder_).sampling.top_p, 1);
  for (const char* bad : {R"({"temperature":-1})", R"({"top_p":1.5})", R"({"top_p":"much"})"}) {
    Write("generation_config.json", bad);
    EXPECT_THROW(LoadModel(folder_), Error) << bad;
  }
}

TEST_F(HfTokenizerTest, PathsOfDirectoriesAreModels) {
  const ModelLibrary library(parent_ / "data", Catalog::BuiltIn());
  for (const fs::path& path : {folder_, folder_ / "config.json"}) {
    const InstalledModel model = library.Resolve(path.string());
    EXPECT_EQ(model.name, "tiny-qwen");
    EXPECT_EQ(model.path, folder_);
  }
  EXPECT_THROW(library.Resolve(parent_.string()), Error);
}

}  // namespace
}  // namespace fathom
