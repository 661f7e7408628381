#include "heed/lens/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "lens/columns.h"
#include "lens/terminal_cells.h"

namespace heed::lens {
namespace {

constexpr int64_t kFewestColumns = 16, kMostColumns = 28, kColumnGap = 2, kLegendColumns = 24;

using Lines = std::vector<std::string>;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Colours colours_of_stdout() {
  if (!isatty(STDOUT_FILENO) || !environment("NO_COLOR").empty()) return Colours::plain;
  const std::string many = environment("COLORTERM"), term = environment("TERM");
  if (many == "truecolor" || many == "24bit") return Colours::c24bit;
  return term.find("256color") != std::string::npos ? Colours::c256 : Colours::plain;
}

Lines coloured(const Canvas& canvas, Colours colours) {
  Lines lines;
  for (int64_t y = 0; y < canvas.height(); y += 2) {
    std::string line;
    for (int64_t x = 0; x < canvas.width(); ++x) {
      line += escape(38, canvas.at(x, y), colours);
      if (y + 1 < canvas.height()) line += escape(48, canvas.at(x, y + 1), colours);
      line += "\u2580";
    }
    lines.push_back(line + "\x1b[0m");
  }
  return lines;
}

/// A matrix of numbers in `scale`, a pixel each; a character is the mean of two pixels.
Lines shaded(const at::Tensor& pixels, const Scale& scale) {
  const auto at = pixels.accessor<double, 2>();
  Lines lines;
  for (int64_t y = 0; y < pixels.size(0); y += 2) {
    const int64_t below = std::min(y + 1, pixels.size(0) - 1);
    std::string line;
    for (int64_t x = 0; x < pixels.size(1); ++x) {
      line += shade((scale(at[y][x]) + scale(at[below][x])) / 2);
    }
    lines.push_back(line);
  }
  return lines;
}

/// Draws the parts of a figure at one size of panel.
class Writer {
 public:
  Writer(const Figure& figure, const Terminal& terminal) : figure_(figure), terminal_(terminal) {
    size_t longest = kFewestColumns;
    for (const auto& strip : figure.strips) {
      for (const auto& panel : strip.panels) longest = std::max(longest, panel.title.size());
    }
    const int64_t least = static_cast<int64_t>(longest);
    across_ = std::max<int64_t>(1, (terminal.width + kColumnGap) / (least + kColumnGap));
    cell_ = std::max(least,
                     std::min(kMostColumns, (terminal.width + kColumnGap) / across_ - kColumnGap));
    const auto& shape = figure.image.shape;
    if (shape.width >= 4 * shape.height)  // frames of a clip, side by side
      across_ = 1, cell_ = std::max(least, terminal.width);
    width_ = std::max<int64_t>(1, std::min(cell_, cell_ * shape.width / shape.height));
    height_ = std::max<int64_t>(1, std::min(cell_, cell_ * shape.height / shape.width));
    small_ = data::resize(figure.image, height_, width_);
  }

  std::string write() {
    text_ = figure_.title + "\n\n";
    write_header();
    for (const auto& strip : figure_.strips) write_strip(strip);
    return std::move(text_);
  }

 private:
  bool plain() const { return terminal_.colours == Colours::plain; }

  Lines image() const {
    if (!plain()) return coloured(Canvas(small_), terminal_.colours);
    const auto grey = data::with_channels(small_, 1);
    const auto bytes = at::tensor(at::ArrayRef<uint8_t>(grey.values), at::kDouble);
    return shaded(bytes.view({height_, width_}), {0, 255});
  }

  Lines panel(const Panel& panel, const Scale& scale) const {
    if (plain()) return shaded(spread(panel.values, height_, width_), scale);
    return coloured(overlay(Canvas(small_), panel.values, scale), terminal_.colours);
  }

  /// Blocks of lines side by side; every block but its last is as wide as a cell.
  void beside(const std::vector<Lines>& blocks, const std::vector<int64_t>& widths) {
    size_t height = 0;
    for (const auto& block : blocks) height = std::max(height, block.size());
    for (size_t line = 0; line < height; ++line) {
      for (size_t i = 0; i < blocks.size(); ++i) {
        const bool there = line < blocks[i].size();
        if (there) text_ += blocks[i][line];
        if (i + 1 < blocks.size()) text_.append(cell_ + kColumnGap - (there ? widths[i] : 0), ' ');
      }
      text_ += '\n';
    }
  }

  void write_header() {
    beside({image(), figure_.lines}, {width_, 0});
    text_ += '\n';
  }

  void write_strip(const Strip& strip) {
    const Scale scale = strip.scale();
    for (size_t begin = 0; begin < strip.panels.size(); begin += across_) {
      const size_t end = std::min(strip.panels.size(), begin + across_);
      std::vector<Lines> blocks;
      std::string titles;
      for (size_t i = begin; i < end; ++i) {
        const auto& panel = strip.panels[i];
        titles += panel.title;
        if (i + 1 < end) titles.append(cell_ + kColumnGap - panel.title.size(), ' ');
        blocks.push_back(this->panel(panel, scale));
      }
      text_ += titles + '\n';
      beside(blocks, std::vector<int64_t>(blocks.size(), width_));
    }
    write_legend(scale, strip.note);
  }

  void write_legend(const Scale& scale, const std::string& note) {
    const auto ramp = at::linspace(0, 1, kLegendColumns, at::kDouble).unsqueeze(0);
    const std::string bar = plain() ? shaded(ramp, {0, 1})[0]
                                    : coloured(overlay_legend(kLegendColumns, 2, scale.is_signed),
                                               terminal_.colours)[0];
    text_ += number(scale.low) + " " + bar + " " + number(scale.high) + "\n" + scale.note() + "\n";
    if (!note.empty())
      for (const auto& line : wrapped(note, terminal_.width)) text_ += line + "\n";
    text_ += "\n";
  }

  const Figure& figure_;
  const Terminal terminal_;
  int64_t across_ = 1, cell_ = 1, width_ = 1, height_ = 1;
  data::Image small_;
  std::string text_;
};

}  // namespace

Terminal terminal_of_stdout() {
  Terminal terminal{colours_of_stdout(), 80};
  winsize size{};
  const int64_t columns = std::atoll(environment("COLUMNS").c_str());
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  } else if (columns > 0) {
    terminal.width = columns;
  }
  return terminal;
}

Colours colours_from_text(std::string_view text) {
  if (text == "24bit") return Colours::c24bit;
  if (text == "256") return Colours::c256;
  if (text == "plain") return Colours::plain;
  throw UsageError("unknown colours '" + std::string(text) + "'" +
                   suggestion(text, {"auto", "24bit", "256", "plain"}));
}

std::string to_text(const Figure& figure, const Terminal& terminal) {
  if (figure.image.shape.values() < 1) throw UsageError("a figure needs an image");
  return Writer(figure, terminal).write();
}

}  // namespace heed::lens
