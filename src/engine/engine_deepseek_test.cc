// The engine with a model that has latent attention and experts: the same promises as with any
// other, on a model whose steps are cut up quite differently.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/test_allocation_count.h"
#include "formats/gguf.h"

namespace fathom {
namespace {

const std::filesystem::path kGoldens =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";

class DeepseekEngine : public ::testing::Test {
 protected:
  DeepseekEngine()
      : file_(OpenGguf(kGoldens / "deepseek_v3.split.gguf")), model_(BindModel(file_)) {
    std::ifstream stream(kGoldens / "deepseek_v3.json");
    std::stringstream text;
    text << stream.rdbuf();
    golden_ = ParseJson(text.str(), "golden");
    ids_ = golden_.at("ids").get<std::vector<int32_t>>();
  }

  EngineOptions Options(const KernelTable& kernels) const {
    return {.kernels = &kernels, .threads = 2, .context_length = 256};
  }
  Request Make(std::size_t from, std::size_t count, int64_t tokens) const {
    Request request;
    request.prompt = {ids_.begin() + static_cast<std::ptrdiff_t>(from),
                      ids_.begin() + static_cast<std::ptrdiff_t>(from + count)};
    request.max_tokens = tokens;
    return request;
  }
  static std::vector<int32_t> IdsOf(const std::vector<TokenEvent>& events) {
    std::vector<int32_t> ids;
    for (const TokenEvent& event : events) {
      if (event.kind == TokenEvent::Kind::kToken) ids.push_back(event.id);
    }
    return ids;
  }

  ModelFile file_;
  std::unique_ptr<Model> model_;
  Json golden_;
  std::vector<int32_t> ids_;
};

TEST_F(DeepseekEngine, GreedyReplyIsTheReferences) {
  for (const LatentForm form : {LatentForm::kAbsorbed, LatentForm::kNaive}) {
    EngineOptions options = Options(ReferenceKernels());
    options.latent_form = form;
    Engine engine(*model_, options);
    const Json& greedy = golden_.at("greedy");
    Request request = Make(0, 0, 64);
    request.prompt = greedy.at("prompt").get<std::vector<int32_t>>();
    EXPECT_EQ(IdsOf(RunToCompletion(engine, std::move(request))),
              greedy.at("ids").get<std::vector<int32_t>>());
  }
}

// Replies of many requests at once, prompts in odd chunks, are those each gets alone.
TEST_F(DeepseekEngine, CompanyChangesNothing) {
  for (const KernelTable* kernels : AvailableKernels()) {
    constexpr std::size_t kRequests = 8;
    std::vector<std::vector<int32_t>> alone;
    for (std::size_t i = 0; i < kRequests; ++i) {
      Engine engine(*model_, Options(*kernels));
      alone.push_back(IdsOf(RunToCompletion(engine, Make(i * 7, 20 + 5 * i, 24))));
    }
    EngineOptions options = Options(*kernels);
    options.max_step_tokens = 48;
    Engine engine(*model_, options);
    std::vector<std::thread> callers;
    std::vector<std::vector<int32_t>> together(kRequests);
    for (std::size_t i = 0; i < kRequests; ++i) {
      callers.emplace_back(
          [&, i] { together[i] = IdsOf(RunToCompletion(engine, Make(i * 7, 20 + 5 * i, 24))); });
    }
    for (std::thread& caller : callers) caller.join();
    for (std::size_t i = 0; i < kRequests; ++i) {
      EXPECT_EQ(together[i], alone[i]) << kernels->name << ", request " << i;
    }
  }
}

TEST_F(DeepseekEngine, DecodingAllocatesNothing) {
  TakeForbiddenAllocations();
  for (const KernelTable* kernels : AvailableKernels()) {
    Engine engine(*model_, Options(*kernels));
    RunToCompletion(engine, Make(0, 30, 60));
  }
  const std::optional<int64_t> found = TakeForbiddenAllocations();
  if (!found) GTEST_SKIP() << "another allocator hook is active in this build";
  EXPECT_EQ(*found, 0);
}

}  // namespace
}  // namespace fathom
