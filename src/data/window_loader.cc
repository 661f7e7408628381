#include "heed/data/window_loader.h"

#include <torch/torch.h>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::data {
namespace {

constexpr uint64_t kOffsetKey = 0x6f6666736574;  // its own stream of the seed
constexpr size_t kLinesAtOnce = 4096;            // lines that are read, then encoded
constexpr int64_t kLinesOfTask = 64;             // lines of a thread's task

/// The number of the line feed, or -1 where the tokenizer has no piece for it alone.
int64_t line_feed_of(const Tokenizer& tokenizer) {
  const auto ids = tokenizer.encode("\n");
  const bool alone = ids.size() == 1 && ids[0] != tokenizer.unknown();
  return alone && tokenizer.decode(ids) == "\n" ? ids[0] : -1;
}

/// The lines' tokens, each with its end, behind what is in `stream`.
void append(const std::vector<std::string>& lines, const Tokenizer& tokenizer, int64_t line_feed,
            std::vector<int32_t>& stream) {
  std::vector<std::vector<int64_t>> ids(lines.size());
  const auto count = static_cast<int64_t>(lines.size());
  parallel_for((count + kLinesOfTask - 1) / kLinesOfTask, [&](int64_t task) {
    const auto end = std::min(lines.size(), static_cast<size_t>((task + 1) * kLinesOfTask));
    for (auto i = static_cast<size_t>(task * kLinesOfTask); i < end; ++i)
      ids[i] = tokenizer.encode(lines[i]);
  });
  for (const auto& line : ids) {
    for (const int64_t id : line) stream.push_back(static_cast<int32_t>(id));
    if (line_feed >= 0)
      stream.push_back(static_cast<int32_t>(line_feed));
    else if (!line.empty())
      stream.push_back(static_cast<int32_t>(tokenizer.end()));
  }
}

}  // namespace

TokenStream read_tokens(const Lines& lines, const Tokenizer& tokenizer) {
  const int64_t line_feed = line_feed_of(tokenizer);
  if (line_feed < 0 && tokenizer.end() < 0)
    throw UsageError(
        "read_tokens: the vocabulary has neither a line feed nor </s> to end lines by");
  auto stream = std::make_shared<std::vector<int32_t>>();
  std::vector<std::string> chunk;
  std::string line;
  bool more = true;
  while (more) {
    chunk.clear();
    while (chunk.size() < kLinesAtOnce && (more = lines(line))) chunk.push_back(line);
    append(chunk, tokenizer, line_feed, *stream);
  }
  if (stream->empty()) throw DataError("read_tokens: the text has no token");
  return stream;
}

WindowLoader::WindowLoader(TokenStream stream, const WindowOptions& options)
    : stream_(std::move(stream)), options_(options) {
  const auto at_least_one = [](const char* name, int64_t value) {
    if (value < 1)
      throw UsageError(std::string("window loader: ") + name + ": expected at least 1, given " +
                       std::to_string(value));
  };
  at_least_one("length", options_.length);
  at_least_one("batch", options_.batch);
  const int64_t least = options_.shuffle ? options_.length + 1 : 2;
  const auto size = static_cast<int64_t>(stream_->size());
  if (size < least) {
    throw DataError("window loader: a text of " + std::to_string(size) +
                    " tokens; expected at least " + std::to_string(least) +
                    (options_.shuffle ? ", one more than the length of a window" : ""));
  }
}

int64_t WindowLoader::whole_windows() const {
  const int64_t fit = (static_cast<int64_t>(stream_->size()) - 1) / options_.length;
  return options_.shuffle ? std::max<int64_t>(1, fit - 1) : fit;
}

int64_t WindowLoader::rest() const {
  return options_.shuffle ? 0 : (static_cast<int64_t>(stream_->size()) - 1) % options_.length;
}

int64_t WindowLoader::batches() const {
  return (whole_windows() + options_.batch - 1) / options_.batch + (rest() > 0 ? 1 : 0);
}

int64_t WindowLoader::tokens() const { return whole_windows() * options_.length + rest(); }

void WindowLoader::seek(const Cursor& cursor) {
  if (cursor.epoch < 0 || cursor.epoch > UINT32_MAX || cursor.position < 0 ||
      cursor.position > batches()) {
    throw UsageError("window loader: no batch " + std::to_string(cursor.position) + " of epoch " +
                     std::to_string(cursor.epoch) + "; expected a position in 0 .. " +
                     std::to_string(batches()) + " (does the cursor belong to other data?)");
  }
  cursor_ = cursor;
}

void WindowLoader::draw() {
  if (!options_.shuffle || drawn_ == cursor_.epoch) return;
  const auto epoch = static_cast<uint32_t>(cursor_.epoch);
  const int64_t spare =
      static_cast<int64_t>(stream_->size()) - 1 - whole_windows() * options_.length;
  Random random(options_.seed ^ kOffsetKey, epoch);
  offset_ = random.below(static_cast<uint32_t>(std::min(spare + 1, options_.length)));
  order_ = permutation(whole_windows(), Random(options_.seed ^ kOrderKey, epoch));
  drawn_ = cursor_.epoch;
}

std::optional<WindowBatch> WindowLoader::next() {
  if (cursor_.position == batches()) {
    cursor_ = {cursor_.epoch + 1, 0};
    return std::nullopt;
  }
  draw();
  const int64_t first = cursor_.position * options_.batch;
  const bool shorter = first >= whole_windows();
  const int64_t count = shorter ? 1 : std::min(options_.batch, whole_windows() - first);
  const int64_t width = (shorter ? rest() : options_.length) + 1;
  WindowBatch batch{torch::empty({count, width}, torch::kLong),
                    torch::empty({count}, torch::kLong)};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t window = shorter          ? whole_windows()
                           : order_.empty() ? first + i
                                            : order_[static_cast<size_t>(first + i)];
    const int64_t start = offset_ + window * options_.length;
    batch.starts.data_ptr<int64_t>()[i] = start;
    std::copy_n(stream_->begin() + start, width, batch.tokens.data_ptr<int64_t>() + i * width);
  }
  ++cursor_.position;
  return batch;
}

}  // namespace heed::data
