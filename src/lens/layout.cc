#include "lens/layout.h"

#include "heed/core/error.h"

namespace heed::lens {
namespace {

constexpr int64_t kMargin = 24, kGap = 16, kTextScale = 2, kTitleScale = 3;
constexpr int64_t kAdvance = kFontAdvance * kTextScale, kLine = kFontHeight * kTextScale + 8;
constexpr int64_t kFigureWidth = 1400;  // what panels may fill together, before their least width
constexpr int64_t kSmallestPanel = 196, kLargestPanel = 280, kLegendHeight = 24;

/// The image with its longer side at `side`: whole pixels when it is enlarged, means when it is
/// shrunk.
Canvas fitted(const data::Image& image, int64_t side) {
  const int64_t longer = std::max(image.shape.height, image.shape.width);
  if (longer <= side) return Canvas(image).enlarged(side / longer);
  const auto fit = [&](int64_t size) { return std::max<int64_t>(1, size * side / longer); };
  return Canvas(data::resize(image, fit(image.shape.height), fit(image.shape.width)));
}

class Composer {
 public:
  explicit Composer(const Figure& figure) : figure_(figure) {
    size_t most = 1, longest = 0;
    for (const auto& strip : figure.strips) {
      most = std::max(most, strip.panels.size());
      for (const auto& panel : strip.panels) longest = std::max(longest, panel.title.size());
    }
    const int64_t room = kFigureWidth / static_cast<int64_t>(most);
    image_ = fitted(figure.image, std::clamp(room, kSmallestPanel, kLargestPanel));
    cell_ = std::max(image_.width(), kAdvance * static_cast<int64_t>(longest));
  }

  Layout compose() {
    text(kMargin, kTitleScale, figure_.title);
    y_ += kFontHeight * kTitleScale + kGap;
    header();
    for (const auto& strip : figure_.strips) add(strip);
    layout_.height = y_ + kMargin - kGap;
    layout_.width += kMargin;
    return std::move(layout_);
  }

 private:
  void text(int64_t x, int64_t scale, const std::string& words) {
    layout_.texts.push_back({x, y_, 10 * scale, words});
    layout_.width = std::max(layout_.width, x + pitch(10 * scale) * columns(words));
  }

  void image(int64_t x, Canvas canvas, const std::string& title) {
    layout_.width = std::max(layout_.width, x + canvas.width());
    layout_.images.push_back({x, y_, std::move(canvas), title});
  }

  void header() {
    image(kMargin, image_, "the image");
    const int64_t top = y_, x = kMargin + image_.width() + kGap;
    for (const auto& line : figure_.lines) {
      text(x, kTextScale, line);
      y_ += kLine;
    }
    y_ = std::max(y_, top + image_.height()) + 2 * kGap;
  }

  void add(const Strip& strip) {
    const Scale scale = strip.scale();
    const std::string low = number(scale.low), high = number(scale.high);
    int64_t x = kMargin;
    for (const auto& panel : strip.panels) {
      text(x, kTextScale, panel.title);
      x += cell_ + kGap;
    }
    y_ += kLine;
    x = kMargin;
    for (const auto& panel : strip.panels) {
      image(x, overlay(image_, panel.values, scale), panel.title + ", " + low + " to " + high);
      x += cell_ + kGap;
    }
    y_ += image_.height() + kGap / 2;
    add_legend(scale);
    y_ += kLegendHeight + 2 * kGap;
  }

  void add_legend(const Scale& scale) {
    const std::string low = number(scale.low), high = number(scale.high);
    const int64_t bar = kMargin + kAdvance * static_cast<int64_t>(low.size() + 1);
    const int64_t width = kSmallestPanel;
    image(bar, legend(width, kLegendHeight), "colours from " + low + " to " + high);
    y_ += (kLegendHeight - 7 * kTextScale) / 2;
    text(kMargin, kTextScale, low);
    const int64_t end = bar + width + kAdvance;
    text(end, kTextScale, high);
    text(end + kAdvance * static_cast<int64_t>(high.size() + 2), kTextScale, scale.note());
    y_ -= (kLegendHeight - 7 * kTextScale) / 2;
  }

  const Figure& figure_;
  Canvas image_{1, 1};
  int64_t cell_ = 0, y_ = kMargin;
  Layout layout_;
};

}  // namespace

Scale Strip::scale() const {
  std::vector<at::Tensor> values;
  for (const auto& panel : panels) values.push_back(panel.values);
  return Scale::of(values);
}

Layout lay_out(const Figure& figure) {
  if (figure.image.shape.values() < 1) throw UsageError("a figure needs an image");
  return Composer(figure).compose();
}

}  // namespace heed::lens
