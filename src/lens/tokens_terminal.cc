// Coloured tokens in a terminal.
#include <algorithm>
#include <cmath>

#include "lens/columns.h"
#include "lens/page.h"
#include "lens/terminal_cells.h"
#include "lens/token_rows.h"

namespace heed::lens {
namespace {

constexpr int64_t kLeastWidth = 12;
constexpr char kLeftOutShade = '/';

class TokensWriter {
 public:
  TokensWriter(const TokensFigure& figure, Terminal terminal)
      : figure_(figure), terminal_(terminal) {
    terminal_.width = std::max(terminal_.width, kLeastWidth);
  }

  std::string write() {
    paragraph(figure_.title);
    for (const auto& line : figure_.lines) paragraph(line);
    const auto scales = scales_of(figure_);
    for (size_t i = 0; i < figure_.rows.size(); ++i) write_row(figure_.rows[i], scales[i]);
    return std::move(text_);
  }

 private:
  bool plain() const { return terminal_.colours == Colours::plain; }

  void paragraph(const std::string& words) {
    for (const auto& line : wrapped(words, terminal_.width)) text_ += line + '\n';
  }

  void write_row(const TokensRow& row, const Scale& scale) {
    text_ += '\n';
    if (!row.label.empty()) paragraph(row.label);
    for (size_t i = 0; i < row.tokens.size(); ++i) {
      const auto& token = row.tokens[i];
      const bool ends = token.text.ends_with('\n');
      const auto word =
          cut(ends ? token.text.substr(0, token.text.size() - 1) : token.text, terminal_.width);
      const int64_t wide = columns(word), blank = token.begins_word && used_ > 0;
      if (used_ + blank + wide > terminal_.width) end_line();
      if (token.begins_word && used_ > 0) add(" ", " ", 1);
      add_token(word, row.values[i], scale);
      if (ends) end_line();
    }
    end_line();
    write_scale(row, scale);
  }

  void add_token(const std::string& word, double value, const Scale& scale) {
    const double part = part_of(scale, value);
    const int64_t wide = columns(word);
    if (plain()) {
      char mark = std::isnan(part) ? kLeftOutShade : shade(std::abs(part));
      if (scale.is_signed && mark == '-') mark = '~';  // '-' is what is below 0
      std::string below(static_cast<size_t>(wide), mark);
      if (part < 0 && wide > 0) below[0] = '-';
      return add(word, below, wide);
    }
    const Colour colour = std::isnan(part) ? kLeftOut : paper(part);
    add(escape(48, colour, terminal_.colours) + escape(38, kInk, terminal_.colours) + word +
            std::string(kReset),
        "", wide);
  }

  void add(const std::string& above, const std::string& below, int64_t wide) {
    above_ += above;
    below_ += below;
    used_ += wide;
  }

  void end_line() {
    if (used_ == 0) return;
    text_ += above_ + '\n';
    if (plain()) {
      while (below_.ends_with(' ')) below_.pop_back();
      text_ += below_ + '\n';
    }
    above_.clear(), below_.clear();
    used_ = 0;
  }

  void write_scale(const TokensRow& row, const Scale& scale) {
    const std::string mark = plain() ? "darkest" : scale.is_signed ? "orange" : "strongest";
    std::string words = mark + " is " + number(scale.high);
    if (scale.is_signed)
      words += plain() ? ", '-' marks what is below 0" : ", blue is " + number(scale.low);
    paragraph(joined({words, row.note}));
  }

  const TokensFigure& figure_;
  Terminal terminal_;
  std::string text_, above_, below_;
  int64_t used_ = 0;
};

}  // namespace

std::string to_text(const TokensFigure& figure, const Terminal& terminal) {
  const TokensFigure shown = shown_tokens(figure);
  return TokensWriter(shown, terminal).write();
}

}  // namespace heed::lens
