#include "models/deepseek/hf_router.h"

#include <string>

#include "base/error.h"

namespace fathom::deepseek {

RouterSpec ParseHfRouter(const ConfigReader& reader) {
  const ModelFile& file = reader.file();
  RouterSpec router;
  router.experts = reader.Count("n_routed_experts", kMaxExperts);
  router.used = reader.Count("num_experts_per_tok", kMaxExpertsUsed);
  router.scale = reader.Positive("routed_scaling_factor");
  bool grouped = true;
  if (file.RequireString("model_type") == "deepseek_v3") {
    reader.ExpectText("scoring_func", "sigmoid");
    reader.ExpectText("topk_method", "noaux_tc");
    router.scores = RouterScores::kSigmoid;
    router.group_score = GroupScore::kBestTwo;
    router.normalize = reader.Boolean("norm_topk_prob");
  } else {
    reader.ExpectText("scoring_func", "softmax");
    reader.Expect("norm_topk_prob", false);  // the reference ignores it
    router.scores = RouterScores::kSoftmax;
    router.group_score = GroupScore::kBest;
    const std::string& method = file.RequireString("topk_method");
    grouped = method == "group_limited_greedy";
    if (!grouped && method != "greedy") {
      reader.Refuse("topk_method", QuotedName(method), "'greedy' or 'group_limited_greedy'");
    }
  }
  if (grouped) {
    router.groups = reader.Count("n_group", kMaxExperts);
    router.groups_used = reader.Count("topk_group", kMaxExperts);
  }
  return router;
}

}  // namespace fathom::deepseek
