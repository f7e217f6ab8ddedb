// Which optimisers there are, and making one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "train/adamw.h"
#include "train/muon.h"
#include "train/optimiser.h"

namespace fathom {

enum class OptimiserKind : uint8_t {
  kAdamW,  // of all parameters, as DeepSeek-V3 was trained
  kMuon,   // of matrices, beside AdamW
};

// The kind of that name: "adamw" or "muon". Throws Error(kInvalidArgument) for another.
OptimiserKind OptimiserKindOf(std::string_view name);

// For the parameters of that set. AdamW takes `adamw` alone; Muon takes both, `adamw` for what is
// no matrix. Throws Error(kOutOfMemory), and kInvalidArgument for options without sense.
std::unique_ptr<Optimiser> MakeOptimiser(const ParameterSet& parameters, OptimiserKind kind,
                                         const AdamWOptions& adamw, const MuonOptions& muon);

}  // namespace fathom
