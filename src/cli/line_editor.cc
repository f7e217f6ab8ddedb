// Owns: libedit's state. Reads the terminal itself, character by character, so
// that an interrupt ends the wait at once. Not for: input that is no terminal.
#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cwchar>

#include "base/check.h"
#include "cli/history_file.h"

namespace fathom::cli {

struct LineEditor::Impl {
  Impl(const std::filesystem::path& history_path, InterruptScope& scope)
      : file(history_path), interrupts(scope) {
    edit = ::el_init("fathom", stdin, stdout, stderr);
    CHECK(edit != nullptr);
    ::el_set(edit, EL_CLIENTDATA, this);
    ::el_set(edit, EL_PROMPT, &Impl::Prompt);
    ::el_set(edit, EL_EDITOR, "emacs");
    ::el_set(edit, EL_SIGNAL, 0);
    ::el_set(edit, EL_GETCFN, &Impl::GetCharacter);
    ::el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    ::el_set(edit, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
    ::el_set(edit, EL_HIST, ::history, history);
    file.Load(history);
  }

  ~Impl() {
    ::history_end(history);
    ::el_end(edit);
  }

  static char* Prompt(EditLine* edit) {
    Impl* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }

  // One character of the terminal's encoding: 1, or 0 at the end of input, or -1 after an
  // interrupt.
  static int GetCharacter(EditLine* edit, wchar_t* character) {
    Impl* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    std::mbstate_t state = {};
    while (true) {
      if (self->interrupts.pending()) return -1;
      pollfd waiting{STDIN_FILENO, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, 200);  // a signal just before it is seen soon after
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      if (ready < 0) return -1;
      char byte = 0;
      const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return static_cast<int>(count);
      const std::size_t used = std::mbrtowc(character, &byte, 1, &state);
      if (used == static_cast<std::size_t>(-2)) continue;  // more bytes belong to it
      if (used == static_cast<std::size_t>(-1)) {
        state = {};  // a broken sequence is dropped
        continue;
      }
      return 1;
    }
  }

  HistoryFile file;
  InterruptScope& interrupts;
  std::string prompt;
  EditLine* edit = nullptr;
  History* history = HistoryFile::New();
};

LineEditor::LineEditor(const std::filesystem::path& history, InterruptScope& interrupts)
    : impl_(std::make_unique<Impl>(history, interrupts)) {}
LineEditor::~LineEditor() = default;

LineEditor::Outcome LineEditor::Read(const std::string& prompt, std::string& line) {
  impl_->prompt = prompt;
  int count = 0;
  const char* text = ::el_gets(impl_->edit, &count);
  if (impl_->interrupts.Take()) {
    ::el_reset(impl_->edit);
    return Outcome::kInterrupted;
  }
  if (text == nullptr || count <= 0) return Outcome::kEnd;
  line = text;
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return Outcome::kLine;
}

void LineEditor::Remember(const std::string& line) {
  HistEvent event;
  ::history(impl_->history, &event, H_ENTER, line.c_str());
  impl_->file.Add(line);
}

}  // namespace fathom::cli
