// The public face of the engine: token ids in, token ids out. One thread owns all live state
// (sequences, cache pages, sampler state); callers submit requests and receive events. No text,
// JSON, HTTP or files in here.
//
// The caller hands over the whole prefix each time; the engine decides what to reuse.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/kernels.h"
#include "models/model.h"

namespace fathom {

// ---- Steering ----------------------------------------------------------------------------------

struct GuideDecision {
  enum class Action {
    kContinue,
    kStop,   // ends the request with FinishReason::kStop
    kForce,  // the next tokens are `ids`, whatever the model would say
  };
  Action action = Action::kContinue;
  std::vector<int32_t> ids = {};  // kForce only; of the model's vocabulary
};

// How a request steers its own decoding, on the engine thread, at the exact token. Must be quick
// and must not throw; a guide that needs another thread posts a message to it.
class TokenGuide {
 public:
  virtual ~TokenGuide() = default;
  // Called once for each generated id, in order, before its event is sent. With kStop the token
  // still counts and its event is still sent. Forced tokens are like sampled ones in all else: each
  // is evaluated, counted, observed, sent, with the log-probability the model gives it, and may end
  // the reply. They take no random number from others, which belong to positions. Ids forced while
  // others wait come after those.
  virtual GuideDecision Observe(int32_t id) = 0;
};

// ---- Requests ----------------------------------------------------------------------------------

inline constexpr double kLeastRepetitionPenalty = 0.001;
inline constexpr double kMostRepetitionPenalty = 10;

struct SamplingParams {
  float temperature = 0.0f;         // 0: greedy
  int32_t top_k = 0;                // 0: off
  float top_p = 1.0f;               // 1: off
  float min_p = 0.0f;               // 0: off; relative to the most probable token
  float repetition_penalty = 1.0f;  // CTRL's, over prompt and reply; 1: off
  float frequency_penalty = 0.0f;   // OpenAI's, over the reply
  float presence_penalty = 0.0f;
  uint64_t seed = 0;  // with the position, determines every draw
};

// Throws Error(kInvalidArgument) that names the first parameter out of its range.
void Validate(const SamplingParams& params);

struct Request {
  std::vector<int32_t> prompt;  // at least one id
  int64_t max_tokens = -1;      // -1: up to the context's end
  SamplingParams sampling;
  std::vector<int32_t> stop_ids;        // end the reply; the id itself is sent as the last event
  std::optional<int32_t> top_logprobs;  // set: each event carries its log-probability and that many
                                        // alternatives (of the model's own distribution, before
                                        // penalties and temperature)
  bool score_prompt = false;            // also report each prompt token's log-probability
  std::string cache_key;                // prefixes are shared between requests of equal keys only
  std::unique_ptr<TokenGuide> guide;    // may be null
};

enum class FinishReason { kStop, kLength, kCancelled, kError };

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0.0f;
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt: taken from the cache, not evaluated
  int64_t completion_tokens = 0;
  double queue_seconds = 0;    // submit to first work, waiting for a prefix of others included
  double prefill_seconds = 0;  // first work to first token
  double decode_seconds = 0;   // first token to last
};

struct TokenEvent {
  enum class Kind {
    kPrompt,  // one scored prompt token (score_prompt), in order; the first has no log-probability
    kToken,   // one generated token
    kDone,    // the last event of every request
  };
  Kind kind = Kind::kToken;
  int32_t id = -1;
  std::optional<float> logprob;
  std::vector<TokenLogprob> top;  // most probable first
  // kDone only:
  FinishReason finish = FinishReason::kStop;
  Usage usage;
  std::optional<Error> error;  // with kError
};

// Receives the events of one request, in order, on the engine thread. Must be quick and must not
// throw; the last call has kDone, and the sink is destroyed after it.
using EventSink = std::function<void(TokenEvent&&)>;

// Handle of a submitted request. Dropping it does not cancel.
class Ticket {
 public:
  explicit Ticket(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
  void Cancel() { cancel_(); }  // any thread; harmless when already done

 private:
  std::function<void()> cancel_;
};

// ---- Engine ------------------------------------------------------------------------------------

struct EngineOptions {
  const KernelTable* kernels = nullptr;  // null: the best for this processor
  int threads = 0;                       // 0: one per physical core
  int64_t context_length = 0;            // 0: the model's own
  int64_t cache_bytes = 0;               // 0: a quarter of the memory available now, bounded
  std::optional<CacheType> cache_type;   // default: f32 for the reference kernels, else f16
  LatentForm latent_form = LatentForm::kAbsorbed;  // of models with latent attention
  int64_t max_step_tokens = 512;  // rows of one step: prefill chunks share it with decodes
  int64_t max_sequences = 64;     // running at once; more wait in the queue
  std::string model_name;         // for errors; no path, which clients need not know
};

struct EngineStats {
  int64_t running = 0, waiting = 0;  // waiting: for a place, for pages, or for a prefix of others
  int64_t pages_total = 0, pages_used = 0, pages_cached = 0;  // used: by running requests
  int64_t page_tokens = kPageTokens;
  int64_t cache_bytes = 0;
  int64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0, steps = 0;  // since the start
  double prefill_seconds = 0, decode_seconds = 0;
};

class Engine {
 public:
  // The model must outlive the engine. Throws Error(kOutOfMemory) with the numbers when the cache
  // does not fit.
  Engine(const Model& model, const EngineOptions& options);
  ~Engine();  // cancels what is running, joins the thread
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Queues a request. Throws Error at once for what can be known at once: kInvalidArgument (empty
  // prompt, id outside the vocabulary, bad sampling parameter), kContextOverflow (with both
  // lengths), kUnavailable (shutting down, queue full).
  std::shared_ptr<Ticket> Submit(Request request, EventSink sink);

  int64_t context_length() const;
  const KernelTable& kernels() const;
  int threads() const;
  EngineStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Submits and waits; returns all events. For tools and tests.
std::vector<TokenEvent> RunToCompletion(Engine& engine, Request request);

}  // namespace fathom
