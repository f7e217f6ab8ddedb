// What the machine says of itself, on made-up trees and on real files.
#include "placement/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "placement/bandwidth.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-machine-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  // A model of one shard with so many bytes of data, and then a hole.
  ModelFile Model(int64_t data, int64_t size) const {
    const fs::path path = root_ / "weights";
    {
      std::ofstream file(path, std::ios::binary);
      const std::string block(1 << 20, 'w');
      for (int64_t at = 0; at < data; at += 1 << 20) file << block;
    }
    fs::resize_file(path, static_cast<uintmax_t>(size));
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(path));
    return ModelFile(std::move(shards), {}, {});
  }

  fs::path root_;
};

TEST_F(MachineTest, Gpus) {
  EXPECT_THAT(ListGpus(root_), IsEmpty());
  Write("proc/driver/nvidia/gpus/0000:01:00.0/information",
        "Model: \t\t NVIDIA H100 PCIe\nIRQ: 7\n");
  Write("sys/class/drm/card0/device/vendor", "0x10de\n");
  Write("sys/class/drm/card1/device/vendor", "0x1002\n");
  Write("sys/class/drm/card1-HDMI-A-1/device/vendor", "0x1002\n");
  Write("sys/class/drm/card2/device/vendor", "0x1234\n");  // a virtual screen
  EXPECT_THAT(ListGpus(root_), ElementsAre("AMD (card1)", "NVIDIA H100 PCIe"));
  fs::remove_all(root_ / "proc");
  EXPECT_THAT(ListGpus(root_), ElementsAre("AMD (card1)", "NVIDIA (card0)"));
}

TEST_F(MachineTest, DiskIsTimedOnTheModelsData) {
  const ModelFile model = Model(int64_t{64} << 20, int64_t{64} << 20);
  ThreadPool pool(2);
  const DiskSpeed speed = MeasureDisk(model, {}, pool);
  // A file system in memory has no disk to time.
  if (!speed.why_not.empty()) GTEST_SKIP() << speed.why_not;
  EXPECT_TRUE(speed.direct > 1e5 || speed.mapped > 1e5);
  EXPECT_LT(std::max(speed.direct, speed.mapped), 1e12);
  EXPECT_EQ(speed.measured_on, (root_ / "weights").string());
}

TEST_F(MachineTest, HolesAreNoData) {
  const ModelFile sparse = Model(0, int64_t{1} << 30);
  ThreadPool pool(2);
  const DiskSpeed none = MeasureDisk(sparse, {}, pool);
  EXPECT_EQ(none.why_not, "it has too little data on the disk");
  EXPECT_EQ(none.direct, 0);
  EXPECT_EQ(none.mapped, 0);
  EXPECT_EQ(none.measured_on, "");
  // Another file of the same disk helps, one that is not there does not.
  const fs::path other = root_ / "other";
  {
    std::ofstream file(other, std::ios::binary);
    const std::string block(1 << 20, 'o');
    for (int i = 0; i < 64; ++i) file << block;
  }
  const DiskSpeed helped = MeasureDisk(sparse, {root_ / "none", other}, pool);
  if (!helped.why_not.empty()) GTEST_SKIP() << helped.why_not;
  EXPECT_EQ(helped.measured_on, other.string());
}

TEST_F(MachineTest, SmallFilesSayNothing) {
  const ModelFile model = Model(1 << 20, 1 << 20);
  ThreadPool pool(1);
  EXPECT_EQ(MeasureDisk(model, {}, pool).why_not, "it has too little data on the disk");
}

TEST(Machine, Described) {
  const Machine machine = DescribeMachine(3, "ref");
  EXPECT_EQ(machine.threads, 3);
  EXPECT_EQ(machine.kernels, "ref");
  EXPECT_GT(machine.memory_available, 0);
  EXPECT_LE(machine.memory_available, machine.memory_total);
}

TEST(BandwidthTest, IsPlausible) {
  ThreadPool pool(1);
  const double bandwidth = MeasureReadBandwidth(pool, std::size_t{16} << 20);
  EXPECT_GT(bandwidth, 1e8);
  EXPECT_LT(bandwidth, 1e13);
}

}  // namespace
}  // namespace fathom
