// Editing and history by libedit. On top of it: Ctrl-C as a key, Alt-Enter for a line end inside the text, and pasted text taken as
// one piece (the terminal marks where it begins and ends: "bracketed paste").
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
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int most_remembered = 1000;  // lines
const char* const paste_begins = "\033[200~";
const wchar_t* const paste_ends = L"\033[201~";

/// Characters are read in the user's encoding; where the environment names none, in UTF-8.
void choose_encoding() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  std::string history_file, prompt, dropped;
  EditLine* editor = nullptr;
  History* history = nullptr;
  bool interrupted = false;

  explicit State(std::string file) : history_file(std::move(file)) {
    choose_encoding();
    editor = el_init("ingot", stdin, stderr, stderr);
    history = history_init();
    if (!editor || !history) throw std::bad_alloc();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, most_remembered);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 1);  // size changes, Ctrl-Z; the terminal as it was after a fatal signal
    el_set(editor, EL_HIST, ::history, history);
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
    if (history) history_end(history);
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
  static unsigned char on_line_end(EditLine* editor, int) { return el_insertstr(editor, "\n") == 0 ? CC_REFRESH : CC_ERROR; }
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
  // between the marks \001 stands what takes no place; at the very end libedit would drop it, so the space comes last
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
  history(state_->history, &event, H_ENTER, line.c_str());
  if (state_->history_file.empty()) return "";
  try {
    std::error_code error;
    std::filesystem::path folder = std::filesystem::path(state_->history_file).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);  // where that fails, the next step says why
    // libedit asks for a file that has a mode: no stream in memory does
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
    if (!lines || history(state_->history, &event, H_SAVE_FP, lines.get()) < 0)
      throw Error("chat", "cannot write a temporary file", std::system_category().message(errno));
    std::rewind(lines.get());
    NewFile file(state_->history_file, Access::owner);
    char buffer[1 << 12];
    while (size_t n = std::fread(buffer, 1, sizeof buffer, lines.get())) file.write(std::string_view(buffer, n));
    file.commit();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace ingot::apps
