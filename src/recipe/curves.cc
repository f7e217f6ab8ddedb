#include "recipe/curves.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/json.h"
#include "recipe/curve_points.h"

namespace fathom {
namespace {

// Pixels. The first panel is as wide as the picture, the others stand in two columns.
constexpr double kWidth = 960, kMargin = 28, kGap = 24, kHeader = 84;
constexpr double kFirstHeight = 340, kOtherHeight = 220;
// Around the plot inside its panel: title and legend above, labels of ticks at the other sides.
constexpr double kPlotLeft = 68, kPlotRight = 24, kPlotTop = 46, kPlotBottom = 34;
constexpr double kTitleY = 27, kLegendLine = 21;  // baseline of the title; the line below it
constexpr double kTitleLetter = 7.7, kLetter = 7.4, kDigit = 7.6;  // widths, roughly
constexpr std::size_t kMostPoints = 500;
constexpr std::size_t kSparse = 60;  // fewer points than this are drawn as they are, with dots
constexpr int kColours = 4;

// Colours that keep 3:1 against their ground and differ for colour-blind eyes as well.
constexpr std::string_view kStyle = R"(<style>
text{font:12px system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif;fill:#5b6472}
.page{fill:#fff}.panel{fill:#f8fafc;stroke:#e2e8f0}
.title{font-size:21px;font-weight:650;fill:#0f172a}.sub{font-size:13px}
.name{font-size:14px;font-weight:600;fill:#1e293b}.tick{font-size:11px}
.value{font-weight:600;fill:#1e293b}
.grid{stroke:#e2e8f0;stroke-width:1}.base{stroke:#94a3b8;stroke-width:1}
.raw,.line{fill:none;stroke-linejoin:round;stroke-linecap:round}
.raw{stroke-width:1;stroke-opacity:.3}.line{stroke-width:2}
.c0{stroke:#2563eb}.c1{stroke:#c2570c}.c2{stroke:#0f8a5f}.c3{stroke:#9333ea}
.d0{fill:#2563eb}.d1{fill:#c2570c}.d2{fill:#0f8a5f}.d3{fill:#9333ea}
@media (prefers-color-scheme:dark){
text{fill:#94a3b8}.page{fill:#0b1120}.panel{fill:#111a2e;stroke:#22304a}
.title,.value{fill:#f1f5f9}.name{fill:#e2e8f0}
.grid{stroke:#22304a}.base{stroke:#52617a}.raw{stroke-opacity:.4}
.c0{stroke:#60a5fa}.c1{stroke:#fb923c}.c2{stroke:#34d399}.c3{stroke:#c084fc}
.d0{fill:#60a5fa}.d1{fill:#fb923c}.d2{fill:#34d399}.d3{fill:#c084fc}
}
</style>
)";

// As the text of an element or the value of an attribute.
std::string Escaped(std::string_view text) {
  // Serialising makes valid UTF-8 of it.
  const std::string valid = ParseJson(DumpJson(Json(std::string(text))), "text").get<std::string>();
  std::string escaped;
  for (const char c : valid) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        // XML has no other control characters than white space.
        escaped += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return escaped;
}

std::string Pixels(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// ` x="1.0"`
std::string Attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + Pixels(value) + "\"";
}

enum class Anchor : uint8_t { kStart, kMiddle, kEnd };

std::string TextAt(double x, double y, const char* style, Anchor anchor, std::string_view text) {
  const char* place = anchor == Anchor::kStart    ? ""
                      : anchor == Anchor::kMiddle ? " text-anchor=\"middle\""
                                                  : " text-anchor=\"end\"";
  return std::string("<text class=\"") + style + "\"" + Attribute("x", x) + Attribute("y", y) +
         place + ">" + Escaped(text) + "</text>\n";
}

std::string LineAt(const std::string& style, double x1, double y1, double x2, double y2) {
  return "<line class=\"" + style + "\"" + Attribute("x1", x1) + Attribute("y1", y1) +
         Attribute("x2", x2) + Attribute("y2", y2) + "/>\n";
}

struct Box {
  double x, y, width, height;
};

std::string BoxAt(const char* style, const Box& box, double radius) {
  return std::string("<rect class=\"") + style + "\"" + Attribute("x", box.x) +
         Attribute("y", box.y) + Attribute("width", box.width) + Attribute("height", box.height) +
         Attribute("rx", radius) + "/>\n";
}

struct Range {
  double low = 0, high = 1;
};

// What is drawn of a curve.
struct Drawn {
  std::string name;
  std::vector<SeriesPoint> raw;      // pale; empty for few points
  std::vector<SeriesPoint> line;     // strong
  bool dots = false;                 // on each point of the line
  std::vector<double> scale_values;  // what must be in sight
  double last = std::nan("");
};

Drawn DrawnOf(const Curve& curve) {
  Drawn drawn;
  drawn.name = curve.name;
  std::vector<SeriesPoint> line = curve.points;
  drawn.dots = curve.points.size() < kSparse;
  if (curve.noisy && !drawn.dots) {
    line = Smoothed(curve.points);
    drawn.raw = Thinned(curve.points, kMostPoints);
    // Of the points all but the rarest: one wild step would flatten everything else.
    std::vector<double> values;
    for (const SeriesPoint& point : curve.points) {
      if (std::isfinite(point.value)) values.push_back(point.value);
    }
    std::ranges::sort(values);
    const std::size_t rare = values.size() / 100;
    if (!values.empty()) {
      drawn.scale_values = {values[rare], values[values.size() - 1 - rare]};
    }
  }
  for (const SeriesPoint& point : line) {
    if (!std::isfinite(point.value)) continue;
    drawn.scale_values.push_back(point.value);
    drawn.last = point.value;
  }
  drawn.line = Thinned(line, kMostPoints);
  return drawn;
}

Range ScaleOf(const std::vector<Drawn>& curves) {
  Range range{HUGE_VAL, -HUGE_VAL};
  for (const Drawn& curve : curves) {
    for (const double value : curve.scale_values) {
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  if (range.low > range.high) return {0, 1};
  // From 0 on if that is near.
  if (range.low > 0 && range.low < 0.35 * range.high) range.low = 0;
  const double spread = range.high - range.low;
  // All the same but for rounding: a line in the middle.
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  const double room = spread > 1e-6 * size ? 0.06 * spread : size > 0 ? 0.2 * size : 1;
  return {range.low == 0 ? 0 : range.low - room, range.high + room};
}

Range StepsOf(std::span<const CurvePanel> panels) {
  int64_t first = INT64_MAX, last = 0;
  for (const CurvePanel& panel : panels) {
    for (const Curve& curve : panel.curves) {
      for (const SeriesPoint& point : curve.points) {
        first = std::min(first, point.step);
        last = std::max(last, point.step);
      }
    }
  }
  if (first > last) return {0, 1};
  const double begin = first < last / 3 ? 0 : static_cast<double>(first);
  const auto end = static_cast<double>(last);
  return {begin, std::max(end, begin + 1)};
}

// One panel: axes, curves, legend.
class PanelPainter {
 public:
  PanelPainter(const CurvePanel& panel, std::size_t number, const Box& box, const Range& steps)
      : title_(panel.title), number_(number), box_(box), steps_(steps) {
    for (const Curve& curve : panel.curves) curves_.push_back(DrawnOf(curve));
    values_ = ScaleOf(curves_);
    // A legend that does not fit beside the title has a line of its own.
    double legend = 0;
    for (const Drawn& curve : curves_) legend += LegendWidth(curve);
    const double title = 32 + kTitleLetter * static_cast<double>(Characters(title_));
    if (title + legend + kPlotRight > box.width) legend_y_ += kLegendLine;
    const double top = kPlotTop + legend_y_ - kTitleY;
    plot_ = {box.x + kPlotLeft, box.y + top, box.width - kPlotLeft - kPlotRight,
             box.height - top - kPlotBottom};
  }

  std::string Paint() const {
    std::string svg = "<g>\n" + BoxAt("panel", box_, 10);
    svg += TextAt(box_.x + 16, box_.y + kTitleY, "name", Anchor::kStart, title_);
    svg += Axes();
    const std::string clip = "plot" + std::to_string(number_);
    svg += "<clipPath id=\"" + clip + "\">" + BoxAt("", Grown(plot_, 3), 0) + "</clipPath>\n";
    svg += "<g clip-path=\"url(#" + clip + ")\">\n";
    for (std::size_t i = 0; i < curves_.size(); ++i) svg += Path("raw", curves_[i].raw, i);
    for (std::size_t i = 0; i < curves_.size(); ++i) {
      svg += Path("line", curves_[i].line, i);
      if (curves_[i].dots) svg += Dots(curves_[i].line, i);
    }
    return svg + "</g>\n" + Legend() + "</g>\n";
  }

 private:
  static Box Grown(const Box& box, double by) {
    return {box.x - by, box.y - by, box.width + 2 * by, box.height + 2 * by};
  }
  static std::string Colour(const char* kind, std::size_t curve) {
    return kind + std::to_string(curve % kColours);
  }
  double X(double step) const {
    return plot_.x + plot_.width * (step - steps_.low) / (steps_.high - steps_.low);
  }
  double Y(double value) const {
    return plot_.y + plot_.height * (values_.high - value) / (values_.high - values_.low);
  }

  std::string Axes() const {
    std::string svg;
    const std::vector<double> rows =
        NiceTicks(values_.low, values_.high, static_cast<int>(plot_.height / 36));
    const std::vector<std::string> labels = TickLabels(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double y = Y(rows[i]);
      svg += LineAt("grid", plot_.x, y, plot_.x + plot_.width, y);
      svg += TextAt(plot_.x - 8, y + 4, "tick", Anchor::kEnd, labels[i]);
    }
    const double bottom = plot_.y + plot_.height;
    svg += LineAt("base", plot_.x, bottom, plot_.x + plot_.width, bottom);
    svg += TextAt(plot_.x - 8, bottom + 18, "tick", Anchor::kEnd, "step");
    const std::vector<double> columns =
        NiceTicks(steps_.low, steps_.high, static_cast<int>(plot_.width / 90));
    const std::vector<std::string> steps = TickLabels(columns);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] != std::floor(columns[i])) continue;  // there is no half of a step
      const double x = X(columns[i]);
      svg += LineAt("base", x, bottom, x, bottom + 4);
      const std::string label = columns[i] == 0 ? "0" : WithoutDecimals(steps[i]);
      svg += TextAt(x, bottom + 18, "tick", Anchor::kMiddle, label);
    }
    return svg;
  }

  static std::string WithoutDecimals(const std::string& label) {
    return label.substr(0, label.find('.'));
  }

  std::string Path(const char* style, const std::vector<SeriesPoint>& points,
                   std::size_t curve) const {
    std::string way;
    bool drawing = false, alone = false;
    for (const SeriesPoint& point : points) {
      if (!std::isfinite(point.value)) {
        if (alone) way += "h0";  // a round cap makes a dot of it
        drawing = alone = false;
        continue;
      }
      way += (drawing ? "L" : "M") + Pixels(X(static_cast<double>(point.step))) + " " +
             Pixels(std::clamp(Y(point.value), -1e4, 1e4));
      alone = !drawing;
      drawing = true;
    }
    if (alone) way += "h0";
    if (way.empty()) return {};
    return std::string("<path class=\"") + style + " " + Colour("c", curve) + "\" d=\"" + way +
           "\"/>\n";
  }

  std::string Dots(const std::vector<SeriesPoint>& points, std::size_t curve) const {
    std::string svg;
    for (const SeriesPoint& point : points) {
      if (!std::isfinite(point.value)) continue;
      svg += "<circle class=\"" + Colour("d", curve) + "\"" +
             Attribute("cx", X(static_cast<double>(point.step))) +
             Attribute("cy", std::clamp(Y(point.value), -1e4, 1e4)) + " r=\"2.6\"/>\n";
    }
    return svg;
  }

  // Name and last value of each curve, to the right end; a single curve needs no name.
  std::string Legend() const {
    std::string svg;
    double x = box_.x + box_.width - kPlotRight;
    const double y = box_.y + legend_y_;
    for (std::size_t i = curves_.size(); i-- > 0;) {
      const std::string value = ValueLabel(curves_[i].last);
      const double left = x - LegendWidth(curves_[i]);
      svg += LineAt("line " + Colour("c", i), left + 18, y - 4, left + 32, y - 4);
      const std::string name = curves_.size() > 1 ? Escaped(curves_[i].name) + " " : "";
      svg += "<text" + Attribute("x", left + 38) + Attribute("y", y) + ">" + name +
             "<tspan class=\"value\">" + value + "</tspan></text>\n";
      x = left;
    }
    return svg;
  }

  double LegendWidth(const Drawn& curve) const {
    const double value = kDigit * static_cast<double>(Characters(ValueLabel(curve.last)));
    const double name =
        curves_.size() > 1 ? kLetter * static_cast<double>(Characters(curve.name)) : 0;
    return 38 + name + value;
  }

  // Of UTF-8: bytes that do not go on with a character.
  static std::size_t Characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }

  std::string title_;
  std::size_t number_;
  Box box_, plot_{};
  double legend_y_ = kTitleY;  // below the top of the box
  Range steps_, values_;
  std::vector<Drawn> curves_;
};

// Where the panels stand: the first over the whole width, the others in pairs, and a last one that
// is alone over the whole width again.
std::vector<Box> Layout(std::size_t panels) {
  const double whole = kWidth - 2 * kMargin, half = (whole - kGap) / 2;
  std::vector<Box> boxes;
  double y = kHeader;
  for (std::size_t i = 0; i < panels; ++i) {
    const double height = i == 0 ? kFirstHeight : kOtherHeight;
    const bool right = i > 0 && i % 2 == 0;
    const bool wide = i == 0 || (!right && i + 1 == panels);
    boxes.push_back({right ? kMargin + half + kGap : kMargin, y, wide ? whole : half, height});
    if (wide || right) y += height + kGap;
  }
  return boxes;
}

}  // namespace

std::vector<CurvePanel> PanelsOf(std::span<const LogEntry> entries) {
  using Names = std::vector<std::pair<std::string_view, const char*>>;  // in the log, the legend
  static const std::vector<std::pair<const char*, Names>> kPanels = {
      {"Loss (nats a token)",
       {{"loss", "next token"},
        {"mtp_loss", "the one behind it"},
        {"held_out_loss", "next, held out"},
        {"held_out_mtp_loss", "behind it, held out"}}},
      {"Next tokens guessed right",
       {{"held_out_accuracy", "held out"}, {"held_out_mtp_accepted", "by mtp, of replies"}}},
      {"Solved problems",
       {{"pass_at_1", "pass@1"},
        {"pass_at_g", "pass@G"},
        {"held_out_pass_at_1", "pass@1, held out"}}},
      {"Reward", {{"reward", "all"}, {"format_reward", "format"}}},
      {"Tokens of a rollout", {{"length", "mean"}}},
      {"Cut rollouts", {{"truncated", "share"}}},
      {"Entropy (nats a token)", {{"entropy", "mean"}}},
      {"Training against engine: |Δ log p|", {{"mismatch", "mean"}}},
      {"Learning rate", {{"learning_rate", "rate"}}},
      {"Gradient norm", {{"gradient_norm", "norm"}}},
      {"Load of the busiest expert (1 = even)", {{"busiest_expert", "load"}}},
      {"Tokens per second", {{"tokens_per_second", "speed"}}},
  };
  std::vector<CurvePanel> panels;
  for (const auto& [title, names] : kPanels) {
    CurvePanel panel{title, {}};
    for (const auto& [name, label] : names) {
      std::vector<SeriesPoint> points = SeriesOf(entries, name);
      if (points.empty()) continue;
      panel.curves.push_back({label, std::move(points), name != "learning_rate"});
    }
    if (!panel.curves.empty()) panels.push_back(std::move(panel));
  }
  return panels;
}

std::string CurvesSvg(std::string_view title, std::string_view subtitle,
                      std::span<const CurvePanel> panels) {
  const std::vector<Box> boxes = Layout(panels.size());
  const double height = boxes.empty() ? kHeader : boxes.back().y + boxes.back().height + kMargin;
  const std::string size = Pixels(kWidth) + "\" height=\"" + Pixels(height);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size +
                    "\" viewBox=\"0 0 " + Pixels(kWidth) + " " + Pixels(height) +
                    "\" role=\"img\">\n<title>" + Escaped(title) + "</title>\n<desc>" +
                    Escaped(subtitle) + "</desc>\n";
  svg += kStyle;
  svg += BoxAt("page", {0, 0, kWidth, height}, 0);
  svg += TextAt(kMargin, 40, "title", Anchor::kStart, title);
  svg += TextAt(kMargin, 63, "sub", Anchor::kStart, subtitle);
  const Range steps = StepsOf(panels);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    svg += PanelPainter(panels[i], i, boxes[i], steps).Paint();
  }
  return svg + "</svg>\n";
}

}  // namespace fathom
