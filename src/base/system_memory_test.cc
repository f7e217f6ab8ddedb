// Limits of control groups from made-up trees, and files read past the page cache.
#include "base/system_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/cold_file.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

class SystemTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-tree-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
};

TEST_F(SystemTreeTest, NoControlGroups) {
  EXPECT_EQ(ReadCgroupMemory(root_).limit, -1);
  Write("proc/self/cgroup", "nonsense\n0:\n0::/\n");
  EXPECT_EQ(ReadCgroupMemory(root_).limit, -1);
  Write("sys/fs/cgroup/memory.max", "max\n");
  Write("sys/fs/cgroup/memory.current", "1000\n");
  EXPECT_EQ(ReadCgroupMemory(root_).limit, -1);
}

TEST_F(SystemTreeTest, Version2TakesTheTightestGroupAround) {
  Write("proc/self/cgroup", "0::/jobs/one\n");
  Write("sys/fs/cgroup/jobs/one/memory.max", "8000000\n");
  Write("sys/fs/cgroup/jobs/one/memory.current", "3000000\n");
  Write("sys/fs/cgroup/jobs/one/memory.stat",
        "anon 100\nfile 1900000\nactive_file 1500000\ninactive_file 500000\n");
  CgroupMemory memory = ReadCgroupMemory(root_);
  EXPECT_EQ(memory.limit, 8000000);
  EXPECT_EQ(memory.used, 1000000);  // the two million of files give way
  Write("sys/fs/cgroup/jobs/memory.max", "9000000\n");
  Write("sys/fs/cgroup/jobs/memory.current", "7000000\n");  // leaves two million
  memory = ReadCgroupMemory(root_);
  EXPECT_EQ(memory.limit, 9000000);
  EXPECT_EQ(memory.used, 7000000);
}

TEST_F(SystemTreeTest, ContainersSeeTheirGroupAtTheMount) {
  Write("proc/self/cgroup", "0::/../../host/path\n");
  Write("sys/fs/cgroup/memory.max", "4096\n");
  Write("sys/fs/cgroup/memory.current", "96\n");
  const CgroupMemory memory = ReadCgroupMemory(root_);
  EXPECT_EQ(memory.limit, 4096);
  EXPECT_EQ(memory.used, 96);
}

TEST_F(SystemTreeTest, Version1) {
  Write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:hugetlb,memory:/a\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "77\n");
  EXPECT_EQ(ReadCgroupMemory(root_).limit, -1);
  Write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000\n");
  Write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "600000\n");
  Write("sys/fs/cgroup/memory/a/memory.stat",
        "active_file 1\ntotal_active_file 50000\ntotal_inactive_file 50000\n");
  const CgroupMemory memory = ReadCgroupMemory(root_);
  EXPECT_EQ(memory.limit, 1000000);
  EXPECT_EQ(memory.used, 500000);
}

TEST(SystemMemory, ThisMachineHasSome) {
  EXPECT_GT(TotalMemoryBytes(), int64_t{64} << 20);
  EXPECT_GT(AvailableMemoryBytes(), 0);
  EXPECT_LE(AvailableMemoryBytes(), TotalMemoryBytes());
}

TEST_F(SystemTreeTest, WithoutProcTheSystemIsAsked) {
  EXPECT_GT(TotalMemoryBytes(root_), int64_t{64} << 20);
  EXPECT_GT(AvailableMemoryBytes(root_), 0);
  EXPECT_LE(AvailableMemoryBytes(root_), TotalMemoryBytes(root_));
}

TEST_F(SystemTreeTest, AvailableIsTheLessOfMachineAndGroup) {
  Write("proc/meminfo", "MemTotal:  4000 kB\nMemFree:  1 kB\nMemAvailable:  2000 kB\n");
  EXPECT_EQ(TotalMemoryBytes(root_), 4096000);
  EXPECT_EQ(AvailableMemoryBytes(root_), 2048000);
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "1000000\n");
  Write("sys/fs/cgroup/memory.current", "400000\n");
  EXPECT_EQ(AvailableMemoryBytes(root_), 600000);
}

TEST_F(SystemTreeTest, ColdFileKnowsHolesAndReads) {
  const fs::path path = root_ / "data";
  const std::string block(16384, 'x');
  std::ofstream(path, std::ios::binary) << block << block;
  fs::resize_file(path, 1 << 20);
  const ColdFile file(path);
  EXPECT_EQ(file.size(), 1 << 20);
  EXPECT_TRUE(file.HasData(0, 32768));
  EXPECT_FALSE(file.HasData(0, (1 << 20) + 1));
  const bool holes = !file.HasData(524288, 4096);  // not every file system keeps them
  EXPECT_EQ(file.HasData(16384, 524288), !holes);
  alignas(ColdFile::kAlignment) static std::byte buffer[8192];
  if (file.ReadDirect(8192, buffer)) {
    EXPECT_EQ(static_cast<char>(buffer[8191]), 'x');
  }
  EXPECT_THROW(ColdFile{root_}, Error);
  EXPECT_THROW(ColdFile{root_ / "none"}, Error);
}

TEST_F(SystemTreeTest, ResidentBytesSeesWhatWasTouched) {
  const fs::path path = root_ / "data";
  std::ofstream(path) << "x";
  fs::resize_file(path, 8 << 20);
  const MappedFile mapped = MappedFile::Open(path);
  const std::span<const std::byte> end = mapped.bytes().last(4 << 20);
  EXPECT_EQ(ResidentBytes(end), 0);
  const volatile std::byte touched = end[100];
  static_cast<void>(touched);
  EXPECT_GT(ResidentBytes(end), 0);
  EXPECT_EQ(ResidentBytes({}), 0);
}

}  // namespace
}  // namespace fathom
