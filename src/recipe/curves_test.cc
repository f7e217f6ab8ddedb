#include "recipe/curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "recipe/curve_points.h"

namespace fathom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const double kNone = std::nan("");

std::vector<SeriesPoint> Points(const std::vector<double>& values) {
  std::vector<SeriesPoint> points;
  for (const double value : values) points.push_back({std::ssize(points) + 1, value});
  return points;
}

std::size_t CountOf(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

// What is behind each ` d="`.
std::vector<std::string> PathsOf(const std::string& svg) {
  std::vector<std::string> paths;
  const std::string open = " d=\"";
  for (std::size_t at = 0; (at = svg.find(open, at)) != std::string::npos;) {
    at += open.size();
    paths.push_back(svg.substr(at, svg.find('"', at) - at));
  }
  return paths;
}

TEST(CurvePoints, ThinningKeepsExtremesGapsAndOrder) {
  const std::vector<SeriesPoint> few = Points({1, kNone, 2});
  EXPECT_EQ(Thinned(few, 3).size(), 3U);
  std::vector<double> values;
  for (int i = 0; i < 9000; ++i) values.push_back(std::sin(i * 0.01));
  values[4321] = 50;
  values[1234] = -50;
  values[7000] = kNone;
  const std::vector<SeriesPoint> thinned = Thinned(Points(values), 500);
  EXPECT_LE(thinned.size(), 500U);
  EXPECT_GE(thinned.size(), 300U);
  double low = 0, high = 0;
  int gaps = 0;
  for (std::size_t i = 0; i < thinned.size(); ++i) {
    gaps += std::isnan(thinned[i].value);
    low = std::min(low, thinned[i].value);
    high = std::max(high, thinned[i].value);
    if (i > 0 && !std::isnan(thinned[i].value)) {
      EXPECT_GE(thinned[i].step + 60, thinned[i - 1].step);
    }
  }
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(low, -50);
  EXPECT_EQ(high, 50);
  EXPECT_LE(Thinned(Points(std::vector<double>(5000, kNone)), 500).size(), 500U);
}

TEST(CurvePoints, SmoothingKeepsWhatIsSmoothAndHasNoLag) {
  std::vector<double> line, noise;
  for (int i = 0; i < 1000; ++i) {
    line.push_back(3 + 0.5 * i);
    noise.push_back(i % 2 == 0 ? 1.0 : 3.0);
  }
  line[500] = kNone;
  const std::vector<SeriesPoint> smooth = Smoothed(Points(line));
  EXPECT_TRUE(std::isnan(smooth[500].value));
  for (const std::size_t i : {100U, 300U, 700U, 900U}) EXPECT_NEAR(smooth[i].value, line[i], 1e-9);
  for (const SeriesPoint& point : Smoothed(Points(noise))) EXPECT_NEAR(point.value, 2, 0.1);
  EXPECT_TRUE(Smoothed({}).empty());
}

TEST(CurvePoints, TicksAreRoundAndInside) {
  EXPECT_THAT(NiceTicks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(NiceTicks(0.9, 4.1, 3), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(TickLabels(NiceTicks(-0.1, 0.12, 4)),
              ElementsAre("-0.10", "-0.05", "0.00", "0.05", "0.10"));
  EXPECT_THAT(TickLabels(NiceTicks(0, 12000, 3)), ElementsAre("0", "5,000", "10,000"));
  EXPECT_THAT(TickLabels(NiceTicks(0, 3e-4, 3)), ElementsAre("0", "1×10⁻⁴", "2×10⁻⁴", "3×10⁻⁴"));
  EXPECT_THAT(TickLabels(NiceTicks(0, 2e9, 2)), ElementsAre("0", "1×10⁹", "2×10⁹"));
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {1, 1}, {2, 1}, {kNone, 1}, {0, HUGE_VAL}, {1, 1 + 1e-15}, {-1e308, 1e308 * 1.1}}) {
    EXPECT_TRUE(NiceTicks(low, high, 5).empty()) << low << " " << high;
  }
}

TEST(CurvePoints, ValuesHaveThreeDigits) {
  EXPECT_EQ(ValueLabel(1.2345), "1.23");
  EXPECT_EQ(ValueLabel(0.0456), "0.0456");
  EXPECT_EQ(ValueLabel(3e-4), "3.00×10⁻⁴");
  EXPECT_EQ(ValueLabel(12345.6), "12,346");
  EXPECT_EQ(ValueLabel(-1234567), "-1,234,567");
  EXPECT_EQ(ValueLabel(0), "0");
  EXPECT_EQ(ValueLabel(kNone), "–");
}

TEST(Curves, ALogHasThePanelsOfItsNumbers) {
  const std::vector<LogEntry> log = {{1, {{"loss", 3}, {"learning_rate", 1e-3}}},
                                     {2, {{"loss", 2}, {"learning_rate", 1e-3}}},
                                     {2, {{"held_out_loss", 2.5}, {"colour", 7}}}};
  const std::vector<CurvePanel> panels = PanelsOf(log);
  ASSERT_EQ(panels.size(), 2U);
  ASSERT_EQ(panels[0].curves.size(), 2U);
  EXPECT_EQ(panels[0].curves[0].points.size(), 2U);
  EXPECT_EQ(panels[0].curves[1].name, "next, held out");
  EXPECT_TRUE(panels[0].curves[0].noisy);
  EXPECT_EQ(panels[1].title, "Learning rate");
  EXPECT_FALSE(panels[1].curves[0].noisy);  // a schedule is drawn as it is
  EXPECT_TRUE(PanelsOf({}).empty());
}

TEST(Curves, ThePictureIsSelfContainedAndSmall) {
  std::vector<LogEntry> log;
  for (int step = 1; step <= 20000; ++step) {
    log.push_back({step,
                   {{"loss", 8.0 / (1 + step * 0.01) + (step % 7) * 0.01},
                    {"learning_rate", 1e-3},
                    {"gradient_norm", 1.0 + step % 13}}});
    if (step % 1000 == 0) log.push_back({step, {{"held_out_loss", 8.0 / (1 + step * 0.01)}}});
  }
  const std::string svg = CurvesSvg("nano", "20,000 steps", PanelsOf(log));
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(svg, HasSubstr(">Loss (nats a token)<"));
  EXPECT_THAT(svg, HasSubstr(">20,000<"));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_EQ(CountOf(svg, "http"), 1U);      // the name of the format alone
  EXPECT_EQ(CountOf(svg, "<circle"), 20U);  // held out
  EXPECT_LT(svg.size(), 60000U);
  const std::vector<std::string> paths = PathsOf(svg);
  ASSERT_EQ(paths.size(), 6U);  // two curves twice, held out and learning rate once
  for (const std::string& path : paths) EXPECT_LE(CountOf(path, "L"), 500U);
}

TEST(Curves, NumbersThatAreNoneLeaveAGap) {
  const CurvePanel panel{"Loss", {{"loss", Points({3, 2.5, kNone, 2, HUGE_VAL, 1.5, 1})}}};
  const std::string svg = CurvesSvg("run", "", {&panel, 1});
  const std::vector<std::string> paths = PathsOf(svg);
  ASSERT_EQ(paths.size(), 1U);
  EXPECT_EQ(CountOf(paths[0], "M"), 3U);
  EXPECT_EQ(CountOf(paths[0], "L"), 2U);
  EXPECT_EQ(CountOf(paths[0], "h0"), 1U);  // the point between two gaps is a dot
  EXPECT_EQ(paths[0].find_first_not_of("MLh0123456789. "), std::string::npos) << paths[0];
  EXPECT_EQ(CountOf(svg, "<circle"), 5U);
}

TEST(Curves, NothingToDrawIsStillAPicture) {
  for (const std::vector<double>& values : std::vector<std::vector<double>>{
           {}, {kNone}, {kNone, kNone}, {0}, {5}, {0, 0, 0}, {-3, -3}, {1e300, -1e300}, {1e-300}}) {
    const CurvePanel panel{"x", {{"y", Points(values)}}};
    const std::string svg = CurvesSvg("run", "", {&panel, 1});
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    for (const std::string& path : PathsOf(svg)) {
      EXPECT_EQ(path.find_first_not_of("MLh0123456789.- "), std::string::npos) << path;
    }
  }
  EXPECT_TRUE(CurvesSvg("run", "", {}).ends_with("</svg>\n"));
}

TEST(Curves, TextsAreEscaped) {
  const std::string wild = "<script>\"a\" & 'b'</script>\x01\xff";
  const CurvePanel panel{wild, {{wild, Points({1, 2})}, {wild, Points({2, 1})}}};
  const std::string svg = CurvesSvg(wild, wild, {&panel, 1});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("\x01")));
  EXPECT_THAT(svg, Not(HasSubstr("\xff")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt; "
                             "\xEF\xBF\xBD"));
}

}  // namespace
}  // namespace fathom
