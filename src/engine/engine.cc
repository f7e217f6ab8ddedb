#include "engine/engine.h"

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/allocation_guard.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/system_memory.h"
#include "engine/page_cache.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "models/scratch.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

// Requests that may wait; more are refused, so that a flood ends in errors and not in memory.
constexpr std::size_t kMaxWaiting = 1024;
// The default cache holds this many full contexts at most; more would mostly lie idle.
constexpr int64_t kDefaultContexts = 16;

// A sequence that is admitted has room for this many tokens of a reply; a longer one gets more
// between steps, twice as much each time. 4096 tokens take 16 KB and 128 pages of the cache.
constexpr std::size_t kFirstRoom = 4096;

int64_t PagesFor(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

std::string SizeText(int64_t bytes) {
  if (bytes < 1 << 20) return std::to_string(bytes) + " bytes";
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB";
}

// Integers, so that the compiler makes vectors of it: all bits of the exponent say infinity or NaN.
bool AllFinite(std::span<const float> values) {
  uint32_t greatest = 0;
  for (const float value : values) {
    greatest = std::max(greatest, std::bit_cast<uint32_t>(value) & 0x7fffffffU);
  }
  return greatest < 0x7f800000U;
}

Error NotFinite(const std::string& model, int64_t position) {
  return {ErrorCode::kInvalidFile,
          (model.empty() ? "" : model + ": ") +
              "the model computes numbers that are not finite from token " +
              std::to_string(position) + " on",
          "its weights are damaged or too large: `fathom inspect MODEL --check` finds the tensor"};
}

// What the exception that is being handled says to whoever asked.
Error CurrentError() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kOutOfMemory, "there is not enough memory for this request",
                 "try a shorter one, or again later");
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, error.what());
  } catch (...) {
    return Error(ErrorCode::kInternal, "an unknown exception");
  }
}

// Options with every default resolved.
struct Settings {
  const KernelTable* kernels;
  int threads;
  CacheType cache_type;
  LatentForm latent_form;
  int64_t context_length;
  int32_t pages;
  int64_t page_bytes;
  SchedulerLimits limits;
  int64_t max_sequences;
};

Settings Resolve(const Model& model, const EngineOptions& options) {
  Settings s;
  s.kernels = options.kernels != nullptr ? options.kernels : AvailableKernels().front();
  s.threads = options.threads > 0 ? options.threads : PhysicalCores();
  s.cache_type = options.cache_type.value_or(s.kernels == &ReferenceKernels() ? CacheType::kF32
                                                                              : CacheType::kF16);
  s.latent_form = options.latent_form;
  s.max_sequences = std::max<int64_t>(options.max_sequences, 1);
  s.limits.step_tokens = std::max<int64_t>(options.max_step_tokens, s.max_sequences);
  s.limits.logit_rows = std::max<int64_t>(s.max_sequences, 64);
  s.page_bytes = model.cache_layout(s.cache_type).page_bytes;

  const int64_t trained = model.spec().context_length;
  s.context_length = options.context_length > 0 ? options.context_length : trained;
  if (s.context_length > trained) {
    throw Error(ErrorCode::kInvalidArgument,
                "a context of " + std::to_string(s.context_length) +
                    " tokens was asked for, but the model is made for " + std::to_string(trained));
  }
  const int64_t one_context = PagesFor(s.context_length) * s.page_bytes;
  const int64_t available = AvailableMemoryBytes();
  int64_t cache_bytes = options.cache_bytes;
  if (cache_bytes <= 0) {
    cache_bytes = std::min(std::max(available / 4, s.page_bytes), kDefaultContexts * one_context);
    // Without an explicit wish, a context that does not fit is shortened rather than refused.
    if (options.context_length <= 0 && cache_bytes < one_context) {
      s.context_length = cache_bytes / s.page_bytes * kPageTokens;
    }
  }
  if (available > 0 && cache_bytes > available) {
    throw Error(ErrorCode::kOutOfMemory,
                "the KV cache needs " + SizeText(cache_bytes) + " but only " + SizeText(available) +
                    " of memory are available",
                "lower --cache-size or --ctx");
  }
  const int64_t pages = cache_bytes / s.page_bytes;
  if (pages < PagesFor(s.context_length)) {
    // Two wishes that contradict each other, or one that this machine's memory does.
    throw Error(options.cache_bytes > 0 ? ErrorCode::kInvalidArgument : ErrorCode::kOutOfMemory,
                "a context of " + std::to_string(s.context_length) + " tokens needs " +
                    SizeText(PagesFor(s.context_length) * s.page_bytes) +
                    " of KV cache, but the cache has " + SizeText(cache_bytes),
                "raise --cache-size or lower --ctx");
  }
  s.pages = static_cast<int32_t>(std::min<int64_t>(pages, INT32_MAX / 2));
  return s;
}

}  // namespace

class Engine::Impl {
 public:
  Impl(const Model& model, const EngineOptions& options)
      : model_(model),
        model_name_(options.model_name),
        settings_(Resolve(model, options)),
        pool_(settings_.threads),
        scratch_(model.ScratchBytes(settings_.limits.step_tokens, settings_.limits.logit_rows,
                                    settings_.threads)),
        cache_memory_(static_cast<std::size_t>(settings_.pages) *
                          static_cast<std::size_t>(settings_.page_bytes),
                      "KV cache"),
        logits_(static_cast<std::size_t>(settings_.limits.logit_rows * model.spec().vocabulary) *
                    sizeof(float),
                "logits"),
        cache_(settings_.pages),
        sampler_(*settings_.kernels, model.spec().vocabulary),
        context_{*settings_.kernels,   pool_,   scratch_,
                 settings_.cache_type, nullptr, settings_.latent_form} {
    const auto sequences = static_cast<std::size_t>(settings_.max_sequences);
    const auto rows = static_cast<std::size_t>(settings_.limits.step_tokens);
    running_.reserve(sequences);
    waiting_.reserve(kMaxWaiting + sequences);
    demands_.reserve(sequences);
    plan_.reserve(sequences);
    slices_.reserve(sequences);
    step_tokens_.reserve(rows);
    logit_rows_.reserve(static_cast<std::size_t>(settings_.limits.logit_rows));
    PublishStats();
    thread_ = std::thread([this] { Loop(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  std::shared_ptr<Ticket> Submit(Request request, EventSink sink) {
    Check(request);
    auto sequence = std::make_unique<Sequence>();
    sequence->request = std::move(request);
    sequence->sink = std::move(sink);
    sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
    sequence->submitted_at = MonotonicSeconds();
    auto ticket = std::make_shared<Ticket>(
        [flag = sequence->cancelled] { flag->store(true, std::memory_order_relaxed); });
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) throw Error(ErrorCode::kUnavailable, "the engine is shutting down");
      if (inbox_.size() + static_cast<std::size_t>(stats_.waiting) >= kMaxWaiting) {
        throw Error(ErrorCode::kUnavailable,
                    std::to_string(kMaxWaiting) + " requests are waiting already",
                    "try again later");
      }
      inbox_.push_back(std::move(sequence));
    }
    wake_.notify_one();
    return ticket;
  }

  const Settings& settings() const { return settings_; }

  EngineStats stats() const {
    const std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.waiting += static_cast<int64_t>(inbox_.size());
    return stats;
  }

 private:
  using SequencePtr = std::unique_ptr<Sequence>;

  void Check(const Request& request) const {
    if (request.prompt.empty()) throw Error(ErrorCode::kInvalidArgument, "the prompt is empty");
    for (const int32_t id : request.prompt) {
      if (id < 0 || id >= model_.spec().vocabulary) {
        throw Error(ErrorCode::kInvalidArgument, "token id " + std::to_string(id) +
                                                     " is outside the vocabulary of " +
                                                     std::to_string(model_.spec().vocabulary));
      }
    }
    Validate(request.sampling);
    const auto length = static_cast<int64_t>(request.prompt.size());
    // A prompt that fills the context exactly leaves no room for a reply, but it can be scored.
    const int64_t room = request.max_tokens == 0 ? 0 : 1;
    if (length + room > settings_.context_length) {
      throw Error(ErrorCode::kContextOverflow,
                  "the prompt has " + std::to_string(length) + " tokens, the context holds " +
                      std::to_string(settings_.context_length) +
                      (room == 1 ? " with the reply" : ""),
                  "shorten the prompt or raise the context length");
    }
  }

  // ---- The engine thread ----

  void Loop() {
    while (true) {
      if (!TakeInbox()) break;
      DropCancelled();
      Admit();
      if (!running_.empty()) Step();
      PublishStats();
    }
    for (SequencePtr& sequence : running_) Finish(*sequence, FinishReason::kCancelled);
    for (SequencePtr& sequence : waiting_) Finish(*sequence, FinishReason::kCancelled);
  }

  // Waits for work when there is none. False when the engine stops.
  bool TakeInbox() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] {
      return stopping_ || !inbox_.empty() || !running_.empty() || !waiting_.empty();
    });
    for (SequencePtr& sequence : inbox_) waiting_.push_back(std::move(sequence));
    inbox_.clear();
    stats_.waiting = static_cast<int64_t>(waiting_.size());  // what Submit goes by
    return !stopping_;
  }

  void DropCancelled() {
    const auto drop = [&](SequencePtr& sequence) {
      if (!sequence->cancelled->load(std::memory_order_relaxed)) return false;
      Finish(*sequence, FinishReason::kCancelled);
      return true;
    };
    std::erase_if(running_, drop);
    std::erase_if(waiting_, drop);
  }

  enum class Start : uint8_t { kStarted, kNoRoom, kAwaitsPrefix, kFailed };

  void Admit() {
    std::size_t next = 0;
    while (next < waiting_.size() &&
           running_.size() < static_cast<std::size_t>(settings_.max_sequences)) {
      Sequence& s = *waiting_[next];
      Start start = Start::kFailed;
      Attempt(s, [&] { start = TryStart(s); });
      if (start == Start::kNoRoom) return;
      if (start == Start::kAwaitsPrefix) {
        ++next;
        continue;
      }
      if (start == Start::kStarted) running_.push_back(std::move(waiting_[next]));
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(next));
    }
  }

  // Does a part of the work on one sequence. If it throws, that request fails and the others go on.
  template <class Work>
  void Attempt(Sequence& s, Work work) {
    try {
      work();
    } catch (...) {
      Fail(s);
    }
  }

  // Called while an exception is handled.
  void Fail(Sequence& s) {
    if (s.over()) return;  // it was told already
    std::optional<Error> error;
    try {
      error = CurrentError();
    } catch (const std::exception&) {
      // Not even the message found room; that it failed is said all the same.
    }
    Finish(s, FinishReason::kError, std::move(error));
  }

  void RemoveFinished() {
    std::erase_if(running_, [](const SequencePtr& s) { return s->over(); });
  }

  // Finds what of the tokens is cached already and makes sure that the rest fits. A sequence that
  // was set aside comes through here again, with its reply so far.
  Start TryStart(Sequence& s) {
    // What may run out of memory comes first, while there is nothing to be undone.
    if (s.tokens.empty()) Prepare(s);
    if (IsBeingEvaluated(s.request.cache_key, Reusable(s))) return Start::kAwaitsPrefix;
    MakeRoom(s);
    s.node = cache_.OpenRoot(s.request.cache_key);
    const NoAllocationScope guard;
    s.pages.clear();
    const std::span<const int32_t> reusable = Reusable(s);
    const PageCache::Node root = s.node;
    s.node = cache_.MatchFullPages(root, reusable, s.pages);
    cache_.Unpin(root);
    s.shared_pages = static_cast<int64_t>(s.pages.size());
    s.evaluated = s.shared_pages * kPageTokens;

    const int64_t missing = PagesFor(static_cast<int64_t>(s.tokens.size()) + 1) - s.shared_pages;
    if (missing > cache_.available() - PromisedPages() && !running_.empty()) {
      cache_.Unpin(s.node);
      s.node = PageCache::kNone;
      return Start::kNoRoom;
    }
    ReusePartialPage(s, reusable.subspan(static_cast<std::size_t>(s.evaluated)));
    s.page_data.clear();
    for (const PageCache::Page page : s.pages) s.page_data.push_back(DataOf(page));
    if (s.started_at == 0) {
      s.started_at = MonotonicSeconds();
      s.usage.queue_seconds = s.started_at - s.submitted_at;
      s.usage.cached_tokens = s.evaluated;
    }
    return Start::kStarted;
  }

  // The last token is always evaluated: its logits are wanted. Scoring wants those of all.
  static std::span<const int32_t> Reusable(const Sequence& s) {
    if (s.request.score_prompt) return {};
    return std::span(s.tokens).first(s.tokens.size() - 1);
  }

  // Whether the next full page that a running sequence will have evaluated begins these tokens,
  // too: waiting for it is cheaper than evaluating it twice. Nobody waits for a sequence that is
  // scored: that one evaluates what is cached already, and few rows in a step.
  bool IsBeingEvaluated(const std::string& cache_key, std::span<const int32_t> tokens) const {
    return std::any_of(running_.begin(), running_.end(), [&](const SequencePtr& r) {
      if (r->request.score_prompt || r->request.cache_key != cache_key) return false;
      const auto begin = static_cast<std::size_t>(r->shared_pages * kPageTokens);
      const std::size_t end = begin + kPageTokens;
      if (tokens.size() < end || r->tokens.size() < end) return false;
      const std::span<const int32_t> theirs(r->tokens);
      const auto equal = [&](std::size_t from, std::size_t count) {
        return std::ranges::equal(tokens.subspan(from, count), theirs.subspan(from, count));
      };
      return equal(begin, kPageTokens) && equal(0, begin);  // the later ones differ more often
    });
  }

  // Pages that running sequences were admitted for and have not taken yet.
  int64_t PromisedPages() const {
    int64_t promised = 0;
    for (const SequencePtr& s : running_) {
      const int64_t needed = PagesFor(static_cast<int64_t>(s->tokens.size()) + 1);
      promised += std::max<int64_t>(needed - static_cast<int64_t>(s->pages.size()), 0);
    }
    return promised;
  }

  void Prepare(Sequence& s) {
    s.prompt_size = static_cast<int64_t>(s.request.prompt.size());
    s.usage.prompt_tokens = s.prompt_size;
    const int64_t room = settings_.context_length - s.prompt_size;
    const int64_t wanted = s.request.max_tokens < 0 ? room : std::min(s.request.max_tokens, room);
    s.token_limit = s.prompt_size + wanted;
    s.tokens = std::move(s.request.prompt);
  }

  // Makes sure of capacity for one more token, so that no step allocates.
  static void MakeRoom(Sequence& s) {
    const auto limit = static_cast<std::size_t>(s.token_limit);
    const auto prompt = static_cast<std::size_t>(s.prompt_size);
    const std::size_t size = s.tokens.size();
    if (size < limit && size == s.tokens.capacity()) {
      s.tokens.reserve(std::min(limit, size + std::max(size - prompt, kFirstRoom)));
    }
    const std::size_t most = std::min(limit, s.tokens.capacity());
    const auto pages = static_cast<std::size_t>(PagesFor(static_cast<int64_t>(most)));
    s.pages.reserve(pages);
    s.page_data.reserve(pages);
  }

  // The page after the full ones may agree with an old one in its first tokens: those are copied
  // instead of evaluated.
  void ReusePartialPage(Sequence& s, std::span<const int32_t> rest) {
    int64_t shared = 0;
    const PageCache::Page source = cache_.MatchPartialPage(s.node, rest, shared);
    if (source == PageCache::kNone) return;
    cache_.Pin(source);
    const PageCache::Page copy = cache_.Allocate();
    if (copy != PageCache::kNone) {
      std::memcpy(DataOf(copy), DataOf(source), static_cast<std::size_t>(settings_.page_bytes));
      s.pages.push_back(copy);
      s.evaluated += shared;
    }
    cache_.Unpin(source);
  }

  std::byte* DataOf(PageCache::Page page) {
    return cache_memory_.data() +
           static_cast<std::size_t>(page) * static_cast<std::size_t>(settings_.page_bytes);
  }

  void Step() {
    for (const SequencePtr& s : running_) Attempt(*s, [&] { MakeRoom(*s); });
    RemoveFinished();
    try {
      const NoAllocationScope guard;
      Plan();
      if (plan_.empty()) return;
      BuildBatch();
      const double start = MonotonicSeconds();
      model_.Forward(context_, {step_tokens_, slices_, logit_rows_}, logits_.as<float>().data());
      step_seconds_ = MonotonicSeconds() - start;
    } catch (...) {
      // Which of its requests a step fails for cannot be told, so it fails for all of them.
      for (const StepShare& share : plan_) {
        Fail(*running_[static_cast<std::size_t>(share.sequence)]);
      }
      RemoveFinished();
      return;
    }
    Conclude();
  }

  // Decides who gets how much and gives everyone in the plan the pages for it. When memory runs
  // out, the youngest sequence is set aside and its work repeated later, from the cache if that
  // lasts.
  void Plan() {
    while (true) {
      demands_.clear();
      for (const SequencePtr& s : running_) {
        demands_.push_back(
            {s->pending(), s->request.score_prompt && s->evaluated < s->prompt_size});
      }
      PlanStep(settings_.limits, demands_, plan_);
      const bool fits = std::all_of(plan_.begin(), plan_.end(), [&](const StepShare& share) {
        return GrowPages(*running_[static_cast<std::size_t>(share.sequence)], share.tokens);
      });
      if (fits) return;
      CHECK(running_.size() >
            1);  // one sequence alone always fits: its context is bounded by the cache
      SetAside();
    }
  }

  bool GrowPages(Sequence& s, int64_t tokens) {
    const int64_t needed = PagesFor(s.evaluated + tokens);
    while (static_cast<int64_t>(s.pages.size()) < needed) {
      const PageCache::Page page = cache_.Allocate();
      if (page == PageCache::kNone) return false;
      s.pages.push_back(page);
      s.page_data.push_back(DataOf(page));
    }
    return true;
  }

  void SetAside() {
    SequencePtr last = std::move(running_.back());
    running_.pop_back();
    ReleasePages(*last);
    waiting_.insert(waiting_.begin(), std::move(last));
  }

  // Gives all pages of a sequence back, keeping in the tree what later requests may use.
  void ReleasePages(Sequence& s) {
    if (s.node == PageCache::kNone) return;
    const int64_t held = s.shared_pages * kPageTokens;
    for (auto i = static_cast<std::size_t>(s.shared_pages); i < s.pages.size(); ++i) {
      const auto begin = static_cast<std::size_t>(held);
      const auto count = static_cast<std::size_t>(std::max<int64_t>(s.evaluated - held, 0));
      if (i == static_cast<std::size_t>(s.shared_pages) && count < kPageTokens) {
        cache_.SharePartial(s.node, s.pages[i], std::span(s.tokens).subspan(begin, count));
      } else {
        cache_.FreePrivate(s.pages[i]);
      }
    }
    cache_.Unpin(s.node);
    s.node = PageCache::kNone;
    s.pages.clear();
    s.page_data.clear();
    s.shared_pages = 0;
    s.evaluated = 0;
  }

  void BuildBatch() {
    step_tokens_.clear();
    slices_.clear();
    logit_rows_.clear();
    for (const StepShare& share : plan_) {
      const Sequence& s = *running_[static_cast<std::size_t>(share.sequence)];
      const auto first_row = static_cast<int64_t>(step_tokens_.size());
      const auto begin = s.tokens.begin() + s.evaluated;
      step_tokens_.insert(step_tokens_.end(), begin, begin + share.tokens);
      slices_.push_back({first_row, share.tokens, s.evaluated, s.page_data});
      const int64_t last = first_row + share.tokens - 1;
      if (demands_[static_cast<std::size_t>(share.sequence)].all_logits) {
        for (int64_t row = first_row; row <= last; ++row) {
          logit_rows_.push_back(static_cast<int32_t>(row));
        }
      } else if (share.tokens == s.pending()) {
        logit_rows_.push_back(static_cast<int32_t>(last));
      }
    }
  }

  // Files what was evaluated, samples, tells the callers, and lets finished sequences go. Weights
  // are not read to be checked: a model that is broken shows it in its logits, and says so.
  void Conclude() {
    float* logits = logits_.as<float>().data();
    const double now = MonotonicSeconds();
    int64_t decoded = 0;
    for (const StepShare& share : plan_) {
      Sequence& s = *running_[static_cast<std::size_t>(share.sequence)];
      const bool scoring = demands_[static_cast<std::size_t>(share.sequence)].all_logits;
      const int64_t first = s.evaluated;
      s.evaluated += share.tokens;
      if (share.tokens == 1 && first >= s.prompt_size) ++decoded;
      ShareFullPages(s);
      const bool complete = s.pending() == 0;
      const int64_t rows = scoring ? share.tokens : complete ? 1 : 0;
      const int64_t vocabulary = model_.spec().vocabulary;
      Attempt(s, [&] {
        if (!AllFinite({logits, static_cast<std::size_t>(rows * vocabulary)})) {
          Finish(s, FinishReason::kError, NotFinite(model_name_, first));
          return;
        }
        if (scoring) ReportScores(s, first, share.tokens, logits);
        if (complete) {
          if (s.first_token_at == 0) s.first_token_at = now;
          Generate(s, logits + (rows - 1) * vocabulary);
        }
      });
      logits += rows * vocabulary;
    }
    totals_.prompt_tokens += static_cast<int64_t>(step_tokens_.size()) - decoded;
    ++totals_.steps;
    (decoded == static_cast<int64_t>(step_tokens_.size()) ? totals_.decode_seconds
                                                          : totals_.prefill_seconds) +=
        step_seconds_;
    RemoveFinished();
  }

  void ShareFullPages(Sequence& s) {
    const NoAllocationScope guard;
    while ((s.shared_pages + 1) * kPageTokens <= s.evaluated) {
      const auto index = static_cast<std::size_t>(s.shared_pages);
      const auto tokens = std::span(s.tokens).subspan(index * kPageTokens, kPageTokens);
      s.pages[index] = cache_.Share(s.node, s.pages[index], tokens);
      s.page_data[index] = DataOf(s.pages[index]);
      ++s.shared_pages;
    }
  }

  // Rows for positions first .. first + count - 1 tell of the tokens one further on. A sequence
  // that was set aside comes by the same tokens again and tells of each once.
  void ReportScores(Sequence& s, int64_t first, int64_t count, const float* logits) {
    if (s.scored == 0) {
      TokenEvent event{.kind = TokenEvent::Kind::kPrompt, .id = s.tokens.front()};
      s.sink(std::move(event));
      s.scored = 1;
    }
    for (int64_t i = 0; i < count && first + i + 1 < s.prompt_size; ++i) {
      if (first + i + 1 < s.scored) continue;
      TokenEvent event{.kind = TokenEvent::Kind::kPrompt,
                       .id = s.tokens[static_cast<std::size_t>(first + i + 1)]};
      event.logprob = sampler_.Logprob(logits + i * model_.spec().vocabulary, event.id,
                                       s.request.top_logprobs.value_or(0), event.top);
      s.sink(std::move(event));
      ++s.scored;
    }
  }

  void Generate(Sequence& s, float* logits) {
    if (static_cast<int64_t>(s.tokens.size()) >= s.token_limit) {
      Finish(s, FinishReason::kLength);
      return;
    }
    TokenEvent event;
    int32_t id;
    if (s.request.top_logprobs.has_value()) {
      // The log-probability is that of the model itself, so it is taken before the sampler's
      // changes.
      const auto vocabulary = static_cast<std::size_t>(model_.spec().vocabulary);
      unchanged_.assign(logits, logits + vocabulary);
      id = NextToken(s, logits);
      event.logprob = sampler_.Logprob(unchanged_.data(), id, *s.request.top_logprobs, event.top);
    } else {
      const NoAllocationScope guard;
      id = NextToken(s, logits);
    }
    event.id = id;
    s.tokens.push_back(id);
    ++s.usage.completion_tokens;
    ++totals_.generated_tokens;

    FinishReason reason = FinishReason::kStop;
    bool finished = std::find(s.request.stop_ids.begin(), s.request.stop_ids.end(), id) !=
                    s.request.stop_ids.end();
    if (s.request.guide != nullptr) {
      const GuideDecision decision = s.request.guide->Observe(id);
      if (decision.action == GuideDecision::Action::kStop) finished = true;
      if (decision.action == GuideDecision::Action::kForce) Force(s, decision.ids);
    }
    if (!finished && static_cast<int64_t>(s.tokens.size()) >= s.token_limit) {
      finished = true;
      reason = FinishReason::kLength;
    }
    s.sink(std::move(event));
    if (finished) Finish(s, reason);
  }

  int32_t NextToken(Sequence& s, float* logits) {
    if (s.next_forced < s.forced.size()) return s.forced[s.next_forced++];
    return sampler_.Sample(s.request.sampling, s.tokens, s.prompt_size, logits);
  }

  void Force(Sequence& s, const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) CHECK(id >= 0 && id < model_.spec().vocabulary);
    s.forced.erase(s.forced.begin(), s.forced.begin() + static_cast<std::ptrdiff_t>(s.next_forced));
    s.next_forced = 0;
    s.forced.insert(s.forced.end(), ids.begin(), ids.end());
  }

  // Sends the last event and lets go of everything; the sequence is removed by whoever iterates.
  void Finish(Sequence& s, FinishReason reason, std::optional<Error> error = std::nullopt) {
    const double now = MonotonicSeconds();
    if (s.first_token_at > 0) {
      s.usage.prefill_seconds = s.first_token_at - s.started_at;
      s.usage.decode_seconds = now - s.first_token_at;
    } else if (s.started_at > 0) {
      s.usage.prefill_seconds = now - s.started_at;
    } else {
      if (s.tokens.empty()) s.usage.prompt_tokens = static_cast<int64_t>(s.request.prompt.size());
      s.usage.queue_seconds = now - s.submitted_at;
    }
    totals_.cached_tokens += s.usage.cached_tokens;
    ReleasePages(s);
    TokenEvent event{.kind = TokenEvent::Kind::kDone};
    event.finish = reason;
    event.usage = s.usage;
    event.error = std::move(error);
    const EventSink sink = std::exchange(s.sink, nullptr);
    try {
      sink(std::move(event));
    } catch (const std::exception&) {
      // A sink throws when it runs out of memory; there is nothing left to tell it.
    }
  }

  void PublishStats() {
    const std::lock_guard lock(mutex_);
    stats_ = totals_;
    stats_.running = static_cast<int64_t>(running_.size());
    stats_.waiting = static_cast<int64_t>(waiting_.size());
    stats_.pages_total = cache_.pages();
    stats_.pages_used = cache_.pages() - cache_.available();
    stats_.pages_cached = cache_.shared();
    stats_.cache_bytes = settings_.page_bytes * settings_.pages;
  }

  const Model& model_;
  const std::string model_name_;
  const Settings settings_;
  ThreadPool pool_;
  Scratch scratch_;
  Buffer cache_memory_;  // [pages][page_bytes]
  Buffer logits_;        // [logit_rows][vocabulary]
  PageCache cache_;
  Sampler sampler_;
  ExecContext context_;

  std::vector<SequencePtr> running_;  // oldest first
  std::vector<SequencePtr> waiting_;  // oldest first; room for all that may wait
  std::vector<SequenceDemand> demands_;
  std::vector<StepShare> plan_;
  std::vector<int32_t> step_tokens_;
  std::vector<SequenceSlice> slices_;
  std::vector<int32_t> logit_rows_;
  std::vector<float> unchanged_;  // a row of logits before the sampler changes it
  EngineStats totals_;
  double step_seconds_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<SequencePtr> inbox_;
  EngineStats stats_;
  bool stopping_ = false;

  std::thread thread_;
};

Engine::Engine(const Model& model, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(model, options)) {}
Engine::~Engine() = default;

std::shared_ptr<Ticket> Engine::Submit(Request request, EventSink sink) {
  return impl_->Submit(std::move(request), std::move(sink));
}
int64_t Engine::context_length() const { return impl_->settings().context_length; }
const KernelTable& Engine::kernels() const { return *impl_->settings().kernels; }
int Engine::threads() const { return impl_->settings().threads; }
EngineStats Engine::stats() const { return impl_->stats(); }

std::vector<TokenEvent> RunToCompletion(Engine& engine, Request request) {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false;
  std::vector<TokenEvent> events;
  engine.Submit(std::move(request), [&](TokenEvent&& event) {
    const std::lock_guard lock(mutex);
    finished = event.kind == TokenEvent::Kind::kDone;
    events.push_back(std::move(event));
    if (finished) done.notify_one();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return finished; });
  return events;
}

}  // namespace fathom
