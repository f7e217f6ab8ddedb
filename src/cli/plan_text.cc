// Owns: the words and columns of a plan. Invariant: no line of the text is longer than 80 columns,
// and every number in it comes from the plan. Not for: computing any.
#include "cli/plan_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "cli/terminal.h"
#include "loader/download.h"

namespace fathom::cli {
namespace {

constexpr std::size_t kColumns = 80;

template <class... Values>
std::string Printed(const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

// A row of a table: what is formatted, without the spaces of empty columns at its end.
template <class... Values>
std::string Row(const char* format, Values... values) {
  const std::string line = Printed(format, values...);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string Bytes(double bytes) {
  return BytesText(static_cast<uint64_t>(std::max(std::llround(bytes), 0LL)));
}

// "671.0 B", "134.5 M": parameters.
std::string Parameters(double count) {
  if (count >= 1e9) return Printed("%.1f B", count / 1e9);
  if (count >= 1e6) return Printed("%.1f M", count / 1e6);
  if (count >= 1e3) return Printed("%.1f k", count / 1e3);
  return Printed("%.0f", count);
}

std::string Rate(double bytes_per_second) { return Bytes(bytes_per_second) + "/s"; }

std::string Seconds(double seconds) {
  if (seconds < 1) return Significant(seconds * 1000) + " ms";
  if (seconds < 120) return Significant(seconds) + " s";
  return DurationText(seconds);
}

std::string Speed(const SpeedEstimate& estimate) {
  return Significant(estimate.tokens_per_second()) + " tokens/s";
}

std::string Percent(double share) { return Printed("%.1f %%", std::floor(share * 1000) / 10); }

std::string Plural(int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Words in lines of at most 80 columns, all of them indented.
std::string Wrapped(const std::string& text) {
  std::string lines, line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && line.size() + 1 + word.size() > kColumns - 2) {
      lines += "  " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return line.empty() ? lines : lines + "  " + line + "\n";
}

// The end of a path that is too long for its column.
std::string Tail(const std::string& path) {
  constexpr std::size_t kMost = 56;
  if (path.size() <= kMost) return path;
  std::size_t begin = path.size() - kMost + 3;
  while ((static_cast<unsigned char>(path[begin]) & 0xc0) == 0x80) ++begin;
  return "..." + path.substr(begin);
}

double DiskRate(const PlacementPlan& plan) {
  const DiskSpeed& disk = plan.machine.disk;
  return disk.mapped > 0 ? disk.mapped : disk.direct;
}

const PlanPart* FindPart(const PlacementPlan& plan, WeightRole role) {
  for (const PlanPart& part : plan.parts) {
    if (part.role == role) return &part;
  }
  return nullptr;
}

// ---- Tables ------------------------------------------------------------------------------------

std::string ParametersText(const PlacementPlan& plan) {
  std::string text = "\nParameters\n";
  const auto row = [&](const char* name, double count, const char* note) {
    text += Row("  %-18s %9s  %s", name, Parameters(count).c_str(), note);
  };
  const PlanPart* prediction = FindPart(plan, WeightRole::kPrediction);
  row("total", static_cast<double>(plan.all.parameters),
      prediction != nullptr ? "without the prediction layer" : "");
  row("active per token", plan.all.active_parameters, "the head is counted, a lookup is not");
  if (prediction != nullptr) {
    row("prediction layer", static_cast<double>(prediction->totals.parameters),
        "with its copies of embedding and head");
  }
  return text;
}

std::string HomeText(const PlacementPlan& plan, const PlanPart& part) {
  switch (part.home) {
    case Home::kMemory:
      return "memory";
    case Home::kMemoryAndDisk: {
      double wanted = 0;
      for (const WeightGroup& group : plan.model.groups) {
        if (group.role == part.role) wanted += static_cast<double>(group.bytes_read());
      }
      return Percent(part.resident_bytes / wanted) + " memory, disk";
    }
    case Home::kDisk:
      return "disk";
    case Home::kNowhere:
      return "not read";
  }
  return {};
}

std::string PartsText(const PlacementPlan& plan) {
  constexpr const char* kLayout = "  %-18s %10s %10s %14s   %s";
  // Two columns further left than its rows, as the headings of all tables are.
  std::string text = "\n" + Row("%-20s %10s %10s %14s   %s", "What lives where", "parameters",
                                "bytes", "a token reads", "kept in");
  const auto row = [&](const std::string& name, const std::string& parameters, double bytes,
                       double per_token, const std::string& home) {
    text += Row(kLayout, name.c_str(), parameters.c_str(), Bytes(bytes).c_str(),
                per_token > 0 ? Bytes(per_token).c_str() : "", home.c_str());
  };
  for (const PlanPart& part : plan.parts) {
    row(std::string(RoleName(part.role)), Parameters(static_cast<double>(part.totals.parameters)),
        static_cast<double>(part.totals.bytes), part.totals.bytes_per_token, HomeText(plan, part));
    if (part.totals.made_bytes > 0) {
      row("  made at loading", "", static_cast<double>(part.totals.made_bytes), 0, "memory");
    }
  }
  const std::string fits = plan.verdict == Verdict::kWillNotFit ? "does not fit" : "memory";
  row("cache, " + std::string(NameOf(plan.request.cache_type)), "",
      static_cast<double>(plan.cache_bytes), 0, fits);
  row("working memory", "", static_cast<double>(plan.working_bytes), 0, fits);
  row("all", "", static_cast<double>(plan.needed_bytes), plan.all.bytes_per_token, "");
  text +=
      Wrapped("The cache is for " + Plural(plan.request.users, "user") + " with " +
              Plural(plan.request.context, "token") + ": " +
              Bytes(static_cast<double>(plan.cache_bytes_per_token)) + " a token, " +
              std::to_string(plan.model.attention.values_per_token()) + " values in each layer.");
  return text;
}

std::string MachineText(const PlacementPlan& plan) {
  const Machine& machine = plan.machine;
  std::string text = "\nThis machine\n";
  const auto row = [&](const char* name, const std::string& value) {
    text += Row("  %-18s %s", name, value.c_str());
  };
  std::string memory = Bytes(static_cast<double>(machine.memory_total)) + ", " +
                       Bytes(static_cast<double>(machine.memory_available)) + " available";
  if (machine.cgroup_limit >= 0) {
    memory += ", cgroup limit " + Bytes(static_cast<double>(machine.cgroup_limit));
  }
  row("memory", memory);
  row("processor", Plural(machine.threads, "thread") + ", " + machine.kernels + " kernels");
  if (plan.measured) {
    row("memory reads", Rate(machine.read_bandwidth));
    const DiskSpeed& disk = machine.disk;
    if (!disk.why_not.empty()) {
      row("disk", "not measured");
      text += Wrapped("The model's data cannot time the disk: " + disk.why_not + ".");
    } else {
      std::string speeds = disk.direct > 0 ? Rate(disk.direct) + " past the page cache" : "";
      if (disk.mapped > 0) {
        speeds += (speeds.empty() ? "" : ", ") + Rate(disk.mapped) + " through memory maps";
      }
      row("disk", speeds);
      if (disk.measured_on.find(plan.model.name) == std::string::npos) {
        row("  timed on", Tail(Harmless(disk.measured_on)));
      }
    }
  }
  if (machine.gpus.empty()) {
    row("GPU", "none found");
  } else {
    for (const std::string& gpu : machine.gpus) {
      row("GPU", Harmless(gpu) + ": not used by this version");
    }
  }
  return text;
}

// ---- Speed -------------------------------------------------------------------------------------

// "489 MB at 11.2 GB/s, 41 % of what memory gives"
std::string WeightsNote(const PlacementPlan& plan, const SpeedEstimate& e) {
  const double rate = e.weights.bytes / std::max(e.weights.seconds, 1e-12);
  return Bytes(e.weights.bytes) + " at " + Rate(rate) + ", " +
         Significant(100 * rate / std::max(plan.machine.read_bandwidth, 1.0)) +
         " % of what memory gives";
}

std::string EstimateRows(const PlacementPlan& plan, const SpeedEstimate& e,
                         const std::string& weights) {
  std::string text;
  const auto row = [&](const char* name, const std::string& note, double seconds) {
    text += Row("  %-10s %-54s %11s", name, note.c_str(), Seconds(seconds).c_str());
  };
  row("weights", weights, e.weights.seconds);
  row("attention", Bytes(e.cache.bytes) + " of cache", e.cache.seconds);
  row("the rest", "norms, activations, choosing the token", e.other_seconds);
  if (e.disk.bytes > 0) {
    const double rate = DiskRate(plan);
    row("disk", Bytes(e.disk.bytes) + (rate > 0 ? " at " + Rate(rate) : ", speed not known"),
        e.disk.seconds);
  }
  const bool open =
      e.disk.bytes > 0 && (DiskRate(plan) <= 0 || plan.verdict == Verdict::kDenseFromDisk);
  row("sum", (open ? "at most " : "") + Speed(e), e.seconds());
  return text;
}

std::string DecodeText(const PlacementPlan& plan, const SpeedEstimate& e) {
  std::string text = "\nDecode after " + Plural(e.position, "token") + ", " +
                     Plural(plan.request.users, "user") + "\n";
  if (e.distinct_experts > 0 && plan.request.users > 1) {
    text +=
        Wrapped("In each layer " + Significant(e.distinct_experts) +
                " different experts are expected for " + Plural(plan.request.users, "token") + ".");
  }
  return text + EstimateRows(plan, e, WeightsNote(plan, e));
}

std::string PrefillText(const PlacementPlan& plan, const SpeedEstimate& e) {
  std::string text = "\nPrefill of " + Plural(e.position, "token") + "\n";
  if (e.distinct_experts > 0) {
    text +=
        Wrapped("A step of " + Plural(std::min(e.position, plan.request.step_tokens), "token") +
                " needs " + Significant(e.distinct_experts) + " different experts in each layer.");
  }
  const double rate = e.products / std::max(e.weights.seconds, 1e-12);
  return text + EstimateRows(plan, e,
                             Significant(e.products / 1e9) + " G operations at " +
                                 Significant(rate / 1e9) + " G/s");
}

// ---- Verdict -----------------------------------------------------------------------------------

std::string RemedyText(const PlacementPlan& plan) {
  const Remedy& remedy = plan.remedy;
  std::string text = "All of it in memory needs " +
                     Bytes(static_cast<double>(remedy.memory_needed)) + " available";
  if (!remedy.format.empty()) {
    text += "; or weights in " + remedy.format + ", since " + Significant(remedy.bits_per_weight) +
            " bits per weight would fit here";
  } else if (remedy.bits_per_weight > 0) {
    text += "; here is room for " + Significant(remedy.bits_per_weight) +
            " bits per weight, less than any format has";
  }
  return text + ".";
}

// "about 3.4 tokens/s", of decoding near the start of a conversation.
std::string AboutSpeed(const PlacementPlan& plan) {
  if (!plan.measured) return "";
  return "about " + Speed(plan.decode.front());
}

std::string VerdictText(const PlacementPlan& plan) {
  const std::string available =
      Bytes(static_cast<double>(plan.machine.memory_available)) + " of available memory";
  const std::string needed = Bytes(static_cast<double>(plan.needed_bytes));
  std::string text;
  switch (plan.verdict) {
    case Verdict::kFits:
      text = "Fits in memory: " + needed + " of " +
             Bytes(static_cast<double>(plan.machine.memory_available)) + " available.";
      if (plan.measured) text += " It decodes at " + AboutSpeed(plan) + ".";
      if (plan.load_seconds > 0) {
        text += " The first reading from the disk takes about " + Seconds(plan.load_seconds) + ".";
      }
      return Wrapped(text);
    case Verdict::kFromDisk: {
      text = "Does not fit in memory, but runs from the disk: of " + needed + ", the " +
             Bytes(static_cast<double>(plan.always_bytes)) + " that every token needs fit in " +
             available;
      const PlanPart* routed = FindPart(plan, WeightRole::kRoutedExperts);
      if (routed != nullptr) {
        text += " together with " + Percent(plan.resident_experts) + " of the routed experts";
      }
      text += ".";
      if (!plan.measured) break;
      const SpeedEstimate& e = plan.decode.front();
      if (DiskRate(plan) > 0) {
        text += " It decodes at " + AboutSpeed(plan) + ", since a step reads " +
                Bytes(e.disk.bytes) + " from the disk.";
      } else {
        text += " A step of decoding reads " + Bytes(e.disk.bytes) +
                " from the disk, whose speed is not known: at 1 GB/s that alone takes " +
                Seconds(e.disk.bytes / 1e9) + ".";
      }
      break;
    }
    case Verdict::kDenseFromDisk:
      text = "Does not fit: every token needs " + Bytes(static_cast<double>(plan.always_bytes)) +
             ", more than the " + available +
             ", and the rest would be read from the disk again for each step.";
      if (plan.measured && DiskRate(plan) > 0) {
        text += " It would decode at most at " + Speed(plan.decode.front()) + ".";
      }
      break;
    case Verdict::kWillNotFit:
      text = "Will not run: cache and working memory alone, which cannot stay on the disk, are " +
             Bytes(static_cast<double>(plan.cache_bytes + plan.working_bytes)) +
             ", more than the " + available + ". Fewer users or a lower --ctx need less.";
      break;
  }
  return Wrapped(text) + Wrapped(RemedyText(plan));
}

std::string AssumptionsText(const PlacementPlan& plan) {
  if (!plan.measured) return "";
  std::string text =
      "Speeds are computed from the rates above and from products and attention "
      "timed just now with the kernels and shapes of this model; other work on the "
      "machine slows them down.";
  if (FindPart(plan, WeightRole::kRoutedExperts) != nullptr) {
    text +=
        " Experts count as chosen evenly; what a text really uses is less even, and memory "
        "then holds more of it.";
  }
  if (plan.verdict != Verdict::kFits)
    text += " Reading from the disk is not hidden behind computing.";
  return "\n" + Wrapped(text);
}

// ---- JSON --------------------------------------------------------------------------------------

std::string_view HomeKey(Home home) {
  switch (home) {
    case Home::kMemory:
      return "memory";
    case Home::kMemoryAndDisk:
      return "memory_and_disk";
    case Home::kDisk:
      return "disk";
    case Home::kNowhere:
      return "nowhere";
  }
  return {};
}

std::string_view VerdictKey(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFits:
      return "fits";
    case Verdict::kFromDisk:
      return "runs_from_disk";
    case Verdict::kDenseFromDisk:
      return "dense_weights_from_disk";
    case Verdict::kWillNotFit:
      return "will_not_fit";
  }
  return {};
}

Json PartJson(const PlanPart& part) {
  return Json{{"part", RoleKey(part.role)},
              {"parameters", part.totals.parameters},
              {"bytes", part.totals.bytes},
              {"made_bytes", part.totals.made_bytes},
              {"bytes_per_token", part.totals.bytes_per_token},
              {"home", HomeKey(part.home)},
              {"resident_bytes", part.resident_bytes}};
}

Json GroupJson(const WeightGroup& group) {
  return Json{{"name", group.name},
              {"part", RoleKey(group.role)},
              {"format", RowOf(group.format).name},
              {"shape", {group.rows, group.columns}},
              {"matrices", group.matrices},
              {"choices", group.choices},
              {"used", group.used},
              {"parameters", group.parameters},
              {"bytes", group.bytes},
              {"made_bytes", group.made_bytes}};
}

Json EstimateJson(const SpeedEstimate& e) {
  return Json{{"tokens_before", e.position},
              {"tokens", e.tokens},
              {"tokens_per_second", e.tokens_per_second()},
              {"seconds", e.seconds()},
              {"weight_bytes", e.weights.bytes},
              {"weight_seconds", e.weights.seconds},
              {"cache_bytes", e.cache.bytes},
              {"attention_seconds", e.cache.seconds},
              {"other_seconds", e.other_seconds},
              {"disk_bytes", e.disk.bytes},
              {"disk_seconds", e.disk.seconds},
              {"operations", e.products},
              {"distinct_experts", e.distinct_experts}};
}

Json MachineJson(const Machine& machine) {
  Json json{{"memory_total", machine.memory_total},
            {"memory_available", machine.memory_available},
            {"threads", machine.threads},
            {"kernels", machine.kernels},
            {"gpus", machine.gpus}};
  json["cgroup_limit"] = machine.cgroup_limit >= 0 ? Json(machine.cgroup_limit) : Json();
  if (machine.read_bandwidth <= 0) return json;
  json["read_bandwidth"] = machine.read_bandwidth;
  const DiskSpeed& disk = machine.disk;
  Json& out = json["disk"] = Json::object();
  if (disk.direct > 0) out["direct_bytes_per_second"] = disk.direct;
  if (disk.mapped > 0) out["mapped_bytes_per_second"] = disk.mapped;
  if (!disk.measured_on.empty()) out["measured_on"] = disk.measured_on;
  if (!disk.why_not.empty()) out["why_not"] = disk.why_not;
  return json;
}

}  // namespace

std::string PlanText(const PlacementPlan& plan) {
  const ModelOutline& model = plan.model;
  std::string text = Harmless(model.name) + "\n";
  text +=
      Printed("  %s, %s, hidden size %lld, context of %lld tokens\n", model.architecture.c_str(),
              Plural(model.layers, "layer").c_str(), static_cast<long long>(model.hidden),
              static_cast<long long>(model.context_length));
  text += ParametersText(plan) + PartsText(plan) + MachineText(plan);
  for (const SpeedEstimate& estimate : plan.decode) text += DecodeText(plan, estimate);
  for (const SpeedEstimate& estimate : plan.prefill) text += PrefillText(plan, estimate);
  return text + "\nVerdict\n" + VerdictText(plan) + AssumptionsText(plan);
}

Json PlanJson(const PlacementPlan& plan) {
  const ModelOutline& model = plan.model;
  Json json{{"model", model.name},
            {"architecture", model.architecture},
            {"layers", model.layers},
            {"hidden", model.hidden},
            {"context_length", model.context_length},
            {"parameters", plan.all.parameters},
            {"active_parameters", std::llround(plan.all.active_parameters)},
            {"context", plan.request.context},
            {"users", plan.request.users},
            {"cache", NameOf(plan.request.cache_type)},
            {"cache_values_per_token_and_layer", model.attention.values_per_token()},
            {"cache_bytes_per_token", plan.cache_bytes_per_token},
            {"cache_bytes", plan.cache_bytes},
            {"working_bytes", plan.working_bytes},
            {"weight_bytes", plan.all.bytes},
            {"weight_bytes_per_token", plan.all.bytes_per_token},
            {"needed_bytes", plan.needed_bytes},
            {"always_needed_bytes", plan.always_bytes},
            {"resident_experts", plan.resident_experts},
            {"verdict", VerdictKey(plan.verdict)},
            {"machine", MachineJson(plan.machine)}};
  for (const PlanPart& part : plan.parts) json["parts"].push_back(PartJson(part));
  for (const WeightGroup& group : model.groups) json["groups"].push_back(GroupJson(group));
  if (plan.verdict != Verdict::kFits) {
    json["memory_needed"] = plan.remedy.memory_needed;
    json["bits_per_weight_that_fit"] = plan.remedy.bits_per_weight;
    json["format_that_fits"] = plan.remedy.format.empty() ? Json() : Json(plan.remedy.format);
  }
  if (plan.load_seconds > 0) json["load_seconds"] = plan.load_seconds;
  if (!plan.measured) return json;
  for (const SpeedEstimate& e : plan.decode) json["decode"].push_back(EstimateJson(e));
  for (const SpeedEstimate& e : plan.prefill) json["prefill"].push_back(EstimateJson(e));
  return json;
}

}  // namespace fathom::cli
