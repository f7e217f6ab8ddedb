// The curves of a run as one picture: an SVG file without scripts that needs nothing beside it,
// light or dark as the reader's system is. Owns what is drawn where. Not for: keeping the numbers
// (training_log.h), curves in the terminal (sparkline.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/training_log.h"

namespace fathom {

struct Curve {
  std::string name;
  std::vector<SeriesPoint> points;
  bool noisy = true;  // false: its points are the curve, however many they are
};

// Curves of one scale.
struct CurvePanel {
  std::string title;
  std::vector<Curve> curves;  // at most 4 have a colour of their own
};

// The panels of the numbers that a log has, under these names:
//
//   loss, mtp_loss                    mean -log p of the next token, and of the one behind it
//   held_out_loss, held_out_mtp_loss  the same of text that is not trained on
//   held_out_accuracy                 share of next tokens of such text that are the likeliest
//   held_out_mtp_accepted             share of the model's own tokens that the layer behind it
//                                     foresees one token earlier (mtp_acceptance.h)
//   reward, format_reward             means over rollouts
//   pass_at_1, pass_at_g, held_out_pass_at_1
//   learning_rate, busiest_expert (StepReport), gradient_norm, tokens_per_second
//   length, truncated                 mean tokens of a rollout; share of those that were cut
//   entropy, mismatch                 of a token; |log p in training - log p in the engine|
//
// Numbers of other names are not drawn, and a panel without a number is left out.
std::vector<CurvePanel> PanelsOf(std::span<const LogEntry> entries);

// The picture. All panels have the same steps from left to right. A curve of many points is drawn
// twice: its points, thinned and pale, and a smooth line over them (curve_points.h). Values that
// are no numbers leave a gap. Texts may hold anything.
std::string CurvesSvg(std::string_view title, std::string_view subtitle,
                      std::span<const CurvePanel> panels);

}  // namespace fathom
