// One long text: read, held out, cut into windows.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "heed/data/window_loader.h"

namespace heed {

/// A text in memory and what it is called.
struct PlainText {
  std::string text, name;
  int64_t characters() const;
};

PlainText read_plain_text(const std::filesystem::path& file);

/// The text in two, the second with the last `share` of its characters.
std::pair<PlainText, PlainText> split_text(const PlainText& whole, double share);

/// The lines of a text, for tokenizers. It must outlive them.
data::Lines lines_of(const PlainText& text);

/// Windows for models that remember: the text is cut into as many long pieces as there are rows,
/// and a batch goes on where the last one ended.
class RowWindows {
 public:
  /// Throws DataError for a text of fewer tokens than rows.
  RowWindows(data::TokenStream stream, int64_t rows, int64_t length);
  int64_t batches() const;
  /// tokens (rows, up to length + 1) and starts (rows), as data::WindowLoader gives them.
  data::WindowBatch window(int64_t batch) const;

 private:
  data::TokenStream stream_;
  int64_t rows_, length_, row_;  ///< row_: predicted tokens of a row
};

}  // namespace heed
