// How a Hugging Face configuration of `deepseek_v2` or `deepseek_v3` chooses experts.
#pragma once

#include "models/config_reader.h"
#include "models/layers/router.h"

namespace fathom::deepseek {

// The model type itself says how experts are scored; a key that says otherwise is refused. Throws
// the errors of ConfigReader. Whether the numbers fit together, ProblemOf(spec) says.
RouterSpec ParseHfRouter(const ConfigReader& reader);

}  // namespace fathom::deepseek
