// Owns: the order in which things are measured. Not for: the sums (placement) and what they look
// like (cli).
#include "loader/planning.h"

#include <algorithm>

#include "base/check.h"
#include "loader/loader.h"
#include "models/model.h"
#include "models/outline.h"
#include "placement/bandwidth.h"
#include "placement/speed_probe.h"

namespace fathom {
namespace {

// Far more than the caches of any processor; less where memory is short.
constexpr int64_t kBandwidthBytes = int64_t{512} << 20;
constexpr int64_t kLeastBandwidthBytes = int64_t{64} << 20;

}  // namespace

PlacementPlan PlanModel(const std::filesystem::path& path, const std::string& name,
                        const PlanningOptions& options) {
  CHECK(options.kernels != nullptr);
  const ModelFile file = OpenModelFile(path);
  DescribeModel(file);  // refuses what cannot run; an outline is of anything with known names
  ModelOutline outline = OutlineOf(file);
  outline.name = name.empty() ? file.path().filename().string() : name;
  const int threads = options.threads > 0 ? options.threads : PhysicalCores();
  Machine machine = DescribeMachine(threads, std::string(options.kernels->name));
  // What makes no sense is refused before the clock starts.
  PlacementPlan plan = MakePlan(outline, machine, options.request, nullptr);
  if (!options.measure) return plan;

  ThreadPool pool(threads);
  machine.disk = MeasureDisk(file, options.other_files, pool);
  const bool roomy = machine.memory_available > 8 * kBandwidthBytes;
  machine.read_bandwidth = MeasureReadBandwidth(
      pool, static_cast<std::size_t>(roomy ? kBandwidthBytes : kLeastBandwidthBytes));
  SpeedProbe probe(*options.kernels, pool, plan.all.bytes_per_token);
  return MakePlan(outline, machine, plan.request, &probe);
}

}  // namespace fathom
