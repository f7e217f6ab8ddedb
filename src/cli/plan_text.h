// What a plan looks like: a page of 80 columns for people, one object for programs.
#pragma once

#include <string>

#include "base/json.h"
#include "placement/plan.h"

namespace fathom::cli {

std::string PlanText(const PlacementPlan& plan);
Json PlanJson(const PlacementPlan& plan);

}  // namespace fathom::cli
