// The catalogue's reader and the folder of installed models.
#include "loader/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "loader/folder_lock.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "fathom-catalog-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void WriteFile(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string OneModel(const std::string& more,
                     const std::string& files = R"([{"path": "m.gguf"}])") {
  return R"({"version": 1, "models": [{"name": "tiny", "default": true, "title": "T",
    "license": "MIT", "repository": "o/r", "revision": "main", "format": "gguf", "files": )" +
         files + more + "}]}";
}

template <class Function>
Error ErrorOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorCode::kInternal, "none");
}

TEST(CatalogTest, BuiltInKnowsItsModels) {
  const Catalog catalog = Catalog::BuiltIn();
  EXPECT_EQ(catalog.Default().name, "smollm2-135m-instruct");
  EXPECT_EQ(catalog.Default().bytes(), 98362432u);
  ASSERT_TRUE(catalog.Default().sampling.has_value());
  EXPECT_EQ(catalog.Default().sampling->temperature, 0.2);
  EXPECT_EQ(catalog.Default().sampling->top_p, 0.9);
  const CatalogEntry* r1 = catalog.Find("deepseek-r1");
  ASSERT_NE(r1, nullptr);
  EXPECT_FALSE(r1->sampling.has_value());  // its generation_config.json has it
  EXPECT_EQ(r1->bytes(), 0u);              // not known beforehand
  int shards = 0;
  for (const CatalogFile& file : r1->files) shards += file.path.ends_with(".safetensors") ? 1 : 0;
  EXPECT_EQ(shards, 163);
  EXPECT_EQ(r1->files.back().path, "model-00163-of-000163.safetensors");
  for (const char* name : {"deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-qwen-7b",
                           "deepseek-r1-distill-qwen-14b", "deepseek-r1-distill-qwen-32b",
                           "deepseek-r1-distill-llama-8b", "deepseek-r1-distill-llama-70b",
                           "deepseek-v2-lite", "deepseek-v2-lite-chat"}) {
    EXPECT_NE(catalog.Find(name), nullptr) << name;
  }
}

TEST(CatalogTest, RefusesWhatItDoesNotUnderstand) {
  EXPECT_NO_THROW(Catalog::Parse(OneModel(""), "test"));
  const struct {
    std::string json, message;
  } kCases[] = {
      {"{", "test"},
      {"[]", "must be an object"},
      {R"({"version": 2, "models": []})", "'version' must be 1"},
      {R"({"version": 1, "models": []})", "exactly one model must be the default, found 0"},
      {R"({"version": 1, "models": [{}]})", "'name' is missing"},
      {OneModel(R"(, "colour": "red")"), "unknown key 'colour'"},
      {OneModel(R"(, "shards": -1)"), "'shards' must be a whole number"},
      {OneModel(R"(, "shards": 100000)"), "at most 99999"},
      {OneModel(R"(, "sampling": 1)"), "sampling: must be an object"},
      {OneModel(R"(, "sampling": {"temperature": 1})"), "'top_p' is missing"},
      {OneModel(R"(, "sampling": {"temperature": 3, "top_p": 1})"), "a number from 0 to 2"},
      {OneModel(R"(, "sampling": {"temperature": 1, "top_p": 1, "top_k": 1})"), "'top_k'"},
      {OneModel("", "[]"), "at least one file"},
      {OneModel("", R"([{"path": "../m.gguf"}])"), "must stay inside the folder"},
      {OneModel("", R"([{"path": "/m.gguf"}])"), "must stay inside the folder"},
      {OneModel("", R"([{"path": "a//m.gguf/"}])"), "must stay inside the folder"},
      {OneModel("", R"([{"path": "m", "bytes": "9"}])"), "'bytes' must be a whole number"},
      {OneModel("", R"([{"path": "m", "sha256": "ABC"}])"), "64 lower-case"},
  };
  for (const auto& test : kCases) {
    const Error error = ErrorOf([&] { Catalog::Parse(test.json, "test"); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile) << test.json;
    EXPECT_THAT(error.message(), HasSubstr(test.message)) << test.json;
  }
}

TEST(CatalogTest, NamesCannotLeaveTheFolder) {
  for (const char* name : {"", "..", ".x", "a/b", "a b", "a\n"}) {
    EXPECT_THROW(CheckModelName(name), Error) << name;
  }
  EXPECT_NO_THROW(CheckModelName("deepseek-r1_Q4.K"));
}

TEST(ModelLibraryTest, ResolvesNamesAndPaths) {
  const TemporaryFolder data;
  const ModelLibrary library(data.path(), Catalog::Parse(OneModel(""), "test"));
  EXPECT_TRUE(library.Installed().empty());

  Error error = ErrorOf([&] { library.Resolve(""); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("tiny is not installed"));
  EXPECT_THAT(error.hint(), HasSubstr("fathom pull tiny"));

  WriteFile(data.path() / "models/tiny/m.gguf", "1234");
  WriteFile(data.path() / "models/own/b.gguf", "1");
  WriteFile(data.path() / "models/own/a.gguf", "1");
  WriteFile(data.path() / "models/shards/config.json", "{}");
  WriteFile(data.path() / "models/empty/readme", "1");  // no model
  WriteFile(data.path() / "models/.tiny.partial/m.gguf.part", "1");
  EXPECT_EQ(library.Resolve("").path, data.path() / "models/tiny/m.gguf");
  EXPECT_EQ(library.Resolve("own").path, data.path() / "models/own/a.gguf");
  EXPECT_EQ(library.Resolve("shards").path, data.path() / "models/shards");
  EXPECT_EQ(library.Installed().size(), 3u);
  EXPECT_EQ(ErrorOf([&] { library.Resolve("empty"); }).code(), ErrorCode::kNotFound);

  error = ErrorOf([&] { library.Resolve("no-such"); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.hint(), HasSubstr("own, shards, tiny"));

  const fs::path file = data.path() / "file.gguf";
  WriteFile(file, "x");
  EXPECT_EQ(library.Resolve(file.string()).path, file);
  EXPECT_EQ(library.Resolve(file.string()).name, "file");
  EXPECT_EQ(ErrorOf([&] { library.Resolve("./missing.gguf"); }).code(), ErrorCode::kNotFound);
  error = ErrorOf([&] { library.Resolve((data.path() / "models/own").string() + "/"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(error.hint(), HasSubstr("a.gguf"));
}

TEST(ModelLibraryTest, FindsACatalogueModelThatIsADirectory) {
  const TemporaryFolder data;
  const std::string catalog =
      OneModel(R"(, "sampling": {"temperature": 0.25, "top_p": 0.5})",
               R"([{"path": "config.json"}, {"path": "model.safetensors"}])");
  const ModelLibrary library(data.path(), Catalog::Parse(catalog, "test"));
  WriteFile(data.path() / "models/tiny/config.json", "{}");
  const InstalledModel model = library.Resolve("tiny");
  EXPECT_EQ(model.path, data.path() / "models/tiny");
  EXPECT_TRUE(model.in_catalog);
  ASSERT_TRUE(model.sampling.has_value());
  EXPECT_EQ(model.sampling->temperature, 0.25);
}

TEST(ModelLibraryTest, ABundledModelComesWithTheProgram) {
  const TemporaryFolder data, program;
  const std::string json = R"({"version": 1, "models": [
      {"name": "tiny", "default": true, "title": "t", "license": "l", "repository": "o/r",
       "revision": "main", "format": "gguf", "files": [{"path": "m.gguf"}]},
      {"name": "small", "bundled": true, "title": "t", "license": "l", "format": "gguf",
       "files": [{"path": "s.gguf", "bytes": 2}]}]})";
  ModelLibrary library(data.path(), Catalog::Parse(json, "test"),
                       {program.path() / "none", program.path()});
  const Error missing = ErrorOf([&] { library.Resolve("small"); });
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("comes with the program"));
  EXPECT_THAT(ErrorOf([&] { library.Resolve(""); }).message(), HasSubstr("tiny is not installed"));

  const fs::path file = program.path() / "small/s.gguf";
  WriteFile(file, "12");
  WriteFile(program.path() / "tiny/m.gguf", "not one that comes with the program");
  EXPECT_EQ(library.Resolve("small").path, file);
  EXPECT_TRUE(library.Resolve("small").bundled);
  EXPECT_EQ(library.Resolve("").name, "small");  // the default is not at hand
  EXPECT_EQ(library.Installed().size(), 1u);
  EXPECT_EQ(ErrorOf([&] { library.Resolve("tiny"); }).code(), ErrorCode::kNotFound);
  const Error kept = ErrorOf([&] { library.Remove("small"); });
  EXPECT_EQ(kept.code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(fs::exists(file));

  WriteFile(data.path() / "models/tiny/m.gguf", "1");
  EXPECT_EQ(library.Resolve("").name, "tiny");
  EXPECT_FALSE(library.Resolve("").bundled);
  // One's own of that name comes first.
  WriteFile(data.path() / "models/small/s.gguf", "34");
  EXPECT_EQ(library.Resolve("small").path, data.path() / "models/small/s.gguf");
  EXPECT_EQ(library.Installed().size(), 2u);
  EXPECT_EQ(library.Remove("small"), 2u);
  EXPECT_EQ(library.Resolve("small").path, file);
  WriteFile(data.path() / "models/small/s.gguf", "345");
  EXPECT_EQ(ErrorOf([&] { library.Resolve("small"); }).hint(),
            "'fathom rm small' deletes it; that of the program is used then");
  library.Remove("small");
  WriteFile(file, "123");
  EXPECT_THAT(ErrorOf([&] { library.Resolve("small"); }).hint(),
              HasSubstr("comes with the program"));
}

TEST(ModelLibraryTest, NoticesAFileOfTheWrongSize) {
  const TemporaryFolder data;
  const ModelLibrary library(
      data.path(), Catalog::Parse(OneModel("", R"([{"path": "m.gguf", "bytes": 9}])"), "test"));
  WriteFile(data.path() / "models/tiny/m.gguf", "1234");
  const Error error = ErrorOf([&] { library.Resolve("tiny"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
  EXPECT_THAT(error.message(), HasSubstr("has 4 bytes, expected 9"));
}

TEST(ModelLibraryTest, RemovesAModelAndItsUnfinishedDownload) {
  const TemporaryFolder data;
  ModelLibrary library(data.path(), Catalog::Parse(OneModel(""), "test"));
  WriteFile(data.path() / "models/tiny/m.gguf", "1234");
  WriteFile(data.path() / "models/.tiny.partial/m.gguf.part", "12");
  EXPECT_EQ(library.Remove("tiny"), 6u);
  EXPECT_TRUE(fs::is_empty(data.path() / "models"));
  EXPECT_EQ(ErrorOf([&] { library.Remove("tiny"); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorOf([&] { library.Remove("../x"); }).code(), ErrorCode::kInvalidArgument);
}

TEST(ModelLibraryTest, KeepsAModelThatIsBeingFetched) {
  const TemporaryFolder data;
  ModelLibrary library(data.path(), Catalog::Parse(OneModel(""), "test"));
  const fs::path part = data.path() / "models/.tiny.partial/m.gguf.part";
  WriteFile(part, "12");
  {
    const FolderLock fetching(part.parent_path(), "fetching tiny");
    const Error error = ErrorOf([&] { library.Remove("tiny"); });
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.message(), HasSubstr("another process is fetching tiny"));
    EXPECT_TRUE(fs::exists(part));
  }
  EXPECT_EQ(library.Remove("tiny"), 2u);
  EXPECT_FALSE(fs::exists(part.parent_path()));
}

}  // namespace
}  // namespace fathom
