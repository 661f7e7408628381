#include "data/vocabulary.h"

#include "data/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

const std::string kMagic = "heed-vocabulary 1 ";

std::string escaped(const std::string& piece) {
  std::string out;
  for (const char c : piece) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\')
      out += "\\\\";
    else
      out += c;
  }
  return out;
}

/// The piece of a line, or DataError.
std::string unescaped(std::string_view line, const std::string& place) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out += line[i];
    } else if (++i < line.size() && (line[i] == 'n' || line[i] == '\\')) {
      out += line[i] == 'n' ? '\n' : '\\';
    } else {
      throw DataError(place + ": expected \\n or \\\\ after a backslash");
    }
  }
  if (out.empty()) throw DataError(place + ": expected a piece, given an empty line");
  return out;
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

/// Adds a piece, or throws where it is there already.
class Pieces {
 public:
  explicit Pieces(const std::string& name) : name_(name) {}
  void add(std::string piece, int64_t line) {
    const auto [found, fresh] = lines_.try_emplace(piece, line);
    if (!fresh) {
      throw DataError(place(line) + ": the piece '" + piece + "' stands in line " +
                      std::to_string(found->second) + " already");
    }
    pieces_.push_back(std::move(piece));
  }
  std::string place(int64_t line) const { return name_ + ":" + std::to_string(line); }
  std::vector<std::string> take() { return std::move(pieces_); }

 private:
  const std::string& name_;
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, int64_t> lines_;
};

/// Texts are pieces with white space between them; the vocabulary is somebody else's.
class ImportedTokenizer : public Tokenizer {
 public:
  ImportedTokenizer(Vocabulary vocabulary, std::string bytes, std::string name)
      : vocabulary_(std::move(vocabulary)), bytes_(std::move(bytes)), name_(std::move(name)) {
    padding_ = vocabulary_.find("<pad>");
    if (padding_ < 0) padding_ = vocabulary_.find("<blank>");
    unknown_ = vocabulary_.find("<unk>");
    begin_ = vocabulary_.find("<s>");
    end_ = vocabulary_.find("</s>");
  }
  int64_t size() const override { return vocabulary_.size(); }
  int64_t padding() const override { return padding_; }
  int64_t unknown() const override { return unknown_; }
  int64_t begin() const override { return begin_; }
  int64_t end() const override { return end_; }

  std::vector<int64_t> encode(std::string_view text) const override {
    return encode_with_offsets(text).ids;
  }

  EncodedText encode_with_offsets(std::string_view text) const override {
    check_utf8(text, "encode");
    EncodedText result;
    for (const auto word : split_at_space(text)) {
      const int64_t found = vocabulary_.find(word);
      const bool special = found == padding_ || found == begin_ || found == end_;
      result.ids.push_back(found < 0 || special ? unknown_ : found);
      result.offsets.push_back(range_in(text, word));
      if (result.ids.back() < 0) {
        throw DataError("'" + std::string(word) + "' is not in " + name_ +
                        ", which has no <unk> for what it does not know");
      }
    }
    return result;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      check_id(id, size());
      if (id == padding_ || id == begin_ || id == end_) continue;
      if (!text.empty()) text += ' ';
      text += id == unknown_ ? kUnknownText : vocabulary_.piece(id);
    }
    return text;
  }

  std::string piece(int64_t id) const override { return vocabulary_.piece(id); }
  int64_t id(std::string_view piece) const override {
    const int64_t found = vocabulary_.find(piece);
    return found < 0 ? unknown_ : found;
  }
  std::string file() const override { return bytes_; }

 private:
  Vocabulary vocabulary_;
  std::string bytes_, name_;
  int64_t padding_, unknown_, begin_, end_;
};

}  // namespace

void check_id(int64_t id, int64_t size) {
  if (id < 0 || id >= size) {
    throw UsageError("tokenizer: expected the number of a piece, 0 .. " + std::to_string(size - 1) +
                     ", given " + std::to_string(id));
  }
}

Vocabulary::Vocabulary(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
  ids_.reserve(pieces_.size());
  for (const auto& piece : pieces_) ids_.emplace(piece, static_cast<int64_t>(ids_.size()));
}

const std::string& Vocabulary::piece(int64_t id) const {
  check_id(id, size());
  return pieces_[static_cast<size_t>(id)];
}

int64_t Vocabulary::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? -1 : found->second;
}

std::string Vocabulary::file(const std::string& kind) const {
  std::string out = kMagic + kind + '\n';
  for (const auto& piece : pieces_) out += escaped(piece) + '\n';
  return out;
}

Vocabulary Vocabulary::parse(const std::string& bytes, const std::string& kind,
                             const std::string& name) {
  check_utf8(bytes, name);
  std::string_view rest = bytes;
  const std::string_view first = take_line(rest);
  if (first != kMagic + kind) {
    throw DataError(name + ":1: expected '" + kMagic + kind + "', given '" +
                    std::string(first.substr(0, 80)) + "'; is it a tokenizer of another kind?");
  }
  Pieces pieces(name);
  int64_t line = 1;
  while (!rest.empty()) {
    ++line;
    std::string piece = unescaped(take_line(rest), pieces.place(line));
    const int64_t id = line - 2;
    if (id < kSpecials && piece != kSpecialPieces[id]) {
      throw DataError(pieces.place(line) + ": expected " + kSpecialPieces[id] + ", given '" +
                      piece + "'");
    }
    pieces.add(std::move(piece), line);
  }
  if (line < 1 + kSpecials) {
    throw DataError(name + ": expected the pieces <pad>, <unk>, <s> and </s> first, given " +
                    std::to_string(line - 1) + " pieces");
  }
  return Vocabulary(pieces.take());
}

TokenizerPtr vocabulary_tokenizer(const std::string& bytes, const std::string& name) {
  check_utf8(bytes, name);
  std::string_view rest = bytes;
  Pieces pieces(name);
  for (int64_t line = 1; !rest.empty(); ++line) {
    std::string_view piece = take_line(rest);
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    if (piece.empty()) {
      throw DataError(pieces.place(line) + ": expected a piece, given an empty line");
    }
    pieces.add(std::string(piece), line);
  }
  auto found = pieces.take();
  if (found.empty()) throw DataError(name + ": the vocabulary is empty; expected a piece a line");
  return std::make_shared<ImportedTokenizer>(Vocabulary(std::move(found)), bytes, name);
}

}  // namespace heed::data
