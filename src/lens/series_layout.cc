// Values along time, laid out.
#include <algorithm>
#include <cmath>

#include "heed/lens/series_figure.h"
#include "lens/page.h"
#include "lens/series_rows.h"

namespace heed::lens {
namespace {

constexpr double kTimeLeft = 96, kTimeWide = 1000, kCurveHigh = 140, kStripHigh = 18;
constexpr int64_t kSpectrogramHigh = 160, kTimeBar = 196, kTimeBarHigh = 16;
constexpr Colour kTick{150, 150, 156};

/// A round distance of ticks: 1, 2 or 5 times a power of 10, at most 10 of them.
double tick_of(double length) {
  const double power = std::pow(10, std::floor(std::log10(length / 10)));
  for (const double times : {1, 2, 5})
    if (times * power * 10 >= length) return times * power;
  return 10 * power;
}

class SeriesComposer {
 public:
  explicit SeriesComposer(const SeriesFigure& figure)
      : figure_(figure), time_(time_of(figure)), page_(std::make_unique<Page>(figure.title)) {}

  Drawing compose() {
    y_ = add_heading(*page_, figure_.lines, kTimeLeft + kTimeWide);
    for (const auto& row : figure_.rows) add(row);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  double x_of(double time) const {
    return kTimeLeft + kTimeWide * (time - time_.begin) / (time_.end - time_.begin);
  }

  void add(const SeriesRow& row) {
    const Scale scale = scale_of(row);
    if (!row.label.empty())
      y_ = page_->add_paragraph(kPageMargin, y_, kTextSize, row.label, kTimeLeft + kTimeWide) + 2;
    const bool sound = row.spectrogram.defined();
    const double high = row.curve.empty() ? kStripHigh : kCurveHigh;
    add_stretches(row, scale, sound ? kStripHigh : high);
    if (sound) add_spectrogram(row);
    if (!row.curve.empty()) add_curve(row);
    y_ += sound ? kStripHigh + double(kSpectrogramHigh) : high;
    add_axis();
    const std::string note = scale.is_signed ? scale.note() : "white is 0";
    if (row.values.empty()) {
      y_ += kGap;
      return;
    }
    y_ = add_legend(*page_, y_, scale, paper_legend(scale, kTimeBar, kTimeBarHigh),
                    joined({note, strongest_note(row), row.note}), kTimeLeft + kTimeWide) +
         kGap;
  }

  static std::string strongest_note(const SeriesRow& row) {
    return std::ssize(row.values) > kMostStretches
               ? "of the " + std::to_string(row.values.size()) +
                     " values the strongest under each pixel is drawn"
               : "";
  }

  void add_stretches(const SeriesRow& row, const Scale& scale, double high) {
    for (const auto& stretch : stretches_of(row, time_)) {
      const Colour colour = std::isnan(stretch.value)
                                ? kLeftOut
                                : paper(scale.high > 0 ? stretch.value / scale.high : 0);
      const double left = x_of(stretch.begin), right = x_of(stretch.end);
      page_->add_box(left, y_, right - left, high, colour,
                     number(stretch.begin) + " to " + number(stretch.end) + " " + figure_.unit +
                         ": " + (std::isnan(stretch.value) ? "left out" : number(stretch.value)));
    }
  }

  void add_curve(const SeriesRow& row) {
    const auto [least, most] = range_of(row.curve);
    const double low = least, size = most > least ? most - least : 1;
    const double pad = 6, bottom = y_ + kCurveHigh - pad;
    const auto y_of = [&](double v) { return bottom - (kCurveHigh - 2 * pad) * (v - low) / size; };
    for (const auto& run : runs_of(row, time_)) {
      std::vector<Point> points;
      for (const auto& [time, value] : run) points.push_back({x_of(time), y_of(value)});
      if (points.size() == 1) points.push_back({points[0].x + 1, points[0].y});
      page_->add_line(std::move(points), 1.2, kInk);
    }
    page_->add_text(kTimeLeft - 6, y_of(most) + below_middle(kSmallSize), kSmallSize, number(most),
                    Align::right);
    page_->add_text(kTimeLeft - 6, y_of(least) + below_middle(kSmallSize), kSmallSize,
                    number(least), Align::right);
  }

  /// Dark where there is much, the lowest bin below.
  void add_spectrogram(const SeriesRow& row) {
    const double left = std::round(x_of(row.begin)), right = std::round(x_of(row.end));
    const auto width = std::max<int64_t>(1, static_cast<int64_t>(right - left));
    const auto values = spread(row.spectrogram.flip({0}), kSpectrogramHigh, width);
    const auto value = values.accessor<double, 2>();
    const double least = values.min().item<double>(), most = values.max().item<double>();
    Canvas grey(width, kSpectrogramHigh);
    for (int64_t y = 0; y < kSpectrogramHigh; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double part = most > least ? (value[y][x] - least) / (most - least) : 0;
        const auto level =
            static_cast<uint8_t>(std::lround(255 - 225 * std::clamp(part, 0.0, 1.0)));
        grey.at(x, y) = {level, level, level};
      }
    }
    page_->add_image(left, y_ + kStripHigh, std::move(grey), row.label + ", the spectrogram");
  }

  void add_axis() {
    page_->add_line({{kTimeLeft, y_ + 0.5}, {kTimeLeft + kTimeWide, y_ + 0.5}}, 1, kTick);
    const double length = time_.end - time_.begin, step = tick_of(length);
    const auto first = static_cast<int64_t>(std::ceil(time_.begin / step - 1e-9));
    for (int64_t i = first; double(i) * step <= time_.end + 1e-9 * length; ++i) {
      const double x = x_of(double(i) * step);
      page_->add_line({{x, y_}, {x, y_ + 5}}, 1, kTick);
      page_->add_text(x, y_ + 5 + ascent(kSmallSize), kSmallSize,
                      number(double(i) * step) + (i == first ? " " + figure_.unit : ""),
                      Align::centre);
    }
    y_ += 5 + leading(kSmallSize) + 6;
  }

  const SeriesFigure& figure_;
  const TimeRange time_;
  std::unique_ptr<Page> page_;
  double y_ = 0;
};

}  // namespace

Drawing draw(const SeriesFigure& figure) {
  check(figure);
  return SeriesComposer(figure).compose();
}

}  // namespace heed::lens
