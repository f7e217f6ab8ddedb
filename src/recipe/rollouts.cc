#include "recipe/rollouts.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace fathom {
namespace {

// Requests at the engine at once: enough that its running sequences never wait for new ones, and
// within the queue that it has.
constexpr std::size_t kMostSubmitted = 512;
// How often a wait looks whether it was cancelled.
constexpr auto kPatience = std::chrono::milliseconds(20);

constexpr int64_t kPromptAlone = -1;  // instead of a sample: the prompt is only evaluated

// One request of the many.
struct Piece {
  std::size_t prompt;
  int64_t sample;
};

// What ended, as the engine's thread reports it.
struct Ended {
  Piece piece;
  std::optional<Error> error;
};

// Shared with the sinks, which outlive a call that throws only until their last event.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<Ended> ended;
};

class Sampling {
 public:
  Sampling(Engine& engine, std::span<const std::vector<int32_t>> prompts,
           std::span<const int32_t> stops, const RolloutOptions& options, int64_t step)
      : engine_(engine), prompts_(prompts), stops_(stops), options_(options), step_(step) {
    results_.resize(prompts.size());
    for (auto& group : results_) group.resize(static_cast<std::size_t>(options.samples));
    progress_.total = static_cast<int64_t>(prompts.size()) * options.samples;
  }
  Sampling(const Sampling&) = delete;
  Sampling& operator=(const Sampling&) = delete;
  ~Sampling() { EndAll(); }

  void Run(const CancelFlag* cancelled, const std::function<void(const RolloutProgress&)>& tell) {
    const double start = MonotonicSeconds();
    while (progress_.done < progress_.total) {
      CheckCancelled(cancelled);
      SubmitMore();
      const int64_t before = progress_.done;
      for (Ended& ended : Wait()) Take(std::move(ended));
      progress_.seconds = MonotonicSeconds() - start;
      if (tell && progress_.done > before) tell(progress_);
    }
  }

  std::vector<std::vector<Rollout>> TakeResults() { return std::move(results_); }

 private:
  void SubmitMore() {
    while (running_ < kMostSubmitted) {
      if (!ready_.empty()) {
        Submit(ready_.front());
        ready_.pop_front();
      } else if (next_prompt_ < prompts_.size()) {
        const std::size_t prompt = next_prompt_++;
        if (options_.samples > 1) {
          Submit({prompt, kPromptAlone});
        } else {
          Submit({prompt, 0});
        }
      } else {
        return;
      }
    }
  }

  void Submit(const Piece& piece) {
    Request request;
    request.prompt = prompts_[piece.prompt];
    Rollout* rollout = nullptr;
    if (piece.sample == kPromptAlone) {
      request.max_tokens = 0;
    } else {
      request.max_tokens = options_.max_tokens;
      request.sampling.temperature = options_.temperature;
      request.sampling.top_p = options_.top_p;
      request.sampling.seed =
          RolloutSeed(options_.seed, step_, static_cast<int64_t>(piece.prompt), piece.sample);
      request.stop_ids.assign(stops_.begin(), stops_.end());
      request.top_logprobs = 0;
      rollout = &results_[piece.prompt][static_cast<std::size_t>(piece.sample)];
    }
    const auto sink = [mailbox = mailbox_, piece, rollout](TokenEvent&& event) {
      if (event.kind == TokenEvent::Kind::kToken && rollout != nullptr) {
        rollout->tokens.push_back(event.id);
        rollout->log_probs.push_back(event.logprob.value_or(0.0F));
      }
      if (event.kind != TokenEvent::Kind::kDone) return;
      if (rollout != nullptr) rollout->truncated = event.finish == FinishReason::kLength;
      if (event.finish == FinishReason::kError && !event.error) {
        event.error = Error(ErrorCode::kInternal, "the engine failed without saying why");
      }
      const std::lock_guard lock(mailbox->mutex);
      mailbox->ended.push_back({piece, std::move(event.error)});
      mailbox->came.notify_one();
    };
    tickets_.push_back(engine_.Submit(std::move(request), sink));
    ++running_;
  }

  // What has ended since the last call, or nothing after a while.
  std::vector<Ended> Wait() {
    std::unique_lock lock(mailbox_->mutex);
    mailbox_->came.wait_for(lock, kPatience, [&] { return !mailbox_->ended.empty(); });
    running_ -= mailbox_->ended.size();
    return std::exchange(mailbox_->ended, {});
  }

  void Take(Ended ended) {
    if (ended.error) throw *ended.error;
    if (ended.piece.sample == kPromptAlone) {
      for (int64_t i = 0; i < options_.samples; ++i) ready_.push_back({ended.piece.prompt, i});
      return;
    }
    ++progress_.done;
    const Rollout& rollout =
        results_[ended.piece.prompt][static_cast<std::size_t>(ended.piece.sample)];
    progress_.tokens += static_cast<int64_t>(rollout.tokens.size());
  }

  // Sinks write into the results, so none may run on when these go.
  void EndAll() {
    for (const auto& ticket : tickets_) ticket->Cancel();
    while (running_ > 0) Wait();
  }

  Engine& engine_;
  std::span<const std::vector<int32_t>> prompts_;
  std::span<const int32_t> stops_;
  const RolloutOptions& options_;
  int64_t step_;
  std::vector<std::vector<Rollout>> results_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::vector<std::shared_ptr<Ticket>> tickets_;
  std::size_t running_ = 0;
  std::size_t next_prompt_ = 0;
  std::deque<Piece> ready_;  // whose prompts have been evaluated
  RolloutProgress progress_;
};

}  // namespace

uint64_t RolloutSeed(uint64_t seed, int64_t step, int64_t prompt, int64_t sample) {
  const auto number = static_cast<uint64_t>(step);
  const auto bits =
      Philox4x32(seed, {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32),
                        static_cast<uint32_t>(prompt), static_cast<uint32_t>(sample)});
  return bits[0] | (static_cast<uint64_t>(bits[1]) << 32);
}

std::vector<std::vector<Rollout>> SampleRollouts(
    Engine& engine, std::span<const std::vector<int32_t>> prompts, std::span<const int32_t> stops,
    const RolloutOptions& options, int64_t step, const CancelFlag* cancelled,
    const std::function<void(const RolloutProgress&)>& progress) {
  if (options.samples < 1 || options.max_tokens < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "rollouts have " + std::to_string(options.samples) + " samples of " +
                    std::to_string(options.max_tokens) + " tokens, expected at least 1 of 1");
  }
  Sampling sampling(engine, prompts, stops, options, step);
  sampling.Run(cancelled, progress);
  return sampling.TakeResults();
}

}  // namespace fathom
