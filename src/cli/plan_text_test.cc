// What a plan looks like: every line fits 80 columns, whatever the model and the verdict.
#include "cli/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "loader/planning.h"
#include "models/outline.h"
#include "models/testing/in_memory_file.h"

namespace fathom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Costs as of a machine that reads 10 GB/s and computes 100 G operations/s.
class EvenCosts final : public StepCosts {
 public:
  double MatrixSeconds(const WeightGroup& group, int64_t rows, int64_t) override {
    const double products = static_cast<double>(group.rows * group.columns);
    return std::max(products * RowOf(group.format).bits_per_element() / 8 / 10e9,
                    products * 2 * static_cast<double>(rows) / 100e9);
  }
  double PairSeconds(const AttentionOutline& attention, CacheType, int64_t, int64_t,
                     int64_t) override {
    return static_cast<double>(attention.heads * attention.values_per_token()) * 4 / 100e9;
  }
  double LayerSeconds(const ModelOutline&, int64_t rows) override {
    return 1e-5 * static_cast<double>(rows);
  }
  double ChoiceSeconds(const ModelOutline&) override { return 1e-4; }
};

// A machine with so many gigabytes, which reads 10 GB/s from memory and 2 GB/s from the disk.
PlacementPlan PlanOfR1(int64_t gigabytes, int64_t context, int64_t users, bool measured = true) {
  const ModelFile file = PublishedR1().Open();
  ModelOutline model = OutlineOf(file);
  model.name = "DeepSeek-R1";
  Machine machine;
  machine.memory_total = machine.memory_available = gigabytes * 1'000'000'000;
  machine.threads = 64;
  machine.kernels = "avx512";
  machine.read_bandwidth = 10e9;
  machine.disk.direct = 3e9;
  machine.disk.mapped = 2e9;
  machine.disk.measured_on = "/models/DeepSeek-R1/model-00001-of-000163.safetensors";
  EvenCosts costs;
  return MakePlan(model, machine, {.context = context, .users = users},
                  measured ? &costs : nullptr);
}

void ExpectNarrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    EXPECT_EQ(line.find_last_not_of(' ') + 1, line.size()) << "ends in spaces: " << line;
  }
}

// The text with its lines joined, for what may be wrapped.
std::string Unwrapped(const std::string& text) {
  std::istringstream words(text);
  std::string joined;
  for (std::string word; words >> word;) joined += word + " ";
  return joined;
}

TEST(PlanTextTest, R1OnEveryKindOfMachine) {
  for (const int64_t gigabytes : {4, 16, 64, 512, 800}) {
    for (const int64_t users : {1, 40}) {
      for (const bool measured : {true, false}) {
        const PlacementPlan plan = PlanOfR1(gigabytes, 163840, users, measured);
        ExpectNarrow(PlanText(plan));
        EXPECT_FALSE(DumpJson(PlanJson(plan)).empty());
      }
    }
  }
}

TEST(PlanTextTest, R1SaysWhatThePublishersSay) {
  const std::string text = PlanText(PlanOfR1(64, 4096, 1));
  EXPECT_THAT(text, HasSubstr("  total                671.0 B  without the prediction layer\n"));
  EXPECT_THAT(text, HasSubstr("  active per token      36.6 B  "));
  EXPECT_THAT(text, HasSubstr("  prediction layer      13.5 B  "));
  EXPECT_THAT(text, HasSubstr("attention              11.4 B    11.4 GB"));
  EXPECT_THAT(text, HasSubstr("routed experts        653.9 B     654 GB        20.4 GB"));
  EXPECT_THAT(Unwrapped(text), HasSubstr("70.3 kB a token, 576 values in each layer."));
}

TEST(PlanTextTest, Verdicts) {
  constexpr const char* kDiskOfAStep = "\n  disk       ";
  const std::string fits = PlanText(PlanOfR1(800, 4096, 1));
  const std::string fits_steps = fits.substr(fits.find("\nDecode"));
  EXPECT_THAT(fits, HasSubstr("Fits in memory: 674 GB of 800 GB available. It decodes at about"));
  EXPECT_THAT(fits_steps, Not(HasSubstr(kDiskOfAStep)));
  const std::string runs = PlanText(PlanOfR1(64, 4096, 1));
  const std::string runs_steps = runs.substr(runs.find("\nDecode"));
  EXPECT_THAT(runs, HasSubstr("Does not fit in memory, but runs from the disk"));
  EXPECT_THAT(runs_steps, HasSubstr(kDiskOfAStep));
  const std::string dense = PlanText(PlanOfR1(16, 4096, 1));
  EXPECT_THAT(dense, HasSubstr("Does not fit: every token needs"));
  EXPECT_THAT(dense, HasSubstr("at most"));
  const std::string never = PlanText(PlanOfR1(16, 163840, 2));
  EXPECT_THAT(never, HasSubstr("Will not run: cache and working memory alone"));
  EXPECT_THAT(never, HasSubstr("All of it in memory needs"));
  // 400 GB take 671 G weights of at most 4.7 bits.
  EXPECT_THAT(PlanText(PlanOfR1(400, 4096, 1)), HasSubstr("or weights in Q4_K, since"));
}

TEST(PlanTextTest, SpeedsAreTheSumsThatStandThere) {
  const PlacementPlan plan = PlanOfR1(800, 4096, 1);
  const Json json = PlanJson(plan);
  EXPECT_EQ(json["parameters"], 671026419200);
  EXPECT_EQ(json["active_parameters"], 36625618432);
  EXPECT_EQ(json["cache_bytes_per_token"], 70272);
  EXPECT_EQ(json["verdict"], "fits");
  EXPECT_EQ(json["machine"]["disk"]["mapped_bytes_per_second"], 2e9);
  const Json& decode = json["decode"][1];
  EXPECT_EQ(decode["tokens_before"], 4096);
  const double sum = decode["weight_seconds"].get<double>() +
                     decode["attention_seconds"].get<double>() +
                     decode["other_seconds"].get<double>() + decode["disk_seconds"].get<double>();
  EXPECT_DOUBLE_EQ(decode["seconds"].get<double>(), sum);
  EXPECT_DOUBLE_EQ(decode["tokens_per_second"].get<double>(), 1 / sum);
  // Nothing is said of speed where nothing was measured.
  EXPECT_FALSE(PlanJson(PlanOfR1(800, 4096, 1, false)).contains("decode"));
  EXPECT_THAT(PlanText(PlanOfR1(800, 4096, 1, false)), Not(HasSubstr("tokens/s")));
}

TEST(PlanTextTest, ADiskOfUnknownSpeedPromisesNothing) {
  PlacementPlan plan = PlanOfR1(64, 4096, 1);
  EvenCosts costs;
  Machine machine = plan.machine;
  machine.disk = {.why_not = "it has too little data on the disk"};
  plan = MakePlan(plan.model, machine, plan.request, &costs);
  const std::string text = PlanText(plan);
  ExpectNarrow(text);
  EXPECT_THAT(Unwrapped(text), HasSubstr("whose speed is not known"));
  EXPECT_THAT(Unwrapped(text), HasSubstr("at most "));
  EXPECT_THAT(text, Not(HasSubstr("decodes at about")));
}

}  // namespace
}  // namespace fathom::cli
