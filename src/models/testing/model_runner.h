// For tests: runs a model step by step with its own pages, without an engine.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/model.h"

namespace fathom {

class ModelRunner {
 public:
  ModelRunner(const Model& model, const KernelTable& kernels, CacheType cache_type, int threads,
              int64_t context, LatentForm form = LatentForm::kAbsorbed)
      : model_(model),
        pool_(threads),
        scratch_(model.ScratchBytes(context, context, threads)),
        page_bytes_(model.cache_layout(cache_type).page_bytes),
        memory_(static_cast<std::size_t>((context / kPageTokens + 1) * page_bytes_), "test cache"),
        context_{kernels, pool_, scratch_, cache_type, nullptr, form} {
    for (int64_t page = 0; page <= context / kPageTokens; ++page) {
      pages_.push_back(memory_.data() + page * page_bytes_);
    }
  }

  // Evaluates the ids after those evaluated before; returns the logits of all of them.
  std::vector<float> Feed(std::span<const int32_t> ids) {
    std::vector<int32_t> rows(ids.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
    const auto count = static_cast<int64_t>(ids.size());
    const SequenceSlice slice{0, count, position_, pages_};
    std::vector<float> logits(ids.size() * static_cast<std::size_t>(model_.spec().vocabulary));
    model_.Forward(context_, {ids, {&slice, 1}, rows}, logits.data());
    position_ += count;
    return logits;
  }

  void Restart() { position_ = 0; }
  ExecContext& context() { return context_; }

 private:
  const Model& model_;
  ThreadPool pool_;
  Scratch scratch_;
  int64_t page_bytes_;
  Buffer memory_;
  ExecContext context_;
  std::vector<std::byte*> pages_;
  int64_t position_ = 0;
};

// Keeps the last recorded copy of everything the model reports.
class RecordingTap final : public DebugTap {
 public:
  void Record(const std::string& name, const float* data, int64_t rows, int64_t columns) override {
    records[name].assign(data, data + rows * columns);
  }
  std::map<std::string, std::vector<float>> records;
};

}  // namespace fathom
