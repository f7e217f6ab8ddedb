// For tests: runs the module that predicts one token further, without an engine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/model.h"

namespace fathom {

inline constexpr int64_t kMtpContext = 256;

// Runs the module over rows that follow one another, with pages of its own.
class MtpRunner {
 public:
  MtpRunner(const MtpModule& module, const ModelSpec& spec, const KernelTable& kernels,
            CacheType type, int threads, LatentForm form)
      : module_(module),
        spec_(spec),
        pool_(threads),
        scratch_(module.ScratchBytes(kMtpContext, kMtpContext, threads)),
        page_bytes_(module.cache_layout(type).page_bytes),
        memory_(static_cast<std::size_t>((kMtpContext / kPageTokens) * page_bytes_), "test"),
        context_{kernels, pool_, scratch_, type, nullptr, form} {
    for (int64_t page = 0; page < kMtpContext / kPageTokens; ++page) {
      pages_.push_back(memory_.data() + page * page_bytes_);
    }
  }

  // `ids` are those that follow the rows, hidden the states of the rows; logits of all rows.
  std::vector<float> Feed(std::span<const int32_t> ids, const float* hidden) {
    std::vector<int32_t> rows(ids.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
    const auto count = static_cast<int64_t>(ids.size());
    const SequenceSlice slice{0, count, position_, pages_};
    std::vector<float> logits(ids.size() * static_cast<std::size_t>(spec_.vocabulary));
    module_.Forward(context_, {ids, {&slice, 1}, rows}, hidden, logits.data());
    position_ += count;
    return logits;
  }
  void Restart() { position_ = 0; }
  ExecContext& context() { return context_; }

 private:
  const MtpModule& module_;
  const ModelSpec& spec_;
  ThreadPool pool_;
  Scratch scratch_;
  int64_t page_bytes_;
  Buffer memory_;
  ExecContext context_;
  std::vector<std::byte*> pages_;
  int64_t position_ = 0;
};

}  // namespace fathom
