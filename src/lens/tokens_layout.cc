// Coloured tokens, laid out in lines like a text.
#include <algorithm>
#include <cmath>

#include "lens/page.h"
#include "lens/token_rows.h"

namespace heed::lens {
namespace {

constexpr double kRowGap = 28, kTokenLine = 1.75, kTokenBox = 1.4;  // of the size of letters
constexpr int64_t kTokenBar = 196, kTokenBarHigh = 16;

/// The more tokens, the smaller their letters and the longer their lines.
struct TokenMeasures {
  double size, width;

  explicit TokenMeasures(size_t tokens) {
    size = tokens <= 600     ? 18
           : tokens <= 3000  ? 14
           : tokens <= 12000 ? 11
           : tokens <= 70000 ? 8
                             : 6;
    width = tokens <= 600     ? 900
            : tokens <= 3000  ? 1100
            : tokens <= 12000 ? 1500
            : tokens <= 70000 ? 2000
                              : 3000;
  }
};

struct TokenLine {
  size_t first;  ///< token
  std::string text;
  std::vector<std::pair<size_t, size_t>> parts;  ///< bytes of each token
};

constexpr std::string_view kBlankToken = "\u2423";  // a token that is a space

class LineBreaker {
 public:
  LineBreaker(Type& type, const TokensRow& row, const TokenMeasures& of)
      : type_(type), tokens_(row.tokens), of_(of) {
    for (const auto& token : tokens_) {
      if (token.begins_word && !text_.empty()) text_ += ' ';
      begins_.push_back(text_.size());
      text_ += drawable(word_of(token));
    }
    may_ = line_breaks(text_);
    space_ = type.width("n n", of.size) - type.width("nn", of.size);
  }

  bool runs_left() const { return mostly_left(text_); }

  std::vector<TokenLine> lines() {
    for (size_t first = 0, last; first < tokens_.size(); first = last) {
      last = first + 1;
      while (last < tokens_.size() && !may_begin(last)) ++last;
      if (width(first, last) <= of_.width) {
        place(first, last);
      } else {
        for (size_t i = first; i < last; ++i) place(i, i + 1);
      }
    }
    return std::move(lines_);
  }

 private:
  static std::string word_of(const FigureToken& token) {
    return token.text.ends_with('\n') ? token.text.substr(0, token.text.size() - 1) : token.text;
  }
  bool ends_line(size_t token) const { return tokens_[token].text.ends_with('\n'); }
  bool may_begin(size_t token) const {
    return tokens_[token].begins_word || may_[begins_[token]] || ends_line(token - 1) ||
           tokens_[token - 1].text == kBlankToken;
  }
  std::string words(size_t first, size_t last) const {
    const size_t end =
        last < tokens_.size() ? begins_[last] - tokens_[last].begins_word : text_.size();
    return text_.substr(begins_[first], end - begins_[first]);
  }
  double width(size_t first, size_t last) const {
    return type_.width(words(first, last), of_.size);
  }

  void place(size_t first, size_t last) {
    std::string added = words(first, last);
    double wide = width(first, last);
    if (wide > of_.width) {  // one token
      added = type_.cut(added, of_.size, of_.width);
      wide = type_.width(added, of_.size);
    }
    const double space = tokens_[first].begins_word ? space_ : 0;
    const bool fits = !lines_.empty() && used_ + space + wide <= of_.width && !ends_line(first - 1);
    if (!fits) {
      lines_.push_back({first, {}, {}});
      used_ = 0;
    }
    auto& line = lines_.back();
    if (!line.text.empty() && tokens_[first].begins_word) line.text += ' ', used_ += space;
    const size_t at = line.text.size();
    for (size_t i = first; i < last; ++i) {
      const size_t end = i + 1 < last ? begins_[i + 1] - begins_[first] : added.size();
      line.parts.emplace_back(at + begins_[i] - begins_[first], at + end);
    }
    line.text += added;
    used_ += wide;
  }

  Type& type_;
  const std::vector<FigureToken>& tokens_;
  const TokenMeasures& of_;
  std::string text_;
  std::vector<size_t> begins_;
  std::vector<bool> may_;
  std::vector<TokenLine> lines_;
  double space_ = 0, used_ = 0;
};

class TokensComposer {
 public:
  explicit TokensComposer(const TokensFigure& figure)
      : figure_(figure), of_(count(figure)), page_(std::make_unique<Page>(figure.title)) {}

  Drawing compose() {
    y_ = add_heading(*page_, figure_.lines, of_.width);
    const auto scales = scales_of(figure_);
    for (size_t i = 0; i < figure_.rows.size(); ++i) add(figure_.rows[i], scales[i]);
    page_->width = std::max(page_->width, kPageMargin + of_.width);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  static size_t count(const TokensFigure& figure) {
    size_t tokens = 0;
    for (const auto& row : figure.rows) tokens += row.tokens.size();
    return tokens;
  }

  void add(const TokensRow& row, const Scale& scale) {
    if (!row.label.empty())
      y_ = page_->add_paragraph(kPageMargin, y_, kTextSize, row.label, of_.width) + 4;
    LineBreaker breaker(*page_->type, row, of_);
    const auto direction =
        breaker.runs_left() ? Direction::right_to_left : Direction::left_to_right;
    for (const auto& line : breaker.lines()) add_line(row, line, direction, scale);
    std::string note = scale.is_signed ? scale.note() : "white is 0";
    const bool any_out = std::any_of(row.values.begin(), row.values.end(),
                                     [](double value) { return std::isnan(value); });
    if (any_out) note += "; grey is left out of the scale";
    y_ = add_legend(*page_, y_ + 8, scale, paper_legend(scale, kTokenBar, kTokenBarHigh),
                    joined({note, row.note}), of_.width) +
         kRowGap;
  }

  void add_line(const TokensRow& row, const TokenLine& line, Direction direction,
                const Scale& scale) {
    Type& type = *page_->type;
    const double wide = type.width(line.text, of_.size);
    const double x = kPageMargin + (direction == Direction::right_to_left ? of_.width - wide : 0);
    const auto spans = type.spans(line.text, of_.size, direction, line.parts);
    for (size_t i = 0; i < spans.size(); ++i) {
      const size_t token = line.first + i;
      const double value = row.values[token];
      const Colour colour = std::isnan(value) ? kLeftOut : paper(part_of(scale, value));
      for (const auto& span : spans[i]) {
        const double inset = span.right - span.left > 3 ? 0.5 : 0;
        page_->add_box(x + span.left + inset, y_, span.right - span.left - 2 * inset,
                       kTokenBox * of_.size, colour, hint_of_token(row, token));
      }
    }
    const double base = y_ + kTokenBox * of_.size / 2 + below_middle(of_.size);
    auto& text = page_->add_text(x, base, of_.size, line.text);
    text.direction = direction;
    text.parts = words_of(row, line, direction, x);
    y_ += kTokenLine * of_.size;
  }

  /// The words of a line with their places; tokens where a word stands in two.
  std::vector<TextPart> words_of(const TokensRow& row, const TokenLine& line, Direction direction,
                                 double x) {
    std::vector<std::pair<size_t, size_t>> words;
    for (size_t i = 0; i < line.parts.size(); ++i) {
      if (i > 0 && !row.tokens[line.first + i].begins_word)
        words.back().second = line.parts[i].second;
      else
        words.push_back(line.parts[i]);
    }
    std::vector<TextPart> parts;
    const auto spans = page_->type->spans(line.text, of_.size, direction, words);
    for (size_t i = 0; i < words.size(); ++i) {
      if (spans[i].empty()) continue;
      const double left = spans[i].front().left, right = spans[i].back().right;
      const auto [begin, end] = words[i];
      parts.push_back({line.text.substr(begin, end - begin), x + left, right - left});
    }
    return parts;
  }

  const TokensFigure& figure_;
  const TokenMeasures of_;
  std::unique_ptr<Page> page_;
  double y_ = 0;
};

}  // namespace

Drawing draw(const TokensFigure& figure) {
  const TokensFigure shown = shown_tokens(figure);
  return TokensComposer(shown).compose();
}

}  // namespace heed::lens
