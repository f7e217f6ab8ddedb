#include "train/optimiser_kind.h"

#include <string>

#include "base/check.h"
#include "base/error.h"

namespace fathom {

OptimiserKind OptimiserKindOf(std::string_view name) {
  if (name == "adamw") return OptimiserKind::kAdamW;
  if (name == "muon") return OptimiserKind::kMuon;
  throw Error(ErrorCode::kInvalidArgument,
              "there is no optimiser '" + std::string(name) + "', expected 'adamw' or 'muon'");
}

std::unique_ptr<Optimiser> MakeOptimiser(const ParameterSet& parameters, OptimiserKind kind,
                                         const AdamWOptions& adamw, const MuonOptions& muon) {
  switch (kind) {
    case OptimiserKind::kAdamW:
      return std::make_unique<AdamW>(parameters, adamw);
    case OptimiserKind::kMuon:
      return std::make_unique<Muon>(parameters, muon, adamw);
  }
  CHECK(false);
  return nullptr;
}

}  // namespace fathom
