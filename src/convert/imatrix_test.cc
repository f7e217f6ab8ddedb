// Both formats of importance matrices, their errors, and what they do to a conversion.
#include "convert/imatrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "convert/quantize.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf_writer.h"
#include "models/testing/altered_file.h"

namespace fathom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
void Put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string OldEntry(const std::string& name, int32_t calls, const std::vector<float>& values) {
  std::string out;
  Put(out, static_cast<int32_t>(name.size()));
  out += name;
  Put(out, calls);
  Put(out, static_cast<int32_t>(values.size()));
  for (const float value : values) Put(out, value);
  return out;
}

std::string Old(const std::vector<std::string>& entries) {
  std::string out;
  Put(out, static_cast<int32_t>(entries.size()));
  for (const std::string& entry : entries) out += entry;
  return out;
}

ImportanceMatrix Parse(const std::string& bytes) {
  return ParseImportanceMatrix(std::as_bytes(std::span(bytes)), "i.dat");
}

std::string ErrorOf(const std::string& bytes) {
  try {
    Parse(bytes);
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.what();
  }
  return "";
}

void WriteNew(const std::filesystem::path& path, const std::vector<float>& sums,
              const std::vector<float>& counts, const std::string& type = "imatrix") {
  GgufWriter writer(path);
  writer.AddMetadata("general.type", type);
  const auto matrices = static_cast<int64_t>(counts.size());
  writer.AddTensor("w.in_sum2", Format::kF32,
                   std::vector<int64_t>{matrices, static_cast<int64_t>(sums.size()) / matrices});
  writer.AddTensor("w.counts", Format::kF32, std::vector<int64_t>{matrices, 1});
  writer.Append(std::as_bytes(std::span(sums)));
  writer.Append(std::as_bytes(std::span(counts)));
  writer.Publish();
}

TEST(ImatrixTest, OldFormatIsSumsOverCalls) {
  const std::string file = Old({OldEntry("a", 4, {4, 8}), OldEntry("b", 0, {0, 0})});
  for (const std::string& bytes : {file, file + std::string("\7\0\0\0\3\0\0\0abc", 11)}) {
    const ImportanceMatrix matrix = Parse(bytes);
    EXPECT_THAT(matrix.at("a"), ElementsAre(1, 2));
    EXPECT_THAT(matrix.at("b"), ElementsAre(1, 1));  // never seen: all alike
  }
}

TEST(ImatrixTest, NewFormatHasACountPerMatrix) {
  const ScratchFolder folder;
  WriteNew(folder / "i.gguf", {2, 4, 5, 6}, {2, 0});
  EXPECT_THAT(ReadImportanceMatrix(folder / "i.gguf").at("w"), ElementsAre(1, 2, 1, 1));
  WriteNew(folder / "other.gguf", {1, 1}, {1}, "model");
  EXPECT_THROW(ReadImportanceMatrix(folder / "other.gguf"), Error);
}

TEST(ImatrixTest, BrokenFiles) {
  const std::string good = Old({OldEntry("a", 4, {4, 8})});
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_THAT(ErrorOf(good.substr(0, size)), HasSubstr("invalid_file: i.dat: truncated")) << size;
  }
  EXPECT_THAT(ErrorOf(Old({})), HasSubstr("number of entries is 0"));
  EXPECT_THAT(ErrorOf(Old({OldEntry("a", -1, {1})})), HasSubstr("number of calls is -1"));
  EXPECT_THAT(ErrorOf(Old({OldEntry("a", 1, {-1})})), HasSubstr("'a' has -1.0"));
  EXPECT_THAT(ErrorOf(Old({OldEntry("a", 1, {NAN})})), HasSubstr("'a' has nan"));
  EXPECT_THAT(ErrorOf(Old({OldEntry("a", 1, {1}), OldEntry("a", 1, {1})})),
              HasSubstr("'a' is there twice"));
  std::string huge;
  Put(huge, int32_t{1});
  Put(huge, int32_t{1});
  huge += "a";
  Put(huge, int32_t{1});
  Put(huge, int32_t{1 << 28});
  EXPECT_THAT(ErrorOf(huge), HasSubstr("truncated in the values"));
}

TEST(ImatrixTest, IsUsedAndWhatItLacksIsReported) {
  const ScratchFolder folder;
  const ModelFile source = OpenGolden("llama_quant.gguf");
  const NamedTensor* tensor = source.FindTensor("blk.0.ffn_down.weight");
  ASSERT_NE(tensor, nullptr);
  std::vector<float> values(static_cast<std::size_t>(tensor->view.columns()), 1.0F);
  values[0] = 1e6F;
  QuantizeOptions options{.type = Format::kQ4_0, .imatrix = folder / "i.dat"};
  std::ofstream(folder / "i.dat", std::ios::binary)
      << Old({OldEntry("blk.0.ffn_down.weight", 1, values)});
  const QuantizeReport report = Quantize(source, folder / "out.gguf", options);
  EXPECT_THAT(report.without_importance, ::testing::Contains("blk.0.ffn_up.weight"));
  EXPECT_THAT(report.without_importance,
              ::testing::Not(::testing::Contains("blk.0.ffn_down.weight")));
  const ModelFile file = OpenGguf(folder / "out.gguf");
  const TensorView& view = file.FindTensor("blk.0.ffn_down.weight")->view;
  std::vector<float> expected(values.size()), found(values.size());
  double worst = 0, size = 0;
  for (int64_t row = 0; row < view.rows(); ++row) {
    RowOf(tensor->view.format).decode(tensor->view.row(row), expected.data(), view.columns());
    RowOf(view.format).decode(view.row(row), found.data(), view.columns());
    worst = std::max(worst, std::fabs(static_cast<double>(expected[0]) - found[0]));
    size = std::max(size, std::fabs(static_cast<double>(expected[0])));
  }
  EXPECT_LT(worst, 0.01 * size);  // the column that counts is nearly exact

  values.pop_back();
  std::ofstream(folder / "i.dat", std::ios::binary)
      << Old({OldEntry("blk.0.ffn_down.weight", 1, values)});
  options.overwrite = Overwrite::kReplace;
  EXPECT_THROW(Quantize(source, folder / "out.gguf", options), Error);
}

}  // namespace
}  // namespace fathom
