// Whether a model can be given tools, found by trying: its template must show a tool's definition,
// and the call that the template writes for an assistant must be one that is read out of replies.
#pragma once

#include "text/chat_template.h"

namespace fathom {

bool CanCallTools(const ChatTemplate& chat_template);

}  // namespace fathom
