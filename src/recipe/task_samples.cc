#include "recipe/task_samples.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "base/random.h"

namespace fathom {

TaskSamples::TaskSamples(const TaskMixture& mixture, const TaskFormat& format,
                         const Tokenizer& tokenizer, const SampleForms& forms, double prompt_weight,
                         int64_t longest, uint64_t seed)
    : mixture_(mixture),
      format_(format),
      tokenizer_(tokenizer),
      forms_(forms),
      prompt_weight_(static_cast<float>(prompt_weight)),
      longest_(longest),
      seed_(seed) {
  const double total = forms.worked + forms.text + forms.answers;
  if (forms.worked >= 0 && forms.text >= 0 && forms.answers >= 0 && total > 0 &&
      std::isfinite(total)) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "the shares of the forms of samples are " + std::to_string(forms.worked) + ", " +
                  std::to_string(forms.text) + " and " + std::to_string(forms.answers) +
                  ", expected numbers from 0 on, one above 0");
}

Sample TaskSamples::Plain(const std::string& text) const {
  const TokenizerSpec& spec = tokenizer_.spec();
  Sample sample;
  if (spec.bos >= 0) sample.tokens.push_back(spec.bos);
  const std::vector<TokenId> ids = tokenizer_.Encode(text);
  sample.tokens.insert(sample.tokens.end(), ids.begin(), ids.end());
  sample.tokens.push_back(format_.stops().front());
  sample.weights.assign(sample.tokens.size(), 1.0F);
  return sample;
}

Sample TaskSamples::At(int64_t index) const {
  constexpr uint32_t kForm = 0x464F524D;  // a stream of draws of its own
  const Problem problem = mixture_.At(index);
  const double total = forms_.worked + forms_.text + forms_.answers;
  const double place = UniformAt(seed_, static_cast<uint64_t>(index), kForm) * total;
  Sample sample;
  if (place < forms_.worked) {
    sample = format_.Worked(problem, prompt_weight_);
  } else if (place < forms_.worked + forms_.text) {
    sample = Plain(problem.question + "\n" + problem.thinking + "\n" + problem.reply);
  } else {
    sample = Plain(problem.question + "\n" + problem.reply);
  }
  const auto tokens = static_cast<int64_t>(sample.tokens.size());
  if (tokens > longest_) {
    throw Error(ErrorCode::kInvalidArgument,
                "problem " + std::to_string(index) + " of the family '" + problem.family +
                    "' has " + std::to_string(tokens) + " tokens, the model's context holds " +
                    std::to_string(longest_),
                "a larger 'max_position_embeddings', or lower levels of that family");
  }
  return sample;
}

}  // namespace fathom
