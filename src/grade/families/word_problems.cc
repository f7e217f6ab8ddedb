// Word problems: one of the small worlds of its level, with names and numbers.
#include <string>
#include <vector>

#include "grade/families.h"
#include "grade/families/story.h"
#include "grade/words.h"

namespace fathom {

bool DrawWordProblem(Draft& draft) {
  Random& random = draft.random;
  const World& world = random.Pick(draft.level == 1   ? EasyWorlds()
                                   : draft.level == 2 ? MiddleWorlds()
                                                      : HardWorlds());
  Story story(random);
  const std::vector<std::string> names = random.Sample(Strings(Names()), 3);
  story.Word("n", names[0]);
  story.Word("m", names[1]);
  story.Word("k", names[2]);
  world.tell(story);
  if (!story.suits || story.answer <= 0) return false;
  if (!draft.Claim(std::string(world.name) + story.content)) return false;
  draft.Ask(world.phrasings, story.values);
  draft.Think("Let me go step by step.");
  draft.Think(story.thinking);
  const bool dollars = story.reply.find("${answer}") != std::string::npos;
  if (dollars) story.reply.erase(story.reply.find("${answer}"), 1);
  draft.Answer(AnswerKind::kNumber, (dollars ? "$" : "") + Text(story.answer), story.reply,
               story.values);
  return true;
}

}  // namespace fathom
