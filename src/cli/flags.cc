// Owns: the declarations of shared flags, with their help texts, and reading prompts from files and
// standard input. Not for: what a single subcommand does.
#include "cli/flags.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace fathom::cli {
namespace {

std::string ReadStream(std::FILE* stream, const std::string& name) {
  std::string text;
  char chunk[65536];
  while (const std::size_t count = std::fread(chunk, 1, sizeof chunk, stream)) {
    text.append(chunk, count);
    if (text.size() > kMaxTextBytes) {
      throw Error(ErrorCode::kInvalidArgument, name + " is longer than 256 MB");
    }
  }
  if (std::ferror(stream) != 0) throw SystemError(errno, "cannot read " + name);
  return text;
}

// As much of it as a message shows; whole characters.
std::string_view Start(std::string_view text) {
  constexpr std::size_t kMostShown = 40;
  if (text.size() <= kMostShown) return text;
  std::size_t end = kMostShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

void AddModelFlags(Command command, ModelFlags& flags) {
  command
      .Add("-m,--model,model", flags.model,
           "Name of an installed model, path of a GGUF file or of a model directory; "
           "default: the default model")
      .Type("MODEL");
  constexpr const char* kGroup = "Running the model";
  command.Add("--threads", flags.threads, "Threads; default: one per physical core")
      .Type("N")
      .Between(1, 4096)
      .Group(kGroup);
  command.Add("--kernels", flags.kernels, "auto, ref, portable, avx2 or avx512")
      .Type("NAME")
      .ShowDefault()
      .Group(kGroup);
  command
      .Add("--ctx", flags.context_length,
           "Context length in tokens; default: the model's, as far as memory allows")
      .Type("N")
      .Between(int64_t{1}, int64_t{1} << 40)
      .Group(kGroup);
  command
      .Add("--cache", flags.cache_type,
           "Type of the KV cache: f16, bf16, q8 (half the memory) or f32")
      .Type("TYPE")
      .OneOf({"f16", "bf16", "q8", "f32"})
      .Group(kGroup);
  command
      .Add("--attention", flags.attention,
           "Form of latent attention: absorbed, or naive, the slow one to check it by")
      .Type("FORM")
      .OneOf({"absorbed", "naive"})
      .ShowDefault()
      .Group(kGroup);
  command
      .Add("--cache-size", flags.cache_bytes,
           "Memory for the KV cache, as 512M or 2G; default: a part of what is free")
      .Type("SIZE")
      .ByteSize()
      .Group(kGroup);
}

LoadedModel OpenModel(const Context& context, const ModelFlags& flags) {
  const InstalledModel model = context.Resolve(flags.model);
  LoadedModel loaded = LoadModel(model.path, model.name);
  if (model.sampling) loaded.sampling = *model.sampling;
  return loaded;
}

EngineOptions ToEngineOptions(const ModelFlags& flags) {
  EngineOptions options;
  if (flags.kernels != "auto") options.kernels = &FindKernels(flags.kernels);
  options.threads = flags.threads;
  options.context_length = flags.context_length;
  if (flags.cache_bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    throw Error(ErrorCode::kInvalidArgument, "--cache-size is larger than any memory");
  }
  options.cache_bytes = static_cast<int64_t>(flags.cache_bytes);
  options.cache_type = CacheTypeNamed(flags.cache_type);  // empty: none, the engine's choice
  if (flags.attention == "naive") options.latent_form = LatentForm::kNaive;
  return options;
}

void AddSamplingFlags(Command command, SamplingFlags& flags) {
  constexpr const char* kGroup = "Choosing tokens";
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    command.Add(name, value, help).Type(type).ShowDefault().Group(kGroup);
  };
  const auto advised = [&](const char* name, auto& value, const char* help, const char* type) {
    command.Add(name, value, help).Type(type).DefaultText("the model's").Group(kGroup);
  };
  advised("--temp", flags.temperature, "Temperature; 0 always takes the most probable token", "T");
  add("--top-k", flags.top_k, "Only the K most probable tokens; 0: off", "K");
  advised("--top-p", flags.top_p, "Only the most probable tokens that add up to P; 1: off", "P");
  add("--min-p", flags.min_p, "Only tokens with at least P times the best one's chance; 0: off",
      "P");
  add("--repeat-penalty", flags.repetition_penalty, "Divides the odds of tokens seen; 1: off", "X");
  add("--frequency-penalty", flags.frequency_penalty, "Lowers tokens by how often they came", "X");
  add("--presence-penalty", flags.presence_penalty, "Lowers tokens that came at all", "X");
  command.Add("--seed", flags.seed, "Seed of the random choices; default: a new one each time")
      .Type("N")
      .Group(kGroup);
  command
      .Add("-n,--max-tokens", flags.max_tokens,
           "Tokens of a reply at most; default: up to the end of the context")
      .Type("N")
      .Between(int64_t{0}, int64_t{1} << 40)
      .Group(kGroup);
  command.Add("--think", flags.think, "Let the model think first: auto, on or off")
      .Type("WHEN")
      .OneOf({"auto", "on", "off"})
      .ShowDefault()
      .Group(kGroup);
  command
      .Add("--think-budget", flags.thinking_budget,
           "Tokens of thinking at most; then the answer begins")
      .Type("N")
      .Between(int64_t{0}, int64_t{1} << 40)
      .Group(kGroup);
  command.Add("--stop", flags.stop, "Text that ends the reply; may be given several times")
      .Type("TEXT")
      .OneEach()
      .Group(kGroup);
}

GenerationOptions ToGenerationOptions(const SamplingFlags& flags,
                                      const RecommendedSampling& recommended) {
  GenerationOptions options;
  options.sampling.temperature =
      flags.temperature.value_or(static_cast<float>(recommended.temperature));
  options.sampling.top_k = flags.top_k;
  options.sampling.top_p = flags.top_p.value_or(static_cast<float>(recommended.top_p));
  options.sampling.min_p = flags.min_p;
  options.sampling.repetition_penalty = flags.repetition_penalty;
  options.sampling.frequency_penalty = flags.frequency_penalty;
  options.sampling.presence_penalty = flags.presence_penalty;
  options.has_seed = flags.seed.has_value();
  options.sampling.seed = flags.seed.value_or(0);
  options.max_tokens = flags.max_tokens;
  options.stop = flags.stop;
  if (flags.think != "auto") options.thinking = flags.think == "on";
  options.thinking_budget = flags.thinking_budget;
  Validate(options.sampling);
  return options;
}

void CheckThinking(const ChatService& chat, const SamplingFlags& flags) {
  if (flags.think != "on" || chat.thinks()) return;
  throw Error(ErrorCode::kUnsupported, "model " + chat.model().name + " does not think",
              "leave --think on away");
}

void AddTextFlags(Command command, TextFlags& flags, const char* what) {
  command.Add("-p,--prompt", flags.text, std::string(what) + "; '-', or none, reads standard input")
      .Type("TEXT");
  command.Add("-f,--file", flags.file, "File with the text").Type("PATH").Excludes("--prompt");
}

std::string ReadText(const TextFlags& flags) {
  if (!flags.file.empty()) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(flags.file.c_str(), "rb"),
                                                         std::fclose);
    if (!file) throw SystemError(errno, "cannot open " + flags.file);
    struct stat about {};
    if (::fstat(::fileno(file.get()), &about) == 0 && S_ISDIR(about.st_mode)) {
      throw Error(ErrorCode::kInvalidArgument, flags.file + " is a folder, not a file with text");
    }
    return ReadStream(file.get(), flags.file);
  }
  if (flags.text && *flags.text != "-") return *flags.text;
  if (!flags.text && ::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorCode::kInvalidArgument, "there is no text",
                "give -p TEXT or -f FILE, or pipe one in");
  }
  return ReadStream(stdin, "standard input");
}

std::vector<TokenId> ParseTokenIds(std::string_view text) {
  std::vector<TokenId> ids;
  text = Trim(text);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = Trim(text.substr(1, text.size() - 2));
  }
  if (text.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "there is no token id in the list");
  }
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view piece = Trim(text.substr(0, comma));
    TokenId id = 0;
    const auto result = std::from_chars(piece.data(), piece.data() + piece.size(), id);
    if (result.ec != std::errc() || result.ptr != piece.data() + piece.size() || id < 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  "'" + std::string(Start(piece)) + "' is not a token id", "ids look like 1,2,3");
    }
    ids.push_back(id);
    if (comma == text.size()) return ids;
    text.remove_prefix(comma + 1);
  }
}

std::vector<TokenId> ReadTokenIds(const std::string& flag) {
  return ParseTokenIds(flag == "-" ? ReadStream(stdin, "standard input") : flag);
}

std::string TokenIdsText(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) {
    if (!text.empty()) text.push_back(',');
    text += std::to_string(id);
  }
  return text;
}

}  // namespace fathom::cli
