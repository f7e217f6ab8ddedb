// fathom bench: speed of prefill and decode beside what the memory allows, and a hash of the
// logits.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/system_memory.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "loader/download.h"
#include "placement/bandwidth.h"

namespace fathom::cli {
namespace {

struct BenchFlags {
  ModelFlags model;
  std::vector<int64_t> contexts{128, 512, 2048};
  std::vector<int64_t> users{1};
  int64_t decode = 64;
  int repeats = 1;
  bool json = false;
};

// Token ids that mean nothing, the same in every run.
std::vector<int32_t> NoiseIds(int64_t count, int64_t vocabulary, uint64_t key) {
  std::vector<int32_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const double uniform = UniformAt(key, static_cast<uint64_t>(i));
    ids.push_back(static_cast<int32_t>(uniform * static_cast<double>(vocabulary)));
  }
  return ids;
}

// SHA-256 (its first 16 digits) of the logits behind a fixed prompt and behind one decode step
// after it: the exact bits, so it changes with the kernels' rounding, and with nothing else.
std::string LogitsHash(const Model& model, const KernelTable& kernels, int threads,
                       CacheType cache_type) {
  constexpr int64_t kPromptTokens = 48;  // one full cache page and a half
  const int64_t vocabulary = model.spec().vocabulary;
  std::vector<int32_t> ids = NoiseIds(kPromptTokens + 1, vocabulary, /*key=*/1);
  const int64_t prompt_tokens =
      std::min<int64_t>(kPromptTokens, std::max<int64_t>(model.spec().context_length - 1, 1));
  const int64_t page_bytes = model.cache_layout(cache_type).page_bytes;
  const int64_t page_count = (prompt_tokens + 1 + kPageTokens - 1) / kPageTokens;
  const Buffer memory(static_cast<std::size_t>(page_bytes * page_count), "cache pages");
  std::vector<std::byte*> pages;
  for (int64_t i = 0; i < page_count; ++i) pages.push_back(memory.data() + i * page_bytes);
  ThreadPool pool(threads);
  Scratch scratch(model.ScratchBytes(prompt_tokens, 1, threads));
  ExecContext context{kernels, pool, scratch, cache_type, nullptr};
  std::vector<float> logits(static_cast<std::size_t>(vocabulary));
  Sha256 hash;
  const auto step = [&](int64_t first, int64_t tokens) {
    const SequenceSlice slice{0, tokens, first, pages};
    const int32_t last_row = static_cast<int32_t>(tokens - 1);
    const std::span<const int32_t> rows(ids.data() + first, static_cast<std::size_t>(tokens));
    model.Forward(context, {rows, {&slice, 1}, {&last_row, 1}}, logits.data());
    hash.Update(std::as_bytes(std::span(logits)));
  };
  step(0, prompt_tokens);
  step(prompt_tokens, 1);
  return hash.HexDigest().substr(0, 16);
}

// When the tokens of the users of one measurement came, recorded on the engine thread.
class Stopwatch {
 public:
  explicit Stopwatch(std::size_t users) : times_(users) {}

  void Record(std::size_t user, TokenEvent&& event) {
    const std::lock_guard lock(mutex_);
    if (event.kind == TokenEvent::Kind::kToken) times_[user].push_back(MonotonicSeconds());
    if (event.kind != TokenEvent::Kind::kDone) return;
    if (event.error) error_ = std::move(event.error);
    if (++done_ == times_.size()) all_done_.notify_one();
  }
  const std::vector<std::vector<double>>& Wait() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [&] { return done_ == times_.size(); });
    if (error_) throw *error_;
    return times_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::vector<std::vector<double>> times_;
  std::size_t done_ = 0;
  std::optional<Error> error_;
};

struct Measurement {
  int64_t context = 0;
  int64_t users = 0;
  double prefill = 0;  // prompt tokens per second, all users together
  double decode = 0;   // generated tokens per second, all users together; 0: no common stretch
  double bytes_per_step = 0;  // weights once, and every user's cache
  double bandwidth = 0;       // bytes_per_step times steps per second
};

// All users start at once. Prefill lasts until each has its first token; decode is the stretch in
// which all of them generate.
Measurement MeasureOnce(Engine& engine, const Model& model, CacheType cache_type, int64_t context,
                        int64_t users, int64_t decode, uint64_t& key) {
  // Shared with the sinks, which outlive this call when a later Submit throws.
  const auto watch = std::make_shared<Stopwatch>(static_cast<std::size_t>(users));
  const double start = MonotonicSeconds();
  for (int64_t user = 0; user < users; ++user) {
    Request request;
    request.prompt = NoiseIds(context, model.spec().vocabulary, ++key);
    request.cache_key = "bench " + std::to_string(key);  // nothing is shared
    request.max_tokens = decode;
    engine.Submit(std::move(request), [watch, user](TokenEvent&& event) {
      watch->Record(static_cast<std::size_t>(user), std::move(event));
    });
  }
  const std::vector<std::vector<double>>& times = watch->Wait();
  double all_started = 0, first_ended = times.front().back();
  for (const std::vector<double>& user : times) {
    all_started = std::max(all_started, user.front());
    first_ended = std::min(first_ended, user.back());
  }
  int64_t common = 0;
  for (const std::vector<double>& user : times) {
    common += std::count_if(user.begin(), user.end(),
                            [&](double t) { return t > all_started && t <= first_ended; });
  }
  Measurement result;
  result.context = context;
  result.users = users;
  result.prefill = static_cast<double>(context * users) / (all_started - start);
  const double cached = static_cast<double>(context) + static_cast<double>(decode) / 2;
  result.bytes_per_step =
      static_cast<double>(model.spec().weight_bytes_per_token) +
      static_cast<double>(users * model.cache_layout(cache_type).bytes_per_token()) * cached;
  if (first_ended > all_started && common > 0) {
    result.decode = static_cast<double>(common) / (first_ended - all_started);
    result.bandwidth = result.bytes_per_step * result.decode / static_cast<double>(users);
  }
  return result;
}

// Shape of the engine that runs all measurements.
EngineOptions BenchEngineOptions(const BenchFlags& flags, const Model& model,
                                 CacheType cache_type) {
  EngineOptions options = ToEngineOptions(flags.model);
  const int64_t longest = *std::max_element(flags.contexts.begin(), flags.contexts.end());
  const int64_t most_users = *std::max_element(flags.users.begin(), flags.users.end());
  const int64_t needed = longest + flags.decode;
  if (needed > model.spec().context_length) {
    throw Error(ErrorCode::kContextOverflow,
                "a context of " + std::to_string(longest) + " and " + std::to_string(flags.decode) +
                    " more tokens are asked for, but the model is made for " +
                    std::to_string(model.spec().context_length),
                "lower --contexts or -n");
  }
  options.cache_type = cache_type;
  options.max_sequences = std::max<int64_t>(most_users, options.max_sequences);
  if (options.context_length == 0) options.context_length = needed;
  if (options.cache_bytes == 0) {
    const int64_t pages_each = (options.context_length + kPageTokens - 1) / kPageTokens + 1;
    options.cache_bytes = pages_each * most_users * model.cache_layout(cache_type).page_bytes;
  }
  return options;
}

void PrintMeasurement(const Measurement& m, double available) {
  char line[200];
  std::snprintf(
      line, sizeof line, "%8lld %6lld %12s %12s %11s %10.1f %7.0f%%",
      static_cast<long long>(m.context), static_cast<long long>(m.users),
      Significant(m.prefill).c_str(), Significant(m.decode).c_str(),
      BytesText(static_cast<uint64_t>(m.bytes_per_step / static_cast<double>(m.users))).c_str(),
      m.bandwidth / 1e9, available > 0 ? 100 * m.bandwidth / available : 0.0);
  PrintLine(line);
}

Json MeasurementJson(const Measurement& m, double available) {
  const double users = static_cast<double>(m.users);
  return Json{{"context", m.context},
              {"users", m.users},
              {"prefill_tokens_per_second", m.prefill},
              {"decode_tokens_per_second", m.decode},
              {"decode_bytes_per_token", m.bytes_per_step / users},
              {"decode_bytes_per_second", m.bandwidth},
              {"bandwidth_share", available > 0 ? m.bandwidth / available : 0.0}};
}

int Bench(const Context& context, const BenchFlags& flags) {
  const LoadedModel loaded = OpenModel(context, flags.model);
  const Model& model = *loaded.model;
  const KernelTable& kernels = FindKernels(flags.model.kernels);
  const int threads = flags.model.threads > 0 ? flags.model.threads : PhysicalCores();
  const CacheType usual = &kernels == &ReferenceKernels() ? CacheType::kF32 : CacheType::kF16;
  const CacheType cache_type = CacheTypeNamed(flags.model.cache_type).value_or(usual);
  const std::size_t probe_bytes =
      AvailableMemoryBytes() > (int64_t{4} << 30) ? std::size_t{256} << 20 : std::size_t{64} << 20;
  ThreadPool pool(threads);
  EngineOptions options = BenchEngineOptions(flags, model, cache_type);
  options.model_name = loaded.name;
  const std::string hash = LogitsHash(model, kernels, threads, cache_type);
  const double before = MeasureReadBandwidth(pool, probe_bytes);

  std::vector<Measurement> measurements;
  {
    Engine engine(model, options);
    uint64_t key = 1000;
    // Pages the weights in. Not longer than what is measured, which the context surely holds.
    const int64_t longest = *std::max_element(flags.contexts.begin(), flags.contexts.end());
    MeasureOnce(engine, model, cache_type, std::min<int64_t>(16, longest), 1,
                std::min<int64_t>(8, flags.decode), key);
    for (const int64_t users : flags.users) {
      for (const int64_t length : flags.contexts) {
        Measurement best;
        for (int i = 0; i < flags.repeats; ++i) {
          const Measurement m =
              MeasureOnce(engine, model, cache_type, length, users, flags.decode, key);
          best.context = m.context;
          best.users = m.users;
          best.bytes_per_step = m.bytes_per_step;
          best.prefill = std::max(best.prefill, m.prefill);
          best.decode = std::max(best.decode, m.decode);
          best.bandwidth = std::max(best.bandwidth, m.bandwidth);
        }
        measurements.push_back(best);
      }
    }
  }
  const double after = MeasureReadBandwidth(pool, probe_bytes);
  const double available = (before + after) / 2;

  if (flags.json) {
    Json rows = Json::array();
    for (const Measurement& m : measurements) rows.push_back(MeasurementJson(m, available));
    PrintLine(DumpJson(Json{{"model", loaded.name},
                            {"fingerprint", loaded.fingerprint},
                            {"architecture", model.spec().architecture},
                            {"parameters", model.spec().parameters},
                            {"weight_bytes_per_token", model.spec().weight_bytes_per_token},
                            {"kernels", kernels.name},
                            {"threads", threads},
                            {"cache", NameOf(cache_type)},
                            {"decode_tokens", flags.decode},
                            {"read_bandwidth_before", before},
                            {"read_bandwidth_after", after},
                            {"logits_hash", hash},
                            {"measurements", std::move(rows)}},
                       2));
    return kExitOk;
  }
  PrintLine(loaded.name + ": " + model.spec().architecture + ", " +
            Significant(static_cast<double>(model.spec().parameters) / 1e6) + " M parameters, " +
            BytesText(static_cast<uint64_t>(model.spec().weight_bytes_per_token)) +
            " of weights per token; " + std::string(kernels.name) + " kernels, " +
            std::to_string(threads) + " threads, " + std::string(NameOf(cache_type)) + " cache");
  PrintLine(" context  users    prefill/s     decode/s  bytes/token  read GB/s   share");
  for (const Measurement& m : measurements) PrintMeasurement(m, available);
  PrintLine("memory reads " + Significant(before / 1e9) + " GB/s before, " +
            Significant(after / 1e9) + " GB/s after; logits " + hash);
  return kExitOk;
}

}  // namespace

void AddBench(Command app, Context& context) {
  const auto flags = std::make_shared<BenchFlags>();
  Command command = app.AddCommand("bench", "Measure the speed of a model on this machine");
  AddModelFlags(command, flags->model);
  command.Add("--contexts", flags->contexts, "Prompt lengths, as 128,512,2048")
      .Type("LIST")
      .SeparatedBy(',')
      .OneEach()
      .Between(int64_t{1}, int64_t{1} << 30)
      .ShowDefault();
  command.Add("--users", flags->users, "Conversations at a time, as 1,4,16")
      .Type("LIST")
      .SeparatedBy(',')
      .OneEach()
      .Between(1, 1024)
      .ShowDefault();
  command.Add("-n,--decode", flags->decode, "Tokens to generate at each length")
      .Type("N")
      .Between(int64_t{2}, int64_t{1} << 30)
      .ShowDefault();
  command.Add("--repeats", flags->repeats, "Take the best of so many runs")
      .Type("N")
      .Between(1, 100)
      .ShowDefault();
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command.Footer(
      "prefill/s and decode/s are tokens per second of all users together. bytes/token is what a\n"
      "decoded token reads: the weights once per step and the cache; read GB/s is that times the\n"
      "speed, and share compares it with the machine's own reading speed, measured before and\n"
      "after. The hash covers the exact logits of a fixed prompt.\n"
      "Examples:\n"
      "  fathom bench\n"
      "  fathom bench my-model.gguf --contexts 512 --users 1,4,16 --json");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Bench(context, *flags); }; });
}

}  // namespace fathom::cli
