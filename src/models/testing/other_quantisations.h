// For tests: what the golden "deepseek_fp8" may not say of its weights in eight bits, whoever reads
// it.
#pragma once

#include <string>
#include <vector>

#include "models/testing/altered_file.h"

namespace fathom {

inline std::vector<Change> OtherQuantisations() {
  const auto text = [](const char* value) { return std::string(value); };
  return {
      {"quantization_config.quant_method", text("gptq"),
       "key 'quantization_config.quant_method' is 'gptq', expected 'fp8'"},
      {"quantization_config.fmt", text("e5m2"), "'quantization_config.fmt' is 'e5m2'"},
      {"quantization_config.activation_scheme", text("static"), "is 'static', expected 'dynamic'"},
      {"quantization_config.scale_fmt", text("e4m3"), "is 'e4m3', expected 'ue8m0'"},
      {"quantization_config.weight_block_size", std::vector<int64_t>{1, 128},
       "key 'quantization_config.weight_block_size' is [1, 128], expected [128, 128]"},
      {"quantization_config.weight_block_size", std::vector<int64_t>{64, 64},
       "key 'quantization_config.weight_block_size' is [64, 64], expected [128, 128]"},
      {"quantization_config.weight_block_size", std::nullopt, "is missing, expected [128, 128]"},
      {"quantization_config.group_size", int64_t{64}, "is not known to the deepseek_v3"},
  };
}

}  // namespace fathom
