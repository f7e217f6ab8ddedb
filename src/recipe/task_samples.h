// Problems and drills as samples to train on, in the forms that a recipe asks for: sample number n
// is a pure function of n. Not for: steps and batches (train/samples.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "grade/drills.h"
#include "recipe/task_format.h"
#include "recipe/task_mixture.h"
#include "text/tokenizer.h"
#include "train/samples.h"

namespace fathom {

// How often a problem comes in which form, relative to the others.
struct SampleForms {
  double worked = 1;   // a conversation: the question, and a reply with its thinking
  double text = 0;     // plain text: question, thinking and reply in lines, no tags
  double answers = 0;  // plain text: question and reply alone
  double drills = 0;   // plain text: a page of short exercises (grade/drills.h) and no problem
};

class TaskSamples final : public SampleSource {
 public:
  // `format`, `tokenizer` and `mixture` outlive it; the tokenizer is the format's. `seed` draws the
  // forms. Tokens of questions, and of what drills give, weigh `prompt_weight`: nobody can foresee
  // them. All others weigh 1. Throws Error(kInvalidArgument) for forms that are no shares.
  TaskSamples(const TaskMixture& mixture, const TaskFormat& format, const Tokenizer& tokenizer,
              const SampleForms& forms, double prompt_weight, int64_t longest, uint64_t seed);

  // Throws Error(kInvalidArgument) for a sample of more than `longest` tokens.
  Sample At(int64_t index) const override;

 private:
  // Lines of what is given and what follows from it.
  Sample Plain(std::span<const Drill> lines) const;
  Sample Checked(Sample sample, const std::string& what) const;

  const TaskMixture& mixture_;
  const TaskFormat& format_;
  const Tokenizer& tokenizer_;
  SampleForms forms_;
  float prompt_weight_;
  int64_t longest_;
  uint64_t seed_;
};

}  // namespace fathom
