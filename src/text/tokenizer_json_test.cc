// What tokenizer.json may say: every shape that is read, and every one that is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/test_vocabulary.h"
#include "text/tokenizer.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Json Added(const char* text, int id, bool special = true) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

// Ids 0 to 255 are the bytes, 256 is "ab", 257 and 258 are added.
Json SmallFile() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[AlphabetFromBytes(std::string(1, static_cast<char>(byte)))] = byte;
  }
  vocab["ab"] = 256;
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {Added("<s>", 257), Added("<think>", 258, false)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b"}}}}};
}

TokenizerSpec Parse(const Json& file) { return ParseTokenizerJson(DumpJson(file), "small.json"); }

TEST(TokenizerJson, ReadsTheSmallestFile) {
  const TokenizerSpec spec = Parse(SmallFile());
  EXPECT_EQ(spec.pre_tokenizer, "gpt2");
  EXPECT_EQ(spec.tokens.size(), 259u);
  EXPECT_EQ(spec.kinds[256], TokenKind::kNormal);
  EXPECT_EQ(spec.kinds[257], TokenKind::kControl);
  EXPECT_EQ(spec.kinds[258], TokenKind::kUserDefined);
  EXPECT_THAT(spec.merges, ElementsAre("a b"));
  EXPECT_EQ(spec.nfc, false);
  EXPECT_FALSE(spec.ignore_merges);
  EXPECT_FALSE(spec.add_bos);
  EXPECT_EQ(spec.bos, -1);
  EXPECT_TRUE(spec.added_rules.empty());
  EXPECT_THAT(Tokenizer(spec).EncodeTrusted("<s>abc"), ElementsAre(257, 256, 'c'));
}

TEST(TokenizerJson, KnowsThePreTokenizersOfTheGoldens) {
  for (const char* kind :
       {"gpt2", "smollm", "llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm", "deepseek-coder"}) {
    const std::string name = std::string(kind) + ".tokenizer.json";
    const TokenizerSpec spec = ParseTokenizerJson(ReadGolden(name), name);
    EXPECT_EQ(spec.pre_tokenizer, kind);
    EXPECT_EQ(spec.nfc, std::string(kind) == "qwen2");
    EXPECT_EQ(spec.ignore_merges, std::string(kind) == "llama-bpe");
    EXPECT_EQ(spec.add_bos, std::string(kind) == "llama-bpe");
    if (spec.add_bos) {
      EXPECT_EQ(spec.tokens[static_cast<std::size_t>(spec.bos)], "<|begin_of_text|>");
    }
  }
}

TEST(TokenizerJson, ReadsTheOtherShapes) {
  Json file = SmallFile();
  file["model"]["merges"] = {"#version: 0.2", Json{"a", "b"}, Json{"a b", "c"}};
  file["model"]["unk_token"] = "<s>";  // of no effect: all bytes are tokens
  file["model"]["dropout"] = nullptr;
  file["model"]["continuing_subword_prefix"] = "";
  file["model"]["ignore_merges"] = true;
  file["model"].erase("type");
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}};
  file["decoder"] = {{"type", "Sequence"}, {"decoders", {file["decoder"]}}};
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}}}}}}};
  file["truncation"] = {{"max_length", 8}};
  file["added_tokens"][1]["lstrip"] = true;
  file["added_tokens"].push_back(Added("", 7));
  const TokenizerSpec spec = Parse(file);
  EXPECT_THAT(spec.merges, ElementsAre("a b"));
  EXPECT_TRUE(spec.ignore_merges);
  EXPECT_EQ(spec.nfc, true);
  EXPECT_EQ(spec.bos, 257);
  EXPECT_TRUE(spec.add_bos);
  EXPECT_TRUE(spec.added_rules.at(258).strip_left);

  file["post_processor"]["single"] = {{{"Sequence", {{"id", "A"}}}}};
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  file.erase("added_tokens");
  EXPECT_FALSE(Parse(file).add_bos);
  EXPECT_EQ(Parse(file).nfc, false);
}

TEST(TokenizerJson, IdsWithoutATokenAreUnused) {
  Json file = SmallFile();
  file["model"]["vocab"]["far"] = 300;
  file["added_tokens"] = Json::array({Added("<s>", 258)});  // numbered from the size of the vocabulary
  const TokenizerSpec spec = Parse(file);
  EXPECT_EQ(spec.tokens.size(), 301u);
  EXPECT_EQ(spec.kinds[299], TokenKind::kUnused);
  EXPECT_EQ(spec.kinds[258], TokenKind::kControl);
}

struct Refusal {
  std::function<void(Json&)> change;
  ErrorCode code;
  const char* message;
};

TEST(TokenizerJson, RefusesByName) {
  constexpr ErrorCode kNo = ErrorCode::kUnsupported, kBad = ErrorCode::kInvalidFile;
  const Refusal refusals[] = {
      {[](Json& f) { f = Json::array(); }, kBad, "not an object"},
      {[](Json& f) { f["version"] = "2.0"; }, kNo, "version \"2.0\""},
      {[](Json& f) { f["extra"] = 1; }, kNo, "the key \"extra\" of the file"},
      {[](Json& f) { f.erase("model"); }, kBad, "has no 'model'"},
      {[](Json& f) { f["model"] = 3; }, kBad, "the model is 3"},
      {[](Json& f) { f["model"]["type"] = "Unigram"; }, kNo, "the model type \"Unigram\""},
      {[](Json& f) { f["model"]["dropout"] = 0.1; }, kNo, "dropout 0.1"},
      {[](Json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }, kNo, "end_of_word_suffix"},
      {[](Json& f) { f["model"]["continuing_subword_prefix"] = "##"; }, kNo, "subword_prefix"},
      {[](Json& f) { f["model"]["byte_fallback"] = true; }, kNo, "byte_fallback"},
      {[](Json& f) { f["model"]["byte_fallback"] = "yes"; }, kBad, "not true or false"},
      {[](Json& f) { f["model"]["speed"] = 1; }, kNo, "the key \"speed\" of the model"},
      {[](Json& f) { f["model"].erase("vocab"); }, kBad, "has no 'vocab'"},
      {[](Json& f) { f["model"].erase("merges"); }, kBad, "has no 'merges'"},
      {[](Json& f) { f["model"]["vocab"] = Json::array(); }, kBad, "vocabulary is not an object"},
      {[](Json& f) { f["model"]["vocab"]["x1"] = -1; }, kBad, "the token \"x1\" is -1"},
      {[](Json& f) { f["model"]["vocab"]["x1"] = 1.5; }, kBad, "is 1.5"},
      {[](Json& f) { f["model"]["vocab"]["x1"] = 5000000; }, kBad, "is 5000000"},
      {[](Json& f) { f["model"]["vocab"]["x1"] = 4000000; }, kBad, "far outside"},
      {[](Json& f) { f["model"]["vocab"]["x1"] = 65; }, kBad, "the id 65 is given to"},
      {[](Json& f) { f["model"]["merges"] = "a b"; }, kBad, "merges are not a list"},
      {[](Json& f) { f["model"]["merges"] = {"a b c"}; }, kBad, "not two tokens"},
      {[](Json& f) { f["model"]["merges"] = {3}; }, kBad, "the merge 3"},
      {[](Json& f) { f["model"]["merges"] = Json::array({Json::array({"a"})}); }, kBad,
       "not two tokens"},
      {[](Json& f) {
         f["model"]["merges"] = Json::array({Json::array({"a", 1})});
       },
       kBad, "not two tokens"},
      {[](Json& f) {
         f["model"]["unk_token"] = "x";
         f["model"]["vocab"].erase("!");
       },
       kNo, "unk_token"},
      {[](Json& f) { f["added_tokens"] = 1; }, kBad, "'added_tokens' is not a list"},
      {[](Json& f) { f["added_tokens"][0].erase("special"); }, kBad, "has no 'special'"},
      {[](Json& f) { f["added_tokens"][0]["content"] = 5; }, kBad, "not a string"},
      {[](Json& f) { f["added_tokens"][0]["id"] = "5"; }, kBad, "expected a number"},
      {[](Json& f) { f["added_tokens"][0]["id"] = 260; }, kBad, "should have the id 257"},
      {[](Json& f) { f["added_tokens"][0]["content"] = "ab"; }, kBad, "should have the id 256"},
      {[](Json& f) { f["added_tokens"][0]["single_word"] = true; }, kNo, "single_word"},
      {[](Json& f) { f["added_tokens"][0]["weight"] = 1; }, kNo, "the key \"weight\""},
      {[](Json& f) { f["added_tokens"][1]["content"] = "<s>"; }, kBad, "is listed twice"},
      {[](Json& f) {
         f["normalizer"] = {{"type", "Lowercase"}};
       },
       kNo, "Lowercase"},
      {[](Json& f) { f["normalizer"] = "NFC"; }, kBad, "the normalizer is \"NFC\""},
      {[](Json& f) {
         f["normalizer"] = {{"type", "Sequence"}, {"normalizers", 3}};
       },
       kBad, "no list"},
      {[](Json& f) {
         f["normalizer"] = {{"type", "Sequence"}, {"normalizers", {3}}};
       },
       kBad, "is 3"},
      {[](Json& f) { f["pre_tokenizer"] = nullptr; }, kNo, "the pre-tokenizer null"},
      {[](Json& f) { f["pre_tokenizer"]["add_prefix_space"] = true; }, kNo, "add_prefix_space"},
      {[](Json& f) { f["pre_tokenizer"]["use_regex"] = false; }, kNo, "the pre-tokenizer"},
      {[](Json& f) {
         f["pre_tokenizer"] = {{"type", "Whitespace"}};
       },
       kNo, "Whitespace"},
      {[](Json& f) { f["decoder"] = nullptr; }, kNo, "the decoder null"},
      {[](Json& f) {
         f["decoder"] = {{"type", "Metaspace"}};
       },
       kNo, "Metaspace"},
      {[](Json& f) {
         f["post_processor"] = {{"type", "BertProcessing"}};
       },
       kNo, "BertProcessing"},
      {[](Json& f) {
         f["post_processor"] = {{"type", "TemplateProcessing"}};
       },
       kBad, "has no 'single'"},
      {[](Json& f) {
         f["post_processor"] = {
             {"type", "TemplateProcessing"},
             {"single", {{{"Sequence", {{"id", "A"}}}}, {{"SpecialToken", {{"id", "<s>"}}}}}}};
       },
       kNo, "the post-processor template"},
      {[](Json& f) {
         f["post_processor"] = {
             {"type", "TemplateProcessing"},
             {"single", {{{"SpecialToken", {{"id", "<x>"}}}}, {{"Sequence", {{"id", "A"}}}}}}};
       },
       kBad, "adds \"<x>\", which is no token"},
  };
  for (const Refusal& refusal : refusals) {
    Json file = SmallFile();
    refusal.change(file);
    try {
      Parse(file);
      ADD_FAILURE() << "accepted: " << refusal.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refusal.code) << error.message();
      EXPECT_THAT(error.message(), HasSubstr(refusal.message));
      EXPECT_THAT(error.message(), testing::StartsWith("small.json"));
    }
  }
}

TEST(TokenizerJson, RefusesWhatIsNoJson) {
  for (const std::string& text : {std::string(), std::string("{"), std::string("nul"),
                                  std::string(100000, '['), std::string("{\"a\":\"\xFF\"}")}) {
    try {
      ParseTokenizerJson(text, "broken.json");
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
      EXPECT_THAT(error.message(), HasSubstr("broken.json"));
    }
  }
}

TEST(TokenizerJson, LongValuesAreCutInMessages) {
  Json file = SmallFile();
  std::string type;
  while (type.size() < 100000) type += "ä";
  file["normalizer"] = {{"type", type}};
  try {
    Parse(file);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_LT(error.message().size(), 400u);
  }
}

}  // namespace
}  // namespace fathom
