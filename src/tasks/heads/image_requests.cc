#include "tasks/heads/image_requests.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "tasks/input_lines.h"

namespace heed {
namespace {

constexpr int64_t kMostAsked = 1000000;  // images of one request

/// A whole number; nothing where the text is none.
std::optional<int64_t> whole(const std::string& text) {
  int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return {};
  return number;
}

int64_t checked_count(int64_t count, const std::string& text) {
  if (count >= 1 && count <= kMostAsked) return count;
  throw UsageError(text_of(text, ": expected 1 to ", kMostAsked, " images"));
}

std::string what_is_asked(const Classes* classes) {
  if (!classes) return "expected a number of images to be drawn";
  std::string names;
  for (int64_t i = 0; i < std::min<int64_t>(classes->size(), 10); ++i)
    names.append(i ? ", " : "").append(classes->name(i));
  return "expected a class of the model (" + names + (classes->size() > 10 ? ", ..." : "") +
         "), or NAME:N for N images of it";
}

class ImageRequests : public Stream {
 public:
  ImageRequests(std::vector<std::string> inputs, std::shared_ptr<const Classes> classes)
      : inputs_(std::move(inputs)), classes_(std::move(classes)) {}

  SplitPtr next(int64_t most) override {
    std::vector<std::string> names;
    while (std::ssize(names) < most && (left_.count > 0 || read(!names.empty()))) {
      const auto some = std::min(left_.count, most - std::ssize(names));
      names.insert(names.end(), static_cast<size_t>(some), left_.name);
      left_.count -= some;
    }
    if (names.empty()) return nullptr;
    before_ += std::ssize(names);
    const int64_t before = before_ - std::ssize(names);
    return std::make_shared<AskedImages>(std::move(names), before);
  }

 private:
  /// The next request; false at the end, and with `may_stop` where standard input would keep us waiting.
  bool read(bool may_stop) {
    std::string text;
    while (lines_ || next_ < inputs_.size()) {
      if (!lines_) {
        text = inputs_[next_++];
        if (text != "-") return left_ = *image_request(text, classes_.get()), true;
        lines_.emplace(std::vector{text});
      }
      if (may_stop && lines_->would_wait()) return false;
      if (lines_->next(text)) return take(text), true;
      lines_.reset();
    }
    return false;
  }

  void take(const std::string& line) {
    const auto found = image_request(line, classes_.get());
    if (!found)
      throw DataError(
          text_of(lines_->place(), ": ", what_is_asked(classes_.get()), ", given '", line, "'"));
    left_ = *found;
  }

  std::vector<std::string> inputs_;
  std::shared_ptr<const Classes> classes_;
  std::optional<InputLines> lines_;
  size_t next_ = 0;
  int64_t before_ = 0;
  ImageRequest left_{"", 0};
};

}  // namespace

std::string AskedImages::value(int64_t example, const std::string& column, const Draw&) const {
  throw DataError(place(example) + ": an image that is to be drawn has no column '" + column + "'");
}

std::optional<ImageRequest> image_request(const std::string& text, const Classes* classes) {
  if (!classes) {
    const auto count = whole(text);
    if (!count) return {};
    return ImageRequest{"", checked_count(*count, text)};
  }
  if (classes->number(text) >= 0) return ImageRequest{text, 1};
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || classes->number(text.substr(0, colon)) < 0) return {};
  const auto count = whole(text.substr(colon + 1));
  if (!count) return {};
  return ImageRequest{text.substr(0, colon), checked_count(*count, text)};
}

std::unique_ptr<Stream> image_requests(const std::vector<std::string>& inputs,
                                       std::shared_ptr<const Classes> classes) {
  const auto asks = [&](const std::string& input) {
    return input == "-" || image_request(input, classes.get());
  };
  if (std::all_of(inputs.begin(), inputs.end(), asks))
    return std::make_unique<ImageRequests>(inputs, std::move(classes));
  for (const auto& input : inputs) {
    if (asks(input))
      throw UsageError(input + ": images to be drawn and images that are given are answered apart");
    const auto set = numbered(input).first;  // of "PREFIX:INDEX" the prefix
    if (kind_of(input) == PathKind::absent && kind_of(set) == PathKind::absent &&
        kind_of(set + "-images-idx3-ubyte") == PathKind::absent &&
        kind_of(set + "-images-idx3-ubyte.gz") == PathKind::absent)
      throw UsageError(text_of(input, ": there is no such image; ", what_is_asked(classes.get())));
  }
  return nullptr;
}

}  // namespace heed
