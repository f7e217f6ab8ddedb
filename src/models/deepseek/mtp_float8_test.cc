// The predicting layer with matrices of 8 bits and their scales, as in DeepSeek's own files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "models/testing/golden.h"
#include "models/testing/mtp_runner.h"

namespace fathom {
namespace {

// A file whose predicting layer has other matrices, stored as F8_E4M3 with a scale for the one
// block that each is, as in DeepSeek's files, or the same values as float32.
class OtherMatrices {
 public:
  explicit OtherMatrices(bool in_fp8) : file_("deepseek_mtp") {
    if (in_fp8) {
      for (const auto& [key, value] : AlteredFile("deepseek_fp8").metadata) {
        if (key.starts_with("quantization_config.")) file_.metadata[key] = value;
      }
    }
    const std::vector<NamedTensor> tensors = file_.tensors;
    for (const NamedTensor& tensor : tensors) {
      const bool replaced = tensor.name.starts_with("model.layers.2.") && tensor.view.rank == 2 &&
                            !tensor.name.ends_with("mlp.gate.weight") &&
                            !tensor.name.ends_with("embed_tokens.weight") &&
                            !tensor.name.ends_with("shared_head.head.weight");
      if (replaced) Replace(file_.Tensor(tensor.name), in_fp8);
    }
  }
  ModelFile Open() const { return file_.Open(); }
  std::size_t replaced() const { return replaced_; }

 private:
  void Replace(NamedTensor& tensor, bool in_fp8) {
    const auto count = static_cast<std::size_t>(tensor.view.elements());
    const float scale = 0.7F / std::sqrt(static_cast<float>(tensor.view.shape[1]));
    std::vector<uint8_t>& bytes = bytes_.emplace_back(count);
    std::vector<float>& values = values_.emplace_back(count);
    for (std::size_t i = 0; i < count; ++i) {
      state_ = state_ * 1664525 + 1013904223;
      const uint32_t sign = state_ >> 31, exponent = 4 + (state_ >> 24) % 4, low = state_ >> 16 & 7;
      bytes[i] = static_cast<uint8_t>(sign << 7 | exponent << 3 | low);
      const float size =
          std::ldexp(1 + static_cast<float>(low) / 8, static_cast<int>(exponent) - 7);
      values[i] = (sign != 0 ? -size : size) * scale;
    }
    ++replaced_;
    if (!in_fp8) {
      tensor.view.data = reinterpret_cast<const std::byte*>(values.data());
      return;
    }
    tensor.view.data = reinterpret_cast<const std::byte*>(bytes.data());
    tensor.view.format = Format::kF8_E4M3;
    NamedTensor scales = tensor;
    values.assign(1, scale);
    scales.name += "_scale_inv";
    scales.view = {reinterpret_cast<const std::byte*>(values.data()), Format::kF32, 2, {1, 1}};
    file_.tensors.push_back(scales);  // `tensor` may be elsewhere now
  }

  AlteredFile file_;
  std::deque<std::vector<uint8_t>> bytes_;
  std::deque<std::vector<float>> values_;
  uint32_t state_ = 1;
  std::size_t replaced_ = 0;
};

TEST(DeepseekMtp, MatricesInEightBitsAreTheirValues) {
  const Golden golden("deepseek_mtp");
  const std::vector<float> hidden(golden.ids.size() * golden.hidden(), 0.5F);
  const auto logits = [&](const ModelFile& file) {
    const std::unique_ptr<MtpModule> module = BindMtpModule(file);
    MtpRunner runner(*module, golden.model->spec(), ReferenceKernels(), CacheType::kF32, 1,
                     LatentForm::kAbsorbed);
    return runner.Feed(golden.ids, hidden.data());
  };
  const OtherMatrices in_fp8(true), in_f32(false);
  EXPECT_EQ(in_fp8.replaced(), 45u);  // attention's 5, 12 experts' and the shared one's 3, eh_proj
  const std::vector<float> found = logits(in_fp8.Open()), expected = logits(in_f32.Open());
  float largest = 0, moved = 0;
  const std::vector<float> before = logits(*golden.file);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(found[i] - expected[i]));
    moved = std::max(moved, std::abs(before[i] - expected[i]));
  }
  EXPECT_LE(largest, 1e-4);
  EXPECT_GE(moved, 1);
}

}  // namespace
}  // namespace fathom
