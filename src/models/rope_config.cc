#include "models/rope_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <map>
#include <numbers>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/number_text.h"

namespace fathom {
namespace {

constexpr std::string_view kParameters = "rope_parameters.";
constexpr std::string_view kScaling = "rope_scaling.";
constexpr auto kKeys =
    std::to_array<std::string_view>({"max_position_embeddings", "original_max_position_embeddings",
                                     "partial_rotary_factor", kParameters, kScaling, "rope_theta"});
constexpr int64_t kMaxPositions = int64_t{1} << 40;
constexpr double kMostMscale = 10;  // published are 0.4 to 1; GGUF's tenth of it ends at 1
constexpr double kMostAttentionFactor = 1000;
constexpr double kDefaultBase = 10000.0;  // RotaryEmbeddingConfigMixin.default_theta

// Equal as numbers where both are numbers.
bool SameValue(const MetadataValue& a, const MetadataValue& b) {
  const auto number = [](const MetadataValue& value) -> std::optional<double> {
    if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return std::nullopt;
  };
  const auto x = number(a), y = number(b);
  return x && y ? *x == *y : a == b;
}

// All parameters of the rotary embedding under one name each, wherever the file has them.
class Parameters {
 public:
  explicit Parameters(const ConfigReader& reader) : file_(reader.file()), reader_(reader) {
    for (const auto& [key, value] : file_.metadata()) {
      for (const std::string_view object : {kParameters, kScaling}) {
        if (!key.starts_with(object)) continue;
        std::string name = key.substr(object.size());
        if (name == "type") name = "rope_type";  // the older spelling
        Add(std::move(name), key);
        (object == kParameters ? in_parameters_ : in_scaling_) = true;
      }
    }
    if (in_parameters_ && in_scaling_) RequireBoth();
    // These three stood outside the objects before.
    for (const char* name :
         {"original_max_position_embeddings", "partial_rotary_factor", "rope_theta"}) {
      if (reader.Has(name)) Add(name, name);
    }
  }

  std::string Type() const {
    const auto found = keys_.find("rope_type");
    return found == keys_.end() ? "default" : file_.RequireString(found->second);
  }
  std::string TypeKey() const { return KeyOf("rope_type"); }

  double Positive(const std::string& name) const { return reader_.Positive(KeyOf(name)); }
  double PositiveOr(const std::string& name, double absent) const {
    return keys_.contains(name) ? Positive(name) : absent;
  }
  // 0 where it is absent, which a 0 says too.
  double PositiveOrNone(const std::string& name) const {
    const bool none = !keys_.contains(name) || file_.Number(KeyOf(name)) == 0.0;
    return none ? 0 : Positive(name);
  }
  void ExpectAtMost(const std::string& name, double value, double most) const {
    if (value > most) {
      Fail(name, "is " + NumberText(value) + ", expected at most " + NumberText(most));
    }
  }
  int64_t CountOr(const std::string& name, int64_t absent) const {
    return keys_.contains(name) ? reader_.Count(KeyOf(name), kMaxPositions) : absent;
  }
  bool BooleanOr(const std::string& name, bool absent) const {
    return reader_.BooleanOr(KeyOf(name), absent);
  }
  [[noreturn]] void Fail(const std::string& name, const std::string& message) const {
    file_.FailKey(KeyOf(name), message);
  }

  // Refuses parameters that this type does not have.
  void Allow(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, key] : keys_) {
      // Read for every type; outside the objects an original length belongs to other types too.
      if (name == "rope_type" || name == "rope_theta" || name == "partial_rotary_factor") continue;
      if (key == name) continue;
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      file_.FailKeyUnsupported(key, "is no parameter of the rope type '" + Type() + "'");
    }
  }

 private:
  // The key that has the parameter, or where it would be.
  std::string KeyOf(const std::string& name) const {
    const auto found = keys_.find(name);
    if (found != keys_.end()) return found->second;
    return std::string(in_scaling_ ? kScaling : kParameters) + name;
  }

  void Add(std::string name, const std::string& key) {
    const auto [place, inserted] = keys_.emplace(std::move(name), key);
    if (!inserted && !SameValue(*file_.Find(place->second), *file_.Find(key))) {
      file_.FailKey(key, "contradicts " + QuotedName(place->second));
    }
  }

  // Of two objects transformers takes one whole and forgets the other, so that a parameter in one
  // of them only would count or not depending on the version.
  void RequireBoth() const {
    for (const auto& [key, value] : file_.metadata()) {
      const bool parameters = key.starts_with(kParameters);
      if (!parameters && !key.starts_with(kScaling)) continue;
      const std::string name = key.substr((parameters ? kParameters : kScaling).size());
      if (name == "rope_theta") continue;  // never part of the older object
      const std::string other = std::string(parameters ? kScaling : kParameters);
      const bool type = name == "type" || name == "rope_type";
      if (reader_.Has(other + name)) continue;
      if (type && (reader_.Has(other + "type") || reader_.Has(other + "rope_type"))) continue;
      file_.FailKey(key, "is there, but " + QuotedName(other + name) + " is not");
    }
  }

  const ModelFile& file_;
  const ConfigReader& reader_;
  std::map<std::string, std::string> keys_;  // parameter to the key that has it
  bool in_parameters_ = false;
  bool in_scaling_ = false;
};

// Llama 3.1: waves longer than the original context allows are stretched by the factor, short ones
// left alone, those between them something between.
std::vector<float> Llama3Divisors(const Parameters& parameters, const RopeSpec& spec,
                                  int64_t positions) {
  const double factor = parameters.Positive("factor");
  const double low = parameters.Positive("low_freq_factor");
  const double high = parameters.Positive("high_freq_factor");
  if (high <= low) {
    parameters.Fail("high_freq_factor", "is " + std::to_string(high) +
                                            ", expected more than 'low_freq_factor', " +
                                            std::to_string(low));
  }
  const auto original =
      static_cast<double>(parameters.CountOr("original_max_position_embeddings", positions));
  std::vector<float> divisors;
  for (int64_t i = 0; i < spec.rotary_dim / 2; ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(spec.rotary_dim);
    const double wavelength = 2.0 * std::numbers::pi * std::pow(spec.base, exponent);
    const double turns = original / wavelength;
    const double smooth = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    divisors.push_back(static_cast<float>(1.0 / ((1.0 - smooth) / factor + smooth)));
  }
  return divisors;
}

void ParseYarn(const Parameters& parameters, int64_t positions, HfRope& rope) {
  RopeSpec& spec = rope.spec;
  spec.scaling = RopeScaling::kYarn;
  spec.factor = parameters.Positive("factor");
  if (spec.factor < 1.0) {
    parameters.Fail("factor", "is " + std::to_string(spec.factor) + ", expected 1 or more");
  }
  spec.original_context = parameters.CountOr("original_max_position_embeddings", positions);
  spec.beta_fast = parameters.PositiveOr("beta_fast", 32.0);
  spec.beta_slow = parameters.PositiveOr("beta_slow", 1.0);
  if (spec.beta_fast < spec.beta_slow) {
    parameters.Fail("beta_fast", "is " + std::to_string(spec.beta_fast) +
                                     ", expected at least 'beta_slow', " +
                                     std::to_string(spec.beta_slow));
  }
  spec.whole_corrections = parameters.BooleanOr("truncate", true);
  // RopeTable multiplies its own magnitude, that of the paper, by the attention factor.
  const auto magnitude = [&](double scale) { return YarnMagnitude(spec.factor, scale); };
  const double scale = parameters.PositiveOrNone("mscale");
  const double scale_all = parameters.PositiveOrNone("mscale_all_dim");
  parameters.ExpectAtMost("mscale", scale, kMostMscale);
  parameters.ExpectAtMost("mscale_all_dim", scale_all, kMostMscale);
  const double usual =
      scale > 0 && scale_all > 0 ? magnitude(scale) / magnitude(scale_all) : magnitude(1.0);
  const double attention_factor = parameters.PositiveOr("attention_factor", usual);
  parameters.ExpectAtMost("attention_factor", attention_factor, kMostAttentionFactor);
  spec.attention_factor = attention_factor / magnitude(1.0);
  const double reached = spec.factor * static_cast<double>(spec.original_context);
  if (reached < static_cast<double>(kMaxPositions)) {
    rope.context_length = std::max(positions, static_cast<int64_t>(reached));
  }
}

}  // namespace

std::span<const std::string_view> HfRopeKeys() { return kKeys; }

double ParseGgufRopeBase(const ConfigReader& reader) {
  const double base = reader.PositiveOr("rope.freq_base", kDefaultBase);
  if (base <= 1.0) reader.Fail("rope.freq_base", std::to_string(base), "more than 1");
  return base;
}

std::string ParseGgufScalingType(const ConfigReader& reader) {
  const std::string* type = reader.file().String(reader.Key("rope.scaling.type"));
  if (type != nullptr && *type != "none") return *type;
  // Without a type some programs scale linearly and some not at all. The original length alone says
  // nothing.
  for (const char* name : {"rope.scaling.attn_factor", "rope.scaling.factor",
                           "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast",
                           "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_log_multiplier"}) {
    if (!reader.Has(name)) continue;
    reader.Fail("rope.scaling.type", type == nullptr ? "missing" : QuotedName(*type),
                "a type, since " + QuotedName(reader.Key(name)) + " is given");
  }
  return {};
}

void ParseGgufYarn(const ConfigReader& reader, RopeSpec& spec) {
  spec.scaling = RopeScaling::kYarn;
  spec.factor = reader.Positive("rope.scaling.factor");
  if (spec.factor < 1.0) {
    reader.Fail("rope.scaling.factor", std::to_string(spec.factor), "1 or more with yarn");
  }
  spec.original_context = reader.Count("rope.scaling.original_context_length", kMaxPositions);
  spec.beta_fast = reader.PositiveOr("rope.scaling.yarn_beta_fast", 32.0);
  spec.beta_slow = reader.PositiveOr("rope.scaling.yarn_beta_slow", 1.0);
  if (spec.beta_fast < spec.beta_slow) {
    reader.Fail("rope.scaling.yarn_beta_fast", std::to_string(spec.beta_fast),
                "at least 'yarn_beta_slow', " + std::to_string(spec.beta_slow));
  }
}

HfRope ParseHfRope(const ConfigReader& reader, int64_t rotary_dim, int64_t positions) {
  const Parameters parameters(reader);
  HfRope rope{.spec = {.rotary_dim = rotary_dim}, .context_length = positions};
  rope.spec.base = parameters.PositiveOr("rope_theta", kDefaultBase);
  if (rope.spec.base <= 1.0) {
    parameters.Fail("rope_theta",
                    "is " + std::to_string(rope.spec.base) + ", expected more than 1");
  }
  if (const double part = parameters.PositiveOr("partial_rotary_factor", 1.0); part != 1.0) {
    parameters.Fail("partial_rotary_factor",
                    "is " + NumberText(part) + ", expected 1: heads are rotated as a whole");
  }
  const std::string type = parameters.Type();
  if (type == "default") {
    parameters.Allow({});
  } else if (type == "linear") {
    parameters.Allow({"factor"});
    rope.spec.scaling = RopeScaling::kLinear;
    rope.spec.factor = parameters.Positive("factor");
  } else if (type == "dynamic") {
    // The base grows with what lies beyond max_position_embeddings, and a context never does.
    parameters.Allow({"factor"});
    parameters.Positive("factor");
  } else if (type == "llama3") {
    parameters.Allow(
        {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"});
    rope.spec.frequency_divisors = Llama3Divisors(parameters, rope.spec, positions);
  } else if (type == "yarn") {
    parameters.Allow({"factor", "original_max_position_embeddings", "attention_factor", "beta_fast",
                      "beta_slow", "mscale", "mscale_all_dim", "truncate"});
    ParseYarn(parameters, positions, rope);
  } else {
    reader.file().FailKeyUnsupported(parameters.TypeKey(),
                                     "is " + QuotedName(type) + ", which is not supported",
                                     "known: default, linear, dynamic, llama3, yarn");
  }
  return rope;
}

}  // namespace fathom
