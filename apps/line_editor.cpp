// Editing and history by libedit. On top of it: Ctrl-C as a key, Alt-Enter for a line end inside the text, and pasted
// text taken as one piece (the terminal marks where it begins and ends: "bracketed paste").
#include "line_editor.h"

#include <histedit.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/files.h"
#include "ingot/error.h"
#include "locked_file.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int max_lines = 1000;  // remembered
const char* const paste_begins = "\033[200~";
const wchar_t* const paste_ends = L"\033[201~";

/// Characters are read in the user's encoding; where the environment names none, in UTF-8.
void choose_encoding() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::unique_ptr<History, void (*)(History*)> new_history() {
  std::unique_ptr<History, void (*)(History*)> made(history_init(), history_end);
  if (!made) throw std::bad_alloc();
  HistEvent event;
  history(made.get(), &event, H_SETSIZE, max_lines);
  history(made.get(), &event, H_SETUNIQUE, 1);
  return made;
}

/// Adds `line` to the file. Other chats may have added lines since this one began, so the file is re-read under a lock;
/// the arrow keys of this chat recall what it loaded, and its own lines. Errors: Error.
void remember_in(const std::string& file, const std::string& line) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);  // where that fails, the next step says why
  LockedFile locked("chat", file, LockedFile::If::busy_wait);
  auto lines = new_history();
  HistEvent event;
  if (locked.holds_text() && history(lines.get(), &event, H_LOAD, file.c_str()) < 0)
    throw Error("chat", file + " is not a history of lines", "another file", "one that ingot chat wrote",
                "name another one (--history), or remove it");
  history(lines.get(), &event, H_ENTER, line.c_str());
  // libedit asks for a file that has a mode: a stream in memory has none
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> written(std::tmpfile(), std::fclose);
  if (!written || history(lines.get(), &event, H_SAVE_FP, written.get()) < 0)
    throw Error("chat", "cannot write a temporary file", std::system_category().message(errno));
  std::rewind(written.get());
  NewFile replacement(file, Access::owner);
  char buffer[1 << 12];
  while (size_t n = std::fread(buffer, 1, sizeof buffer, written.get())) replacement.write(std::string_view(buffer, n));
  locked.keep();
  replacement.commit();
}

}  // namespace

struct LineEditor::State {
  std::string history_file, prompt, dropped;
  EditLine* editor = nullptr;
  std::unique_ptr<History, void (*)(History*)> history = new_history();
  bool interrupted = false;

  explicit State(std::string file) : history_file(std::move(file)) {
    choose_encoding();
    editor = el_init("ingot", stdin, stderr, stderr);
    if (!editor) throw std::bad_alloc();
    HistEvent event;
    if (!history_file.empty()) ::history(history.get(), &event, H_LOAD, history_file.c_str());
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 1);  // size changes, Ctrl-Z; the terminal as it was after a fatal signal
    el_set(editor, EL_HIST, ::history, history.get());
    el_set(editor, EL_PROMPT_ESC, &State::prompt_of, '\001');
    el_set(editor, EL_ADDFN, "interrupt", "End the line without it", &State::on_interrupt);
    el_set(editor, EL_ADDFN, "line-end", "A line end inside the text", &State::on_line_end);
    el_set(editor, EL_ADDFN, "paste", "Take pasted text as one piece", &State::on_paste);
    el_set(editor, EL_ADDFN, "suspend", "Leave the program for the shell", &State::on_suspend);
    el_set(editor, EL_SETTY, "-d", "-isig", nullptr);  // Ctrl-C and Ctrl-Z are keys, not signals
    el_set(editor, EL_BIND, "^C", "interrupt", nullptr);
    el_set(editor, EL_BIND, "^Z", "suspend", nullptr);
    el_set(editor, EL_BIND, "\033\r", "line-end", nullptr);
    el_set(editor, EL_BIND, "\033\n", "line-end", nullptr);
    el_set(editor, EL_BIND, paste_begins, "paste", nullptr);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }
  ~State() {
    if (editor) el_end(editor);
  }

  static State& of(EditLine* editor) {
    void* state = nullptr;
    el_get(editor, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }
  static char* prompt_of(EditLine* editor) { return of(editor).prompt.data(); }
  static unsigned char on_interrupt(EditLine* editor, int) {
    const LineInfo* line = el_line(editor);
    of(editor).dropped.assign(line->buffer, line->lastchar);
    of(editor).interrupted = true;
    return CC_EOF;
  }
  static unsigned char on_suspend(EditLine*, int) {
    kill(getpid(), SIGTSTP);
    return CC_REDISPLAY;
  }
  static unsigned char on_line_end(EditLine* editor, int) {
    return el_insertstr(editor, "\n") == 0 ? CC_REFRESH : CC_ERROR;
  }
  static unsigned char on_paste(EditLine* editor, int) {
    std::wstring text;
    for (wchar_t c; !text.ends_with(paste_ends);) {
      if (el_wgetc(editor, &c) <= 0) return CC_EOF;
      text += c == L'\r' ? L'\n' : c;
    }
    text.resize(text.size() - std::wcslen(paste_ends));
    return text.empty() || el_winsertstr(editor, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
};

LineEditor::LineEditor(std::string history_file) : state_(std::make_unique<State>(std::move(history_file))) {}
LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::read(const std::string& prompt) {
  const char* const paste_on = "\033[?2004h";
  const char* const paste_off = "\033[?2004l";
  const char* term = std::getenv("TERM");
  bool marks_pastes = is_terminal(Stream::notes) && term && std::string(term) != "dumb";
  const bool color = takes_color(Stream::notes);
  // text between \001 marks takes no space; libedit would drop it at the very end, so the space comes last
  state_->prompt = color ? "\001\033[1m\001" + prompt + "\001\033[0m\001 " : prompt + " ";
  state_->interrupted = false;
  el_set(state_->editor, EL_PREP_TERM, 1);  // before the prompt is seen, so that no key comes too early
  if (marks_pastes) control_terminal(paste_on);
  int n = 0;
  const char* line = el_gets(state_->editor, &n);
  std::string text = line && n > 0 ? std::string(line, n) : "";
  if (marks_pastes) control_terminal(paste_off);
  if (state_->interrupted) {
    control_terminal("^C\n");
    el_reset(state_->editor);
    return {End::interrupt, state_->dropped};
  }
  if (text.empty()) return {End::input, ""};
  if (text.ends_with('\n')) text.pop_back();
  return {End::line, text};
}

std::string LineEditor::remember(const std::string& line) {
  HistEvent event;
  history(state_->history.get(), &event, H_ENTER, line.c_str());
  if (state_->history_file.empty()) return "";
  try {
    remember_in(state_->history_file, line);
    return "";
  } catch (const Error& e) { return e.what(); }
}

}  // namespace ingot::apps
