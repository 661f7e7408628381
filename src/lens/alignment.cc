#include "heed/lens/alignment.h"

#include <algorithm>
#include <set>

#include "heed/core/error.h"
#include "lens/columns.h"

namespace heed::lens {
namespace {

constexpr std::string_view kMark = "\u2581", kGoesOn = "@@";

bool is_space(const std::string& piece) {
  return piece.find_first_not_of(" \t\n\r\f\v") == std::string::npos || piece == "\u3000" ||
         piece == "\u00a0" || piece == kMark;
}

class Joiner {
 public:
  explicit Joiner(Joining how) : how_(how) {}

  void add(const std::string& piece) {
    std::string text = decoded_byte(piece);
    bool begins = !goes_on_, ends = how_ == Joining::pieces;
    if (how_ == Joining::spaces && is_space(text)) return leave_out();
    if (how_ == Joining::marks) {
      ends = false;
      if (text.starts_with(kMark)) begins = true, text.erase(0, kMark.size());
      const bool more = text.size() > kGoesOn.size() && text.ends_with(kGoesOn);
      if (more) text.resize(text.size() - kGoesOn.size());
      ends = at_signs_ && !more;
    }
    if (begins) words_.words.emplace_back();
    words_.of.push_back(std::ssize(words_.words) - 1);
    words_.words.back() += text;
    goes_on_ = !ends;
  }

  /// A piece of no word, after which another begins.
  void leave_out() {
    words_.of.push_back(-1);
    goes_on_ = false;
  }

  /// Whether the pieces are marked where they go on, rather than where they begin.
  void at_signs(bool given) { at_signs_ = given; }

  /// A mark alone, before a special piece or the end, is no word.
  Words joined() {
    std::vector<int64_t> number;
    Words result;
    for (auto& word : words_.words) {
      number.push_back(word.empty() ? -1 : std::ssize(result.words));
      if (!word.empty()) result.words.push_back(std::move(word));
    }
    for (const int64_t of : words_.of) result.of.push_back(of < 0 ? -1 : number[of]);
    return result;
  }

 private:
  Joining how_;
  bool goes_on_ = false, at_signs_ = false;
  Words words_;
};

/// The only map there is, or the last but one.
const TextMap& best_of(const std::vector<TextMap>& maps) {
  return maps[maps.size() < 2 ? 0 : maps.size() - 2];
}

/// The piece of some word with the greatest weight; -1 where none has any.
int64_t strongest(const double* weights, const std::vector<int64_t>& of) {
  int64_t best = -1;
  for (int64_t i = 0; i < std::ssize(of); ++i) {
    if (of[i] >= 0 && weights[i] > (best < 0 ? 0 : weights[best])) best = i;
  }
  return best;
}

void check_pieces(const char* name, const Words& words, int64_t count) {
  if (std::ssize(words.of) == count) return;
  throw UsageError(std::string("align: ") + name + ": expected words of " + std::to_string(count) +
                   " pieces, as many as the map has, given " + std::to_string(words.of.size()));
}

}  // namespace

Words join(const std::vector<std::string>& pieces, const std::vector<bool>& special, Joining how) {
  if (pieces.size() != special.size()) {
    throw UsageError("join: special: expected " + std::to_string(pieces.size()) +
                     " flags, as many as pieces, given " + std::to_string(special.size()));
  }
  Joiner joiner(how);
  joiner.at_signs(std::none_of(pieces.begin(), pieces.end(),
                               [](const std::string& piece) { return piece.starts_with(kMark); }));
  for (size_t i = 0; i < pieces.size(); ++i) {
    special[i] ? joiner.leave_out() : joiner.add(pieces[i]);
  }
  return joiner.joined();
}

Alignment align(const TextMaps& maps, const Words& source, const Words& target,
                const std::string& layer, int64_t head) {
  TextMaps cross = maps;
  std::erase_if(cross.maps, [](const TextMap& map) { return !map.title.starts_with("cross"); });
  if (cross.maps.empty()) {
    throw ModelError("the model has no cross attention to align words by");
  }
  const TextMap map = best_of(selected(cross, layer, head).maps);
  check_pieces("source", source, std::ssize(map.columns));
  check_pieces("target", target, std::ssize(map.rows));
  Alignment result{map.title, source, target, {}, {}};
  result.title += map.heads.size() > 1 ? " mean" : " head " + std::to_string(map.heads.front());
  result.weights = map.weights({0, std::ssize(map.rows)}, 0).contiguous();
  std::set<std::pair<int64_t, int64_t>> links;
  for (int64_t row = 0; row < std::ssize(map.rows); ++row) {
    if (target.of[row] < 0) continue;
    const int64_t piece = strongest(result.weights[row].data_ptr<double>(), source.of);
    if (piece >= 0) links.emplace(source.of[piece], target.of[row]);
  }
  result.links.assign(links.begin(), links.end());
  return result;
}

std::string pharaoh(const Alignment& alignment) {
  std::string text;
  for (const auto& [source, target] : alignment.links) {
    if (!text.empty()) text += ' ';
    text.append(std::to_string(source)).append("-").append(std::to_string(target));
  }
  return text;
}

}  // namespace heed::lens
