// Owns: which tensor plays which role, for every architecture that is read here, under both kinds
// of names. Invariant: every tensor of the file is in exactly one group, or the file is refused.
// Not for: validating what an architecture computes; binding the weights does that.
#include "models/outline.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "models/config_reader.h"
#include "models/layers/latent_attention.h"
#include "models/rope_config.h"
#include "models/tensor_name.h"

namespace fathom {
namespace {

constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostWidth = int64_t{1} << 24;
constexpr int64_t kMostHeads = 1024;
constexpr int64_t kMostContext = int64_t{1} << 31;
constexpr int64_t kMostExperts = 4096;

// ---- Tensors ------------------------------------------------------------------------------------

enum class Family : uint8_t { kLlama, kDeepseek, kBoth };

// How the matrices of a tensor are used.
enum class Use : uint8_t {
  kMatrix,
  kVector,   // scaled or added by, not multiplied
  kHeads,    // a matrix per head
  kJoint,    // the keys' and values' matrices of all heads
  kExperts,  // of which a token uses some
  kTable,    // a row per token
};

struct TensorRow {
  std::string_view gguf;          // without ".weight"; in layers, after "blk.N."
  std::string_view hugging_face;  // likewise, after "model.layers.N."; experts without their number
  WeightRole role;
  Use use;
  Family family;
  int activates = 0;  // of its rows, one in so many goes through the activation function
};

using enum WeightRole;

constexpr std::array kModelTensors = {
    TensorRow{"token_embd", "model.embed_tokens", kEmbedding, Use::kTable, Family::kBoth},
    TensorRow{"output_norm", "model.norm", kNorms, Use::kVector, Family::kBoth},
    TensorRow{"output", "lm_head", kHead, Use::kMatrix, Family::kBoth},
    TensorRow{"rope_freqs", "", kUnused, Use::kVector, Family::kLlama},
};
constexpr auto kLayerTensors = std::to_array<TensorRow>({
    {"attn_norm", "input_layernorm", kNorms, Use::kVector, Family::kBoth},
    {"ffn_norm", "post_attention_layernorm", kNorms, Use::kVector, Family::kBoth},
    {"attn_q", "self_attn.q_proj", kAttention, Use::kMatrix, Family::kBoth},
    {"attn_k", "self_attn.k_proj", kAttention, Use::kMatrix, Family::kLlama},
    {"attn_v", "self_attn.v_proj", kAttention, Use::kMatrix, Family::kLlama},
    {"attn_output", "self_attn.o_proj", kAttention, Use::kMatrix, Family::kBoth},
    {"", "self_attn.rotary_emb.inv_freq", kUnused, Use::kVector, Family::kBoth},
    {"attn_q_a", "self_attn.q_a_proj", kAttention, Use::kMatrix, Family::kDeepseek},
    {"attn_q_a_norm", "self_attn.q_a_layernorm", kNorms, Use::kVector, Family::kDeepseek},
    {"attn_q_b", "self_attn.q_b_proj", kAttention, Use::kMatrix, Family::kDeepseek},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa", kAttention, Use::kMatrix, Family::kDeepseek},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm", kNorms, Use::kVector, Family::kDeepseek},
    {"attn_kv_b", "self_attn.kv_b_proj", kAttention, Use::kJoint, Family::kDeepseek},
    {"attn_k_b", "", kAttention, Use::kHeads, Family::kDeepseek},
    {"attn_v_b", "", kAttention, Use::kHeads, Family::kDeepseek},
    {"ffn_gate", "mlp.gate_proj", kDense, Use::kMatrix, Family::kBoth, 1},
    {"ffn_up", "mlp.up_proj", kDense, Use::kMatrix, Family::kBoth},
    {"ffn_down", "mlp.down_proj", kDense, Use::kMatrix, Family::kBoth},
    {"ffn_gate_inp", "mlp.gate", kRouter, Use::kMatrix, Family::kDeepseek},
    {"exp_probs_b", "mlp.gate.e_score_correction_bias", kRouter, Use::kVector, Family::kDeepseek},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj", kSharedExperts, Use::kMatrix,
     Family::kDeepseek, 1},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj", kSharedExperts, Use::kMatrix, Family::kDeepseek},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj", kSharedExperts, Use::kMatrix,
     Family::kDeepseek},
    {"ffn_gate_exps", "mlp.experts.gate_proj", kRoutedExperts, Use::kExperts, Family::kDeepseek, 1},
    {"ffn_up_exps", "mlp.experts.up_proj", kRoutedExperts, Use::kExperts, Family::kDeepseek},
    {"ffn_gate_up_exps", "", kRoutedExperts, Use::kExperts, Family::kDeepseek, 2},
    {"ffn_down_exps", "mlp.experts.down_proj", kRoutedExperts, Use::kExperts, Family::kDeepseek},
    // In layers that predict further tokens only.
    {"nextn.eh_proj", "eh_proj", kPrediction, Use::kMatrix, Family::kDeepseek},
    {"nextn.embed_tokens", "embed_tokens", kPrediction, Use::kMatrix, Family::kDeepseek},
    {"nextn.enorm", "enorm", kPrediction, Use::kVector, Family::kDeepseek},
    {"nextn.hnorm", "hnorm", kPrediction, Use::kVector, Family::kDeepseek},
    {"nextn.shared_head_head", "shared_head.head", kPrediction, Use::kMatrix, Family::kDeepseek},
    {"nextn.shared_head_norm", "shared_head.norm", kPrediction, Use::kVector, Family::kDeepseek},
});

constexpr std::string_view kScales = "_scale_inv";

// A tensor's name taken apart.
struct Place {
  const TensorRow* row = nullptr;
  int64_t layer = -1;  // -1: outside the layers
  bool bias = false;   // the bias of the row's matrix
};

class Outliner {
 public:
  Outliner(const ModelFile& file, Family family, ModelOutline& outline)
      : file_(file),
        gguf_(file.kind() == ModelFileKind::kGguf),
        family_(family),
        outline_(outline),
        reader_(file, gguf_ ? outline.architecture + "." : "") {}

  void Run() {
    ReadSizes();
    if (family_ == Family::kDeepseek) {
      ReadLatentAttention();
      experts_ = Count("expert_count", "n_routed_experts", kMostExperts);
      used_ = Count("expert_used_count", "num_experts_per_tok", experts_);
    } else {
      ReadGroupedAttention();
    }
    outputs_.resize(static_cast<std::size_t>(outline_.layers));
    downs_.resize(static_cast<std::size_t>(outline_.layers));
    for (const NamedTensor& tensor : file_.tensors()) Take(tensor);
    CheckLayers();
    for (WeightGroup& group : outline_.groups) {
      if (group.role != kPrediction) continue;
      group.choices = group.used = 1;
    }
    outline_.feed_forward_width = activated_ / outline_.layers;
  }

 private:
  // ---- Sizes
  // -------------------------------------------------------------------------------------

  std::string_view Key(std::string_view gguf, std::string_view hugging_face) const {
    return gguf_ ? gguf : hugging_face;
  }
  int64_t Count(std::string_view gguf, std::string_view hugging_face, int64_t most) const {
    return reader_.Count(Key(gguf, hugging_face), most);
  }

  void ReadSizes() {
    const int64_t layers = Count("block_count", "num_hidden_layers", kMostLayers);
    predicting_ = reader_.CountFromZeroOr(Key("nextn_predict_layers", "num_nextn_predict_layers"),
                                          0, gguf_ ? layers - 1 : kMostLayers);
    outline_.layers = gguf_ ? layers - predicting_ : layers;  // GGUF counts them all
    outline_.hidden = Count("embedding_length", "hidden_size", kMostWidth);
    outline_.context_length = Count("context_length", "max_position_embeddings", kMostContext);
    outline_.attention.heads = Count("attention.head_count", "num_attention_heads", kMostHeads);
    const NamedTensor* embedding =
        file_.FindTensor(gguf_ ? "token_embd.weight" : "model.embed_tokens.weight");
    if (embedding == nullptr) {
      file_.Fail(std::string("tensor '") +
                 (gguf_ ? "token_embd.weight" : "model.embed_tokens.weight") + "' is missing");
    }
    outline_.vocabulary = embedding->view.rows();
    tied_ = file_.FindTensor(gguf_ ? "output.weight" : "lm_head.weight") == nullptr;
    if (tied_ && !gguf_ && !reader_.BooleanOr("tie_word_embeddings", false)) {
      file_.Fail("tensor 'lm_head.weight' is missing");
    }
  }

  void ReadGroupedAttention() {
    AttentionOutline& attention = outline_.attention;
    attention.kv_heads = reader_.CountOr(Key("attention.head_count_kv", "num_key_value_heads"),
                                         attention.heads, attention.heads);
    attention.head_dim = reader_.CountOr(Key("attention.key_length", "head_dim"),
                                         outline_.hidden / attention.heads, kMaxHeadDim);
    if (attention.heads % attention.kv_heads != 0 || attention.head_dim % 8 != 0 ||
        attention.head_dim == 0) {
      file_.Fail("its attention makes no sense: " + std::to_string(attention.heads) + " heads of " +
                 std::to_string(attention.head_dim) + " values over " +
                 std::to_string(attention.kv_heads) +
                 " of keys, expected a multiple of these and a multiple of 8 values");
    }
    if (!gguf_) outline_.context_length = HfContext(attention.head_dim);
  }

  void ReadLatentAttention() {
    AttentionOutline& attention = outline_.attention;
    attention.latent = true;
    attention.value_width = Count("attention.kv_lora_rank", "kv_lora_rank", kMaxLatentWidth);
    const int64_t rotary = Count("rope.dimension_count", "qk_rope_head_dim", kMaxLatentWidth);
    attention.width = attention.value_width + rotary;
    if (attention.width > kMaxLatentWidth || attention.value_width % 4 != 0) {
      file_.Fail("its cache would have " + std::to_string(attention.value_width) + " and " +
                 std::to_string(rotary) + " values, expected a multiple of 4 and at most " +
                 std::to_string(kMaxLatentWidth) + " in all");
    }
    value_ = gguf_
                 ? reader_.CountOr("attention.value_length_mla",
                                   reader_.Count("attention.value_length", kMostWidth), kMostWidth)
                 : reader_.Count("v_head_dim", kMostWidth);
    if (!gguf_) outline_.context_length = HfContext(rotary);
  }

  int64_t HfContext(int64_t rotary) const {
    return ParseHfRope(reader_, rotary, outline_.context_length).context_length;
  }

  // ---- Names
  // -------------------------------------------------------------------------------------

  template <class Table>
  bool Match(const Table& table, std::string_view name, Place& place) const {
    for (const TensorRow& row : table) {
      const std::string_view stem = gguf_ ? row.gguf : row.hugging_face;
      if (stem.empty() || !name.starts_with(stem)) continue;
      if (row.family != Family::kBoth && row.family != family_) continue;
      const std::string_view rest = name.substr(stem.size());
      const bool own = rest == ".weight" || rest.empty();  // some vectors have no ending
      // In GGUF the router's bias for choosing is a tensor of its own, called a bias.
      const bool bias = rest == ".bias";
      if (!own && !bias) continue;
      if (rest.empty() && row.use != Use::kVector) continue;
      place.row = &row;
      place.bias = bias;
      return true;
    }
    return false;
  }

  // Where a tensor belongs; the row is null for one that the architecture does not have.
  Place PlaceOf(std::string_view name) const {
    Place place;
    const std::string_view layers = gguf_ ? "blk." : "model.layers.";
    if (!name.starts_with(layers)) {
      Match(kModelTensors, name, place);
      return place;
    }
    name.remove_prefix(layers.size());
    const std::optional<int64_t> layer = TakeNumber(name);
    if (!layer || *layer >= outline_.layers + predicting_) return place;
    place.layer = *layer;
    constexpr std::string_view kExperts = "mlp.experts.";
    std::string joined;
    if (!gguf_ && name.starts_with(kExperts)) {
      name.remove_prefix(kExperts.size());
      const std::optional<int64_t> expert = TakeNumber(name);
      if (!expert || *expert >= experts_) return place;
      joined = std::string(kExperts) + std::string(name);
      name = joined;
    }
    Match(kLayerTensors, name, place);
    const bool predicts = place.row != nullptr && place.row->role == kPrediction;
    if (predicts && place.layer < outline_.layers) place.row = nullptr;
    return place;
  }

  // ---- Groups
  // ------------------------------------------------------------------------------------

  void Take(const NamedTensor& tensor) {
    const std::string_view name = tensor.name;
    if (!gguf_ && name.ends_with(kScales) &&
        file_.FindTensor(name.substr(0, name.size() - kScales.size())) != nullptr) {
      return;  // counted with its matrix
    }
    const Place place = PlaceOf(name);
    if (place.row == nullptr) {
      throw Error(ErrorCode::kUnsupported, file_.path().string() + ": tensor " + QuotedName(name) +
                                               " is not known to the " + outline_.architecture +
                                               " architecture here");
    }
    int64_t bytes = tensor.view.bytes();
    if (!gguf_) {
      const NamedTensor* scales = file_.FindTensor(tensor.name + std::string(kScales));
      if (scales != nullptr) bytes += scales->view.bytes();
    }
    if (tensor.view.elements() == 0) file_.Fail("tensor " + QuotedName(name) + " is empty");
    AddTensor(tensor, place, bytes);
    Note(tensor, place);
  }

  void Note(const NamedTensor& tensor, const Place& place) {
    if (place.layer < 0 || place.layer >= outline_.layers || place.bias) return;
    const auto layer = static_cast<std::size_t>(place.layer);
    const std::string_view stem = place.row->gguf;
    if (stem == "attn_output") ++outputs_[layer];
    const bool expert = place.row->use == Use::kExperts;
    const int64_t count = expert && gguf_ ? tensor.view.shape[0] : 1;
    if (stem == "ffn_down") downs_[layer] += experts_ > 0 ? experts_ : 1;
    if (stem == "ffn_down_exps") downs_[layer] += count;
    if (place.row->activates > 0) {
      const int64_t rows = tensor.view.rows() / (expert && gguf_ ? count : 1);
      // Of a directory's experts each is a tensor, and counts for the share of tokens that use it.
      const int64_t all = expert ? rows * used_ : rows;
      activated_ += all / place.row->activates / (expert && !gguf_ ? experts_ : 1);
    }
  }

  void AddTensor(const NamedTensor& tensor, const Place& place, int64_t bytes) {
    const TensorView& view = tensor.view;
    const TensorRow& row = *place.row;
    WeightGroup group;
    group.name = gguf_ ? row.gguf : row.hugging_face;
    group.role = place.layer >= outline_.layers ? kPrediction : row.role;
    group.format = view.format;
    group.columns = view.columns();
    group.rows = view.rows();
    group.matrices = 1;
    group.parameters = view.elements();
    group.bytes = bytes;
    if (place.bias || row.use == Use::kVector) {
      if (place.bias && row.use == Use::kMatrix) group.name += ", bias";
      group.multiplied = false;
    } else if (row.use == Use::kTable) {
      AddEmbedding(group);
      return;
    } else if (row.use == Use::kHeads) {
      PerHead(group, view);
    } else if (row.use == Use::kJoint) {
      AddJoint(group, tensor.name);
      return;
    } else if (row.use == Use::kExperts) {
      if (gguf_ && (view.rank != 3 || view.shape[0] != experts_)) FailExperts(tensor);
      group.matrices = gguf_ ? experts_ : 1;
      group.rows /= group.matrices;
      group.choices = experts_;
      group.used = used_;
    }
    Add(group);
  }

  [[noreturn]] void FailExperts(const NamedTensor& tensor) const {
    file_.Fail("tensor " + QuotedName(tensor.name) + " has the shape " + ShapeText(tensor.view) +
               ", expected a stack of " + std::to_string(experts_) + " experts");
  }

  void AddEmbedding(WeightGroup group) {
    if (tied_) {
      group.name += ", also the head";
      group.role = kHead;
    } else {
      group.choices = std::max<int64_t>(group.rows, 1);
      group.multiplied = false;
    }
    Add(group);
  }

  void PerHead(WeightGroup& group, const TensorView& view) const {
    const int64_t heads = outline_.attention.heads;
    if (view.rows() % heads != 0) {
      file_.Fail("a tensor '" + group.name + "' has " + std::to_string(view.rows()) +
                 " rows, expected a multiple of the " + std::to_string(heads) + " heads");
    }
    group.matrices = group.together = heads;
    group.rows = view.rows() / heads;
    group.rows_at_once = kLatentRows;
  }

  // The name of another tensor of the same layer of a GGUF file.
  static std::string Beside(std::string_view name, std::string_view other) {
    return std::string(name.substr(0, name.find('.', name.find('.') + 1) + 1)) + std::string(other);
  }

  // The joint matrix of all heads' keys and values {heads * (nope + value), latent}: values are
  // multiplied as they lie there, keys are transposed when the model is bound (deepseek/weights.h).
  void AddJoint(WeightGroup group, std::string_view name) {
    if (gguf_ && file_.FindTensor(Beside(name, "attn_k_b.weight")) != nullptr) {
      if (group.role != kPrediction) group.role = kUnused;  // the separate ones are taken
      Add(group);
      return;
    }
    const int64_t heads = outline_.attention.heads;
    const int64_t nope = group.rows / heads - value_;
    if (group.rows % heads != 0 || nope < 1) {
      file_.Fail("tensor " + QuotedName(name) + " has " + std::to_string(group.rows) +
                 " rows, expected keys and " + std::to_string(value_) + " values for each of the " +
                 std::to_string(heads) + " heads");
    }
    group.matrices = group.together = heads;
    group.rows_at_once = kLatentRows;
    WeightGroup keys = group, values = group;
    keys.name += ", keys";
    keys.parameters = heads * nope * group.columns;
    keys.bytes = group.bytes / (nope + value_) * nope;
    keys.rows = group.columns;
    keys.columns = nope;
    if (RowOf(group.format).block_elements > 1) keys.format = Format::kF32;
    keys.made_bytes = BytesOf(keys.format, keys.parameters);
    values.name += ", values";
    values.rows = value_;
    values.parameters = group.parameters - keys.parameters;
    values.bytes = group.bytes - keys.bytes;
    if (group.role == kPrediction) keys.made_bytes = 0;  // it is not bound
    Add(keys);
    Add(values);
  }

  // Adds to the group of the same kind, format and shape.
  void Add(const WeightGroup& group) {
    const auto key = std::make_tuple(group.name, group.role, group.format, group.rows,
                                     group.columns, group.made_bytes > 0);
    const auto [found, fresh] = index_.emplace(key, outline_.groups.size());
    if (fresh) {
      outline_.groups.push_back(group);
      return;
    }
    WeightGroup& all = outline_.groups[found->second];
    all.matrices += group.matrices;
    all.parameters += group.parameters;
    all.bytes += group.bytes;
    all.made_bytes += group.made_bytes;
  }

  void CheckLayers() const {
    for (std::size_t layer = 0; layer < outputs_.size(); ++layer) {
      const std::string where = "layer " + std::to_string(layer);
      if (outputs_[layer] != 1) file_.Fail(where + " has no output matrix of its attention");
      const int64_t expected = experts_ > 0 ? experts_ : 1;
      if (downs_[layer] == expected) continue;
      file_.Fail(where + " has " + std::to_string(downs_[layer]) + " of its " +
                 std::to_string(expected) + (expected == 1 ? " feed-forward" : " experts'") +
                 " down matrices");
    }
  }

  const ModelFile& file_;
  const bool gguf_;
  const Family family_;
  ModelOutline& outline_;
  const ConfigReader reader_;
  int64_t predicting_ = 0;  // layers that predict further tokens
  int64_t experts_ = 0;     // 0: an architecture without
  int64_t used_ = 0;
  int64_t value_ = 0;  // values per head, of latent attention
  bool tied_ = false;
  int64_t activated_ = 0;         // rows through the activation function, of all layers
  std::vector<int64_t> outputs_;  // [layers]: output matrices of attention
  std::vector<int64_t> downs_;    // [layers]: the last matrices of feed-forward halves
  std::map<std::tuple<std::string, WeightRole, Format, int64_t, int64_t, bool>, std::size_t> index_;
};

struct FamilyRow {
  std::string_view gguf;        // as "general.architecture" has it
  std::string_view model_type;  // as a config.json has it
  Family family;
};
constexpr std::array kFamilyRows = {
    FamilyRow{"deepseek2", "deepseek_v3", Family::kDeepseek},
    FamilyRow{"", "deepseek_v2", Family::kDeepseek},
    FamilyRow{"llama", "llama", Family::kLlama},
    FamilyRow{"qwen2", "qwen2", Family::kLlama},
};

}  // namespace

ModelOutline OutlineOf(const ModelFile& file) {
  const bool gguf = file.kind() == ModelFileKind::kGguf;
  const std::string& name = file.RequireString(gguf ? "general.architecture" : "model_type");
  std::string known;
  for (const FamilyRow& row : kFamilyRows) {
    const std::string_view candidate = gguf ? row.gguf : row.model_type;
    if (candidate.empty()) continue;
    if (candidate == name) {
      ModelOutline outline;
      outline.architecture = name;
      Outliner(file, row.family, outline).Run();
      return outline;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate);
  }
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": architecture " + QuotedName(name) + " is not supported",
              "supported: " + known);
}

}  // namespace fathom
