// Links between tokens, laid out.
#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "heed/lens/lines_figure.h"
#include "lens/columns.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr double kLinesHigh = 12000, kLargestPitch = 22, kLinkRoom = 260;
constexpr int64_t kLongestName = 24;

double size_of(const FigureLink& link) { return std::abs(link.weight); }

void check_lines(const LinesFigure& figure) {
  if (figure.source.empty() || figure.target.empty())
    throw UsageError("a figure of lines needs tokens of a source and of a target");
  const auto inside = [](int64_t i, const std::vector<std::string>& tokens) {
    return i >= 0 && i < std::ssize(tokens);
  };
  for (const auto& link : figure.links) {
    if (inside(link.source, figure.source) && inside(link.target, figure.target)) continue;
    throw UsageError("link " + std::to_string(link.source) + "-" + std::to_string(link.target) +
                     " is of tokens that there are not: " + std::to_string(figure.source.size()) +
                     " of the source and " + std::to_string(figure.target.size()) +
                     " of the target");
  }
}

/// The links that are drawn, the weakest first, and a note about the others.
std::vector<FigureLink> strongest_links(const LinesFigure& figure, std::string& note) {
  std::vector<FigureLink> links;
  double all = 0;
  for (const auto& link : figure.links) {
    const auto& out = figure.excluded;
    const bool excluded = std::find(out.begin(), out.end(), link.source) != out.end();
    if (excluded || !std::isfinite(link.weight) || link.weight == 0) continue;
    links.push_back(link);
    all += size_of(link);
  }
  const auto weaker = [](const FigureLink& a, const FigureLink& b) {
    return size_of(a) < size_of(b);
  };
  std::stable_sort(links.begin(), links.end(), weaker);
  const auto most = std::max<int64_t>(1, figure.most_links), count = std::ssize(links);
  if (count > most) {
    double rest = 0;
    for (int64_t i = 0; i < count - most; ++i) rest += size_of(links[i]);
    links.erase(links.begin(), links.begin() + (count - most));
    note = "the " + std::to_string(most) + " strongest of " + std::to_string(count) +
           " links; those left out hold " + number(100 * rest / all) + " % of the weight";
  }
  return links;
}

class LinesComposer {
 public:
  explicit LinesComposer(const LinesFigure& figure)
      : figure_(figure), page_(std::make_unique<Page>(figure.title)) {
    const auto count = std::max(figure.source.size(), figure.target.size());
    pitch_ = std::min(kLargestPitch, kLinesHigh / double(count));
    size_ = pitch_ >= 1.2 * kTextSize ? kTextSize : kSmallSize;
    step_ = static_cast<size_t>(std::max(1.0, std::ceil(1.2 * size_ / pitch_)));
    left_ = std::ceil(kPageMargin + room_of(figure.source) + 8);
    right_ = left_ + kLinkRoom;
    width_ = std::max(right_ + 8 + room_of(figure.target) - kPageMargin, 560.0);
  }

  Drawing compose() {
    std::string left_out;
    const auto links = strongest_links(figure_, left_out);
    const double most = links.empty() ? 0 : size_of(links.back());
    top_ = add_heading(*page_, figure_.lines, width_) + pitch_ / 2;
    for (const auto& link : links) add_link(link, most);
    add_labels(figure_.source, true);
    add_labels(figure_.target, false);
    const auto count = std::max(figure_.source.size(), figure_.target.size());
    const double below = top_ + pitch_ * double(count) + kGap;
    std::string words = "the strongest link is " + number(most);
    if (figure_.is_signed) words += "; orange is above 0, blue below";
    if (step_ > 1) words += "; one of " + std::to_string(step_) + " tokens has a label";
    page_->add_paragraph(kPageMargin, below, kTextSize, joined({words, left_out, figure_.note}),
                         width_);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  double room_of(const std::vector<std::string>& labels) {
    double room = 0;
    for (size_t i = 0; i < labels.size(); i += step_)
      room = std::max(room, page_->type->width(name_of(labels[i]), size_));
    return room;
  }
  static std::string name_of(const std::string& label) {
    return drawable(cut(visible(label), kLongestName));
  }
  double middle(int64_t token) const { return top_ + pitch_ * double(token); }

  void add_link(const FigureLink& link, double most) {
    const double part = size_of(link) / most;
    PagePath path{.points = {{left_, middle(link.source)}, {right_, middle(link.target)}},
                  .curved = true};
    path.thickness = std::min(0.4 + 4 * part, std::max(1.0, pitch_ / 2));
    path.colour = diverging(link.weight < 0 ? -1 : 1);
    path.opacity = 0.02 + 0.95 * part;
    path.hint = drawable(visible(figure_.source[link.source]) + " \u2192 " +
                         visible(figure_.target[link.target]) + ": " + number(link.weight));
    path.source = link.source;
    path.target = link.target;
    page_->items.emplace_back(std::move(path));
  }

  void add_labels(const std::vector<std::string>& labels, bool of_source) {
    for (size_t i = 0; i < labels.size(); i += step_) {
      const auto at = static_cast<int64_t>(i);
      const bool out = of_source && std::find(figure_.excluded.begin(), figure_.excluded.end(),
                                              at) != figure_.excluded.end();
      const auto name = name_of(labels[i]);
      const double wide = page_->type->width(name, size_), high = 1.2 * size_;
      const double x = of_source ? left_ - 6 - wide : right_ + 6;
      auto& box = page_->add_box(x - 1, middle(at) - high / 2, wide + 2, high,
                                 out ? kLeftOut : kWhite, out ? name + ": left out" : name);
      (of_source ? box.source : box.target) = at;
      page_->add_text(of_source ? x + wide : x, middle(at) + below_middle(size_), size_, name,
                      of_source ? Align::right : Align::left);
    }
  }

  const LinesFigure& figure_;
  std::unique_ptr<Page> page_;
  double pitch_ = 0, size_ = 0, left_ = 0, right_ = 0, width_ = 0, top_ = 0;
  size_t step_ = 1;
};

}  // namespace

Drawing draw(const LinesFigure& figure) {
  check_lines(figure);
  return LinesComposer(figure).compose();
}

}  // namespace heed::lens
