// The tokenizer beside the weights of a Hugging Face model directory.
#pragma once

#include <optional>

#include "formats/model_file.h"
#include "text/tokenizer.h"

namespace fathom {

// From tokenizer.json; what else there is comes from
//   tokenizer_config.json   bos_token, eos_token, pad_token, add_bos_token, chat_template
//   chat_template.jinja     instead of that chat_template
//   generation_config.json  eos_token_id, all of whose ids end a reply
//   config.json             bos_token_id and eos_token_id, where the others are silent
// Nothing where the directory has no tokenizer.json. Throws Error that names the file and what is
// wrong with it.
std::optional<TokenizerSpec> HfTokenizerSpecOf(const ModelFile& file);

}  // namespace fathom
