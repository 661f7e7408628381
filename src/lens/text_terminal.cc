// Figures of texts in a terminal.
#include <algorithm>

#include "heed/lens/text_figure.h"
#include "lens/columns.h"
#include "lens/terminal_cells.h"
#include "lens/text_strip.h"

namespace heed::lens {
namespace {

constexpr int64_t kBetween = 2, kNarrowestTerminal = 12;
constexpr int64_t kShortLabel = 8;  // what a label of a row keeps when there is little room
constexpr int64_t kLongestInTerminal = 24;
constexpr int64_t kHighestLabel = 16;  // lines of labels of columns
constexpr char kOutShade = '/';        // of columns that are left out

std::string spaces(int64_t count) { return std::string(std::max<int64_t>(0, count), ' '); }

std::string padded(const std::string& text, int64_t width) {
  return text + spaces(width - columns(text));
}

/// A label of a column, a cluster a line.
std::vector<std::string> upright(const std::string& label) {
  auto lines = clusters(label);
  if (std::ssize(lines) <= kHighestLabel) return lines;
  lines.resize(kHighestLabel - 1);
  lines.emplace_back("\u2026");
  return lines;
}

/// How the panels of a strip stand in a terminal.
struct Plan {
  int64_t left;    ///< columns of the labels of rows
  int64_t page;    ///< weights of a row that a page shows
  int64_t slot;    ///< columns of a panel and its title
  int64_t across;  ///< panels side by side

  Plan(const TextStrip& strip, int64_t width) {
    int64_t longest = 1, title = 1;
    for (const auto& label : strip.rows) longest = std::max(longest, columns(label));
    longest = std::min(longest, kLongestInTerminal);
    for (const auto& panel : strip.panels) title = std::max(title, columns(panel.title));
    const int64_t keys = std::ssize(strip.columns), least = std::min(longest, kShortLabel);
    left = std::clamp(width - 1 - 2 * keys, least, longest);
    page = std::min(keys, (width - 1 - left) / 2);
    if (page < keys) {
      // Labels of a fifth of the line, where pages are needed at all.
      left = std::clamp(width / 5, least, longest);
      page = (width - 1 - left) / 2;
    }
    const int64_t room = width - 1 - left;
    slot = std::min(room, std::max(2 * page, title));
    across = page < keys ? 1 : std::max<int64_t>(1, (room + kBetween) / (slot + kBetween));
  }
};

class TextWriter {
 public:
  TextWriter(TextFigure figure, Terminal terminal)
      : figure_(std::move(figure)), terminal_(terminal) {
    terminal_.width = std::max(terminal_.width, kNarrowestTerminal);
  }

  std::string write() {
    paragraph(figure_.title);
    text_ += '\n';
    for (const auto& line : figure_.lines) paragraph(line);
    if (!figure_.lines.empty()) text_ += '\n';
    for (const auto& strip : figure_.strips) write_strip(strip);
    return std::move(text_);
  }

 private:
  struct Part {
    size_t first, last;  ///< panels
    int64_t begin, end;  ///< columns
    bool page;           ///< not all columns
  };

  bool plain() const { return terminal_.colours == Colours::plain; }

  void paragraph(const std::string& words) {
    for (const auto& line : wrapped(words, terminal_.width)) text_ += line + '\n';
  }

  void write_strip(const TextStrip& strip) {
    const Plan plan(strip, terminal_.width);
    const Scale scale = scale_of(strip);
    const int64_t keys = std::ssize(strip.columns);
    const auto across = static_cast<size_t>(plan.across);
    for (size_t first = 0; first < strip.panels.size(); first += across) {
      const size_t last = std::min(strip.panels.size(), first + across);
      for (int64_t begin = 0; begin < keys; begin += plan.page) {
        const int64_t end = std::min(keys, begin + plan.page);
        write_part(strip, plan, scale, {first, last, begin, end, plan.page < keys});
      }
    }
    text_ += legend_lines(scale, terminal_);
    paragraph(scale.note() + (strip.note.empty() ? "" : "; " + strip.note));
    text_ += '\n';
  }

  void write_part(const TextStrip& strip, const Plan& plan, const Scale& scale, const Part& part) {
    titles(strip, plan, part);
    column_labels(strip, plan, part);
    std::vector<at::TensorAccessor<double, 2>> values;
    std::vector<at::Tensor> kept;
    for (size_t i = part.first; i < part.last; ++i) {
      kept.push_back(strip.panels[i].values.to(at::kCPU, at::kDouble));
      values.push_back(kept.back().accessor<double, 2>());
    }
    for (int64_t row = 0; row < std::ssize(strip.rows); ++row) {
      const auto label = cut(strip.rows[row], plan.left);
      text_ += spaces(plan.left - columns(label)) + label + ' ';
      for (size_t i = 0; i < values.size(); ++i) {
        for (int64_t j = part.begin; j < part.end; ++j) cell(strip, scale, values[i][row][j], j);
        if (!plain()) text_ += kReset;
        if (i + 1 < values.size())
          text_ += spaces(plan.slot + kBetween - 2 * (part.end - part.begin));
      }
      text_ += '\n';
    }
    text_ += '\n';
  }

  void titles(const TextStrip& strip, const Plan& plan, const Part& part) {
    text_ += spaces(plan.left + 1);
    for (size_t i = part.first; i < part.last; ++i) {
      const auto title = cut(strip.panels[i].title, plan.slot);
      text_ += i + 1 < part.last ? padded(title, plan.slot + kBetween) : title;
    }
    text_ += '\n';
    if (!part.page) return;
    paragraph("columns " + std::to_string(part.begin + 1) + " to " + std::to_string(part.end) +
              " of " + std::to_string(strip.columns.size()));
  }

  /// Above each panel, ending at its first row.
  void column_labels(const TextStrip& strip, const Plan& plan, const Part& part) {
    std::vector<std::vector<std::string>> labels;
    int64_t height = 0;
    for (int64_t j = part.begin; j < part.end; ++j) {
      labels.push_back(upright(strip.columns[j]));
      height = std::max<int64_t>(height, std::ssize(labels.back()));
    }
    for (int64_t line = 0; line < height; ++line) {
      std::string one;
      for (const auto& label : labels) {
        const int64_t i = line - (height - std::ssize(label));
        one += padded(i < 0 ? "" : label[i], 2);
      }
      text_ += spaces(plan.left + 1);
      for (size_t i = part.first; i < part.last; ++i) {
        text_ += i + 1 < part.last ? padded(one, plan.slot + kBetween) : one;
      }
      while (text_.back() == ' ') text_.pop_back();
      text_ += '\n';
    }
  }

  void cell(const TextStrip& strip, const Scale& scale, double value, int64_t column) {
    const bool out = is_excluded(strip, column);
    if (plain()) {
      text_.append(2, out ? kOutShade : shade(scale(value)));
    } else {
      text_ += escape(48, out ? kLeftOut : scale.colour(value), terminal_.colours) + "  ";
    }
  }

  const TextFigure figure_;
  Terminal terminal_;
  std::string text_;
};

}  // namespace

std::string to_text(const TextFigure& figure, const Terminal& terminal) {
  return TextWriter(labelled(figure), terminal).write();
}

}  // namespace heed::lens
