#include "tasks/inputs/plain_text.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed {
namespace {

bool begins_character(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; }

}  // namespace

int64_t PlainText::characters() const {
  return std::count_if(text.begin(), text.end(), begins_character);
}

PlainText read_plain_text(const std::filesystem::path& file) {
  PlainText whole{"", file.string()};
  data::LineReader reader(file);
  for (std::string line; reader.next(line);) whole.text += line + '\n';
  return whole;
}

std::pair<PlainText, PlainText> split_text(const PlainText& whole, double share) {
  const int64_t characters = whole.characters();
  auto left = static_cast<int64_t>(static_cast<double>(characters) * (1 - share));
  size_t at = 0;
  for (; at < whole.text.size(); ++at) {
    if (begins_character(whole.text[at]) && left-- == 0) break;
  }
  return {{whole.text.substr(0, at), whole.name + " (what is not held out)"},
          {whole.text.substr(at), whole.name + " (held out)"}};
}

data::Lines lines_of(const PlainText& text) {
  return [&text, at = size_t{0}](std::string& line) mutable {
    if (at >= text.text.size()) return false;
    const size_t end = std::min(text.text.find('\n', at), text.text.size());
    line = text.text.substr(at, end - at);
    at = end + 1;
    return true;
  };
}

RowWindows::RowWindows(data::TokenStream stream, int64_t rows, int64_t length)
    : stream_(std::move(stream)),
      rows_(rows),
      length_(length),
      row_((static_cast<int64_t>(stream_->size()) - 1) / rows) {
  if (row_ < 1) {
    throw DataError("the text has " + std::to_string(stream_->size()) + " tokens, too few for " +
                    std::to_string(rows) + " rows of a batch; lower train.batch");
  }
}

int64_t RowWindows::batches() const { return (row_ + length_ - 1) / length_; }

data::WindowBatch RowWindows::window(int64_t batch) const {
  const int64_t first = batch * length_, tokens = std::min(length_, row_ - first) + 1;
  data::WindowBatch window{at::empty({rows_, tokens}, at::kLong), at::empty({rows_}, at::kLong)};
  auto* out = window.tokens.data_ptr<int64_t>();
  for (int64_t row = 0; row < rows_; ++row) {
    const int64_t start = row * row_ + first;
    const auto* from = stream_->data() + start;
    out = std::copy(from, from + tokens, out);
    window.starts[row] = start;
  }
  return window;
}

}  // namespace heed
