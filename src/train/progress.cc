#include "train/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace heed {
namespace {

constexpr double kSecondsBetweenDrawings = 0.1;
constexpr int kShortestBar = 6, kLongestBar = 30;
constexpr const char* kGreen = "\033[32m";
constexpr const char* kPlain = "\033[0m";
constexpr const char* kClearLine = "\r\033[K";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string format(const char* pattern, double number) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, number);
  return text;
}

/// 65 -> "1:05"; 3725 -> "1:02:05".
std::string clock_text(double seconds) {
  const auto s = static_cast<long long>(std::llround(seconds));
  char text[64];
  if (s < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld", s / 60, s % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  }
  return text;
}

double share(const ProgressState& state) {
  return state.steps > 0 ? std::clamp(double(state.step) / double(state.steps), 0.0, 1.0) : 0.0;
}

std::string bar(double share, int columns) {
  const int full = static_cast<int>(share * columns);
  std::string text(static_cast<size_t>(full), '=');
  if (full < columns) text += '>';
  text.resize(static_cast<size_t>(columns), ' ');
  return text;
}

}  // namespace

ProgressOptions progress_options(int descriptor) {
  const auto set = [](const char* name) { return std::getenv(name) && *std::getenv(name) != '\0'; };
  const bool dumb = !set("TERM") || std::string_view(std::getenv("TERM")) == "dumb";
  ProgressOptions options;
  options.terminal = ::isatty(descriptor) == 1 && !dumb;
  options.colour = options.terminal && !set("NO_COLOR");
  options.width = [descriptor] {
    winsize size = {};
    return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  };
  return options;
}

Progress::Progress(std::ostream& out, ProgressOptions options)
    : out_(out), options_(std::move(options)) {
  if (!options_.now) options_.now = steady_seconds;
}

void Progress::update(const ProgressState& state) {
  const double now = options_.now();
  if (first_step_ < 0) {  // the first update marks where this process begins
    first_step_ = state.step, start_ = drawn_ = now;
    if (!options_.terminal) drawn_ = now - options_.seconds_between_lines;
  }
  state_ = state, pending_ = true;
  const double wait = options_.terminal ? kSecondsBetweenDrawings : options_.seconds_between_lines;
  if (now - drawn_ >= wait) draw();
}

void Progress::say(const std::string& line) {
  if (bar_is_there_) out_ << kClearLine;
  out_ << line << '\n';
  if (bar_is_there_) draw();
  out_.flush();
}

void Progress::finish() {
  if (pending_) draw();
  if (bar_is_there_) out_ << '\n';
  out_.flush();
  bar_is_there_ = false;
}

void Progress::draw() {
  drawn_ = options_.now(), pending_ = false;
  if (!options_.terminal) {
    out_ << text() << '\n';
  } else {
    // The last column stays free: some terminals begin a new line after it.
    const int columns = options_.width() - 1;
    std::string line = text();
    const int room = std::min(columns - static_cast<int>(line.size()) - 3, kLongestBar);
    line.resize(std::min(line.size(), static_cast<size_t>(std::max(columns, 0))));
    out_ << kClearLine;
    if (room >= kShortestBar) {
      out_ << '[' << (options_.colour ? kGreen : "") << bar(share(state_), room)
           << (options_.colour ? kPlain : "") << "] ";
    }
    out_ << line;
    bar_is_there_ = true;
  }
  out_.flush();
}

std::string Progress::text() const {
  const double seconds = options_.now() - start_;
  std::string text = format("%3.0f %%", std::floor(100 * share(state_)));
  if (state_.epochs > 0) {
    text += "  epoch " + std::to_string(state_.epoch) + "/" + std::to_string(state_.epochs);
  }
  text += "  step " + std::to_string(state_.step) + "/" + std::to_string(state_.steps);
  for (const auto& [name, value] : state_.metrics) text += "  " + name + format(" %.4g", value);
  const auto done = static_cast<double>(state_.step - first_step_);
  if (done > 0 && seconds > 0) {
    text += format("  %.4g/s", state_.examples / seconds);
    text += "  " + clock_text(seconds * static_cast<double>(state_.steps - state_.step) / done) +
            " left";
  }
  return text;
}

}  // namespace heed
