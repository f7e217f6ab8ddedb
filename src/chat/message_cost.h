// What a message costs at least, whatever is in it: found by showing a template conversations and
// counting. Only so that a conversation that cannot fit is refused before it is rendered; what it
// really costs is for the tokenizer to say.
#pragma once

#include <cstddef>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace fathom {

// Whether each message of a role brings at least one special token, which the template writes and
// which therefore joins no other. Templates leave system messages out or put them together, and
// put the results of tools together: those never count.
struct MessageCost {
  bool user = false;
  bool assistant = false;

  // Tokens of the conversation beside those of what its messages say.
  std::size_t Least(const std::vector<ChatMessage>& messages) const;
};

// False of both where the template refuses to be asked. `with_tools`: conversations may have tools,
// and the template may then be another.
MessageCost MessageCostOf(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                          bool with_tools);

}  // namespace fathom
