// For tests: a model that says what it is told to. It keeps the ids it has seen in its cache, so
// that it knows its whole prefix whatever the engine takes from there.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "models/model.h"

namespace fathom {

class ScriptedModel final : public Model {
 public:
  ScriptedModel(int64_t vocabulary, int64_t context) {
    spec_.architecture = "scripted";
    spec_.vocabulary = vocabulary;
    spec_.context_length = context;
    spec_.layers = spec_.hidden = 1;
  }

  // What it answers to a prompt: one of the replies, each as likely, which differ in their first
  // ids. A reply that does not end goes on with its last id.
  void Answer(std::vector<int32_t> prompt, std::vector<std::vector<int32_t>> replies) {
    script_.push_back({std::move(prompt), std::move(replies)});
  }

  const ModelSpec& spec() const override { return spec_; }
  CacheLayout cache_layout(CacheType) const override {
    return {kPageTokens * static_cast<int64_t>(sizeof(int32_t))};
  }
  std::size_t ScratchBytes(int64_t, int64_t, int) const override { return 64; }
  std::vector<NamedLinear> Linears(const ModelFile&) const override { return {}; }

  void Forward(ExecContext&, const StepBatch& batch, float* logits) const override {
    const auto vocabulary = static_cast<std::size_t>(spec_.vocabulary);
    for (const SequenceSlice& slice : batch.sequences) {
      for (int64_t i = 0; i < slice.tokens; ++i) {
        const int64_t position = slice.start_position + i;
        std::memcpy(PlaceOf(slice, position),
                    &batch.tokens[static_cast<std::size_t>(slice.first_row + i)], sizeof(int32_t));
        const auto wanted =
            std::ranges::find(batch.logit_rows, static_cast<int32_t>(slice.first_row + i));
        if (wanted == batch.logit_rows.end()) continue;
        std::vector<int32_t> prefix(static_cast<std::size_t>(position) + 1);
        for (int64_t p = 0; p <= position; ++p) {
          std::memcpy(&prefix[static_cast<std::size_t>(p)], PlaceOf(slice, p), sizeof(int32_t));
        }
        const auto row = static_cast<std::size_t>(wanted - batch.logit_rows.begin());
        Continue(prefix, {logits + row * vocabulary, vocabulary});
      }
    }
  }

 private:
  struct Entry {
    std::vector<int32_t> prompt;
    std::vector<std::vector<int32_t>> replies;
  };

  static std::byte* PlaceOf(const SequenceSlice& slice, int64_t position) {
    return slice.pages[static_cast<std::size_t>(position / kPageTokens)] +
           position % kPageTokens * static_cast<int64_t>(sizeof(int32_t));
  }

  void Continue(const std::vector<int32_t>& prefix, std::span<float> logits) const {
    std::ranges::fill(logits, -100.0F);
    for (const Entry& entry : script_) {
      if (prefix.size() < entry.prompt.size() ||
          !std::equal(entry.prompt.begin(), entry.prompt.end(), prefix.begin())) {
        continue;
      }
      const std::size_t said = prefix.size() - entry.prompt.size();
      for (const std::vector<int32_t>& reply : entry.replies) {
        if (said > 0 && prefix[entry.prompt.size()] != reply.front()) continue;
        logits[static_cast<std::size_t>(reply[std::min(said, reply.size() - 1)])] = 0.0F;
      }
      return;
    }
    logits[0] = 0.0F;
  }

  ModelSpec spec_;
  std::vector<Entry> script_;
};

}  // namespace fathom
