#include "recipe/task_samples.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/random.h"

namespace fathom {
namespace {

double Total(const SampleForms& forms) {
  return forms.worked + forms.text + forms.answers + forms.drills;
}

std::vector<Drill> Given(const std::string& question, std::string solution) {
  return {{question + "\n", std::move(solution)}};
}

}  // namespace

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
  const double total = Total(forms);
  if (forms.worked >= 0 && forms.text >= 0 && forms.answers >= 0 && forms.drills >= 0 &&
      total > 0 && std::isfinite(total)) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "the shares of the forms of samples are " + std::to_string(forms.worked) + ", " +
                  std::to_string(forms.text) + ", " + std::to_string(forms.answers) + " and " +
                  std::to_string(forms.drills) + ", expected numbers from 0 on, one above 0");
}

Sample TaskSamples::Plain(std::span<const Drill> lines) const {
  std::string text;
  std::vector<bool> given;  // of each byte
  for (const Drill& line : lines) {
    if (!text.empty()) text += '\n';
    given.resize(text.size());
    text += line.given;
    given.resize(text.size(), true);
    text += line.answer;
    given.resize(text.size());
  }
  const TokenizerSpec& spec = tokenizer_.spec();
  Sample sample;
  const auto add = [&](TokenId id, float weight) {
    sample.tokens.push_back(id);
    sample.weights.push_back(weight);
  };
  if (spec.bos >= 0) add(spec.bos, prompt_weight_);
  std::size_t end = 0;
  for (const TokenId id : tokenizer_.Encode(text)) {
    end += tokenizer_.BytesOf(id).size();
    CHECK(end > 0 && end <= text.size());
    add(id, given[end - 1] ? prompt_weight_ : 1.0F);
  }
  add(format_.stops().front(), 1.0F);
  return sample;
}

Sample TaskSamples::At(int64_t index) const {
  constexpr uint32_t kForm = 0x464F524D, kDrill = 0x4452494C;  // streams of draws of their own
  const double place = UniformAt(seed_, static_cast<uint64_t>(index), kForm) * Total(forms_);
  if (place >= forms_.worked + forms_.text + forms_.answers) {
    Random random(seed_ + static_cast<uint64_t>(index), kDrill);
    return Checked(Plain(DrillPage(random)), "drill " + std::to_string(index));
  }
  const Problem problem = mixture_.At(index);
  Sample sample;
  if (place < forms_.worked) {
    sample = format_.Worked(problem, prompt_weight_);
  } else if (place < forms_.worked + forms_.text) {
    sample = Plain(Given(problem.question, problem.thinking + "\n" + problem.reply));
  } else {
    sample = Plain(Given(problem.question, problem.reply));
  }
  return Checked(std::move(sample),
                 "problem " + std::to_string(index) + " of the family '" + problem.family + "'");
}

Sample TaskSamples::Checked(Sample sample, const std::string& what) const {
  const auto tokens = static_cast<int64_t>(sample.tokens.size());
  if (tokens > longest_) {
    throw Error(ErrorCode::kInvalidArgument,
                what + " has " + std::to_string(tokens) + " tokens, the model's context holds " +
                    std::to_string(longest_),
                "a larger 'max_position_embeddings', or lower levels of the family");
  }
  return sample;
}

}  // namespace fathom
