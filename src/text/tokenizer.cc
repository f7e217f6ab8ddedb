// Puts the parts of a tokenizer together: validation of a specification, spans to pieces, pieces to
// ids, ids to bytes. Byte-pair encoding itself is in bpe.h, the cutting in pre_tokenizer.h.
#include "text/tokenizer.h"

#include <utility>

#include "base/error.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/nfc.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace fathom {
namespace {

// More ids than any vocabulary in use by a factor of ten; keeps ids and offsets far from overflow.
constexpr std::size_t kMaxTokens = std::size_t{1} << 22;
constexpr std::size_t kMaxMerges = std::size_t{1} << 24;

[[noreturn]] void InvalidSpec(const std::string& message) {
  throw Error(ErrorCode::kInvalidFile, "tokenizer: " + message);
}

using IdByText = std::unordered_map<std::string_view, TokenId>;

IdByText IndexTokens(const TokenizerSpec& spec) {
  IdByText ids;
  ids.reserve(spec.tokens.size());
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.kinds[i] == TokenKind::kUnused) continue;
    const auto [place, fresh] = ids.emplace(spec.tokens[i], static_cast<TokenId>(i));
    if (!fresh) {
      InvalidSpec("ids " + std::to_string(place->second) + " and " + std::to_string(i) +
                  " are the same token '" + spec.tokens[i] + "'");
    }
  }
  return ids;
}

std::vector<BpeMerge> ReadMerges(const TokenizerSpec& spec, const IdByText& ids) {
  std::vector<BpeMerge> merges;
  merges.reserve(spec.merges.size());
  std::string joined;
  for (std::size_t i = 0; i < spec.merges.size(); ++i) {
    const std::string_view text = spec.merges[i];
    const std::size_t space = text.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == text.size()) {
      InvalidSpec("merge " + std::to_string(i) + " '" + spec.merges[i] + "' is not two tokens");
    }
    const auto find = [&](std::string_view part) {
      const auto found = ids.find(part);
      if (found == ids.end()) {
        InvalidSpec("merge " + std::to_string(i) + " '" + spec.merges[i] + "' needs the token '" +
                    std::string(part) + "', which the vocabulary lacks");
      }
      return found->second;
    };
    joined.assign(text.substr(0, space)).append(text.substr(space + 1));
    const BpeMerge merge{find(text.substr(0, space)), find(text.substr(space + 1)), find(joined)};
    const auto control = [&](TokenId id) {
      return spec.kinds[static_cast<std::size_t>(id)] == TokenKind::kControl;
    };
    if (control(merge.left) || control(merge.right) || control(merge.whole)) continue;
    merges.push_back(merge);
  }
  return merges;
}

void CheckShape(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) InvalidSpec("the vocabulary is empty");
  if (spec.tokens.size() > kMaxTokens) {
    InvalidSpec("the vocabulary has " + std::to_string(spec.tokens.size()) + " tokens, more than " +
                std::to_string(kMaxTokens));
  }
  if (spec.merges.size() > kMaxMerges) {
    InvalidSpec("there are " + std::to_string(spec.merges.size()) + " merges, more than " +
                std::to_string(kMaxMerges));
  }
  if (spec.kinds.size() != spec.tokens.size()) {
    InvalidSpec(std::to_string(spec.tokens.size()) + " tokens have " +
                std::to_string(spec.kinds.size()) + " kinds");
  }
  std::vector<std::pair<const char*, TokenId>> named = {
      {"bos", spec.bos}, {"eos", spec.eos}, {"eot", spec.eot}, {"pad", spec.pad}};
  for (const TokenId id : spec.stops) named.emplace_back("stop", id);
  for (const auto& [name, id] : named) {
    if (id < -1 || id >= static_cast<TokenId>(spec.tokens.size())) {
      InvalidSpec(std::string(name) + " token " + std::to_string(id) +
                  " is outside the vocabulary of " + std::to_string(spec.tokens.size()));
    }
  }
}

bool IsAdded(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUserDefined;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec the_spec);

  // Encoding of one text or prompt: collects ordinary text until an added token or the end.
  class Run;

  // Makes an added token findable; returns the form in which it is matched and shown.
  std::string AddMatcher(TokenId id, const std::string& text);

  TokenizerSpec spec;
  const PreTokenizer& row;
  bool nfc;
  std::vector<std::string> bytes;  // by id
  std::unordered_map<std::string, TokenId> added_ids;
  AddedTokens raw, normalized;  // the second are looked for in what the first leave
  std::unique_ptr<BpeModel> bpe;
};

Tokenizer::Impl::Impl(TokenizerSpec the_spec)
    : spec(std::move(the_spec)),
      row(NeedPreTokenizer(spec.pre_tokenizer)),
      nfc(spec.nfc.value_or(row.nfc)) {
  CheckShape(spec);
  bytes.resize(spec.tokens.size());
  std::vector<uint8_t> reachable(spec.tokens.size());
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const std::string& text = spec.tokens[i];
    const TokenKind kind = spec.kinds[i];
    if (kind == TokenKind::kUnused) continue;
    const std::string shown =
        IsAdded(kind) && !text.empty() ? AddMatcher(static_cast<TokenId>(i), text) : text;
    // The reference reads every token it decodes as alphabet text where it can, added ones too.
    std::optional<std::string> spelled = BytesFromAlphabet(shown);
    reachable[i] =
        spelled && !spelled->empty() &&
        (kind == TokenKind::kNormal || (kind == TokenKind::kUserDefined && spelled->size() == 1));
    bytes[i] = spelled ? std::move(*spelled) : shown;
  }
  const std::vector<BpeMerge> merges = ReadMerges(spec, IndexTokens(spec));
  bpe = std::make_unique<BpeModel>(bytes, reachable, merges, spec.ignore_merges);
  spec.merges = {};
}

std::string Tokenizer::Impl::AddMatcher(TokenId id, const std::string& text) {
  const auto found = spec.added_rules.find(id);
  const AddedTokenRule rule = found == spec.added_rules.end() ? AddedTokenRule{} : found->second;
  std::string form;
  if (rule.normalized && nfc && WellFormedPrefix(text) == text.size()) {
    AppendNfc(text, form);
  } else {
    form = text;
  }
  for (const std::string& way : {text, form}) {
    if (way.size() > AddedTokens::kMaxBytes) {
      InvalidSpec("added token " + std::to_string(id) + " is " + std::to_string(way.size()) +
                  " bytes long, more than " + std::to_string(AddedTokens::kMaxBytes));
    }
  }
  added_ids.emplace(text, id);
  (rule.normalized ? normalized : raw).Add(form, id, rule.strip_left, rule.strip_right);
  return form;
}

class Tokenizer::Impl::Run {
 public:
  Run(const Impl& impl, std::size_t bytes, const CancelFlag* cancelled) : impl_(impl) {
    scratch_.cancelled = cancelled;
    if (bytes > kMaxTextBytes) {
      throw Error(ErrorCode::kInvalidArgument, "text of " + std::to_string(bytes) +
                                                   " bytes is longer than the tokenizer takes (" +
                                                   std::to_string(kMaxTextBytes) + ")");
    }
    ids_.reserve(bytes / 4 + 4);
  }

  void Plain(std::string_view text) { AppendUtf8(text, pending_); }

  void Trusted(std::string_view text) {
    std::string clean;
    AppendUtf8(text, clean);
    Cut(clean, impl_.raw, [this](std::string_view part) {
      if (impl_.normalized.empty()) {
        pending_ += part;
        return;
      }
      std::string form;
      if (impl_.nfc) {
        AppendNfc(part, form);
        part = form;
      }
      Cut(part, impl_.normalized, [this](std::string_view rest) { pending_ += rest; });
    });
  }

  std::vector<TokenId> Finish() {
    Flush();
    return std::move(ids_);
  }

 private:
  template <class Rest>
  void Cut(std::string_view text, const AddedTokens& tokens, Rest rest) {
    std::size_t done = 0;
    for (const AddedTokens::Match& match : tokens.Find(text)) {
      if (match.begin > done) rest(text.substr(done, match.begin - done));
      Flush();
      ids_.push_back(match.id);
      done = match.end;
    }
    if (done < text.size()) rest(text.substr(done));
  }

  void Flush() {
    std::string_view text = pending_;
    if (impl_.nfc) {
      form_.clear();
      AppendNfc(text, form_);
      text = form_;
    }
    for (std::size_t at = 0; at < text.size();) {
      CheckCancelled(scratch_.cancelled);
      const std::size_t end = impl_.row.next(text.data(), text.size(), at);
      impl_.bpe->Encode(text.substr(at, end - at), scratch_, ids_);
      at = end;
    }
    pending_.clear();
  }

  const Impl& impl_;
  std::string pending_;  // well-formed ordinary text that is not encoded yet
  std::string form_;
  BpeScratch scratch_;
  std::vector<TokenId> ids_;
};

Tokenizer::Tokenizer(TokenizerSpec spec) : impl_(std::make_unique<Impl>(std::move(spec))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::Encode(std::string_view text, const CancelFlag* cancelled) const {
  Impl::Run run(*impl_, text.size(), cancelled);
  run.Plain(text);
  return run.Finish();
}

std::vector<TokenId> Tokenizer::Encode(std::span<const TextSpan> spans,
                                       const CancelFlag* cancelled) const {
  std::size_t bytes = 0;
  for (const TextSpan& span : spans) bytes += span.text.size();
  Impl::Run run(*impl_, bytes, cancelled);
  for (const TextSpan& span : spans) {
    if (span.from_template) {
      run.Trusted(span.text);
    } else {
      run.Plain(span.text);
    }
  }
  return run.Finish();
}

std::vector<TokenId> Tokenizer::EncodeTrusted(std::string_view text) const {
  Impl::Run run(*impl_, text.size(), nullptr);
  run.Trusted(text);
  return run.Finish();
}

std::string_view Tokenizer::BytesOf(TokenId id) const {
  return id >= 0 && id < size() ? std::string_view(impl_->bytes[static_cast<std::size_t>(id)])
                                : std::string_view();
}

TokenKind Tokenizer::KindOf(TokenId id) const {
  return id >= 0 && id < size() ? impl_->spec.kinds[static_cast<std::size_t>(id)]
                                : TokenKind::kUnused;
}

TokenId Tokenizer::FindAdded(std::string_view text) const {
  const auto found = impl_->added_ids.find(std::string(text));
  return found == impl_->added_ids.end() ? -1 : found->second;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool keep_control) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (keep_control || KindOf(id) != TokenKind::kControl) bytes += BytesOf(id);
  }
  std::string text;
  text.reserve(bytes.size());
  AppendUtf8(bytes, text);
  return text;
}

int Tokenizer::size() const { return static_cast<int>(impl_->spec.tokens.size()); }
const TokenizerSpec& Tokenizer::spec() const { return impl_->spec; }

std::string TextOf(std::span<const TextSpan> spans) {
  std::string text;
  for (const TextSpan& span : spans) text += span.text;
  return text;
}

}  // namespace fathom
