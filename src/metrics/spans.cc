#include "heed/metrics/spans.h"

#include <algorithm>
#include <set>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "metrics/check.h"
#include "metrics/tag_patterns.h"

namespace heed {
namespace {

using metric::Tag;

Tag parsed(const std::string& text, size_t word, bool strict) {
  static const std::string prefixes = "OBIES";
  const bool known = !text.empty() && prefixes.find(text[0]) != std::string::npos;
  const bool typed = text.size() > 1 && text[1] == '-' && text[0] != 'O';
  if (!known || (text.size() > 1 && !typed)) {
    throw DataError("word " + std::to_string(word + 1) + ": tag '" + text +
                    "': expected O, or B, I, E or S with '-' and a type behind it, as B-PER");
  }
  std::string type = typed ? text.substr(2) : "";
  if (strict) {  // seqeval strips every '-' here
    type.erase(0, std::min(type.find_first_not_of('-'), type.size()));
    type.erase(type.find_last_not_of('-') + 1);
  }
  return {text[0], type.empty() ? "_" : type};
}

std::vector<Span> lenient_spans(const std::vector<Tag>& tags) {
  std::vector<Span> spans;
  Tag last{'O', ""};
  int64_t begin = 0;
  for (size_t i = 0; i < tags.size(); ++i) {
    const auto& tag = tags[i];
    const auto place = static_cast<int64_t>(i);
    const bool other = last.type != tag.type;
    const bool closed = last.prefix == 'E' || last.prefix == 'S';
    const bool inside = last.prefix == 'B' || last.prefix == 'I';
    const bool opens = tag.prefix == 'B' || tag.prefix == 'S';
    if (closed || (inside && (opens || tag.prefix == 'O' || other)))
      spans.push_back({begin, place, last.type});
    const bool continues = tag.prefix == 'I' || tag.prefix == 'E';
    if (opens || (continues && (closed || last.prefix == 'O' || other))) begin = place;
    last = tag;
  }
  return spans;
}

std::vector<Span> strict_spans(const std::vector<Tag>& tags, const metric::TagRules& rules) {
  std::vector<Span> spans;
  Tag last{'O', ""};
  for (size_t i = 0; i < tags.size();) {
    size_t end = i + 1;
    if (metric::matches(rules.start, last, tags[i])) {
      while (end < tags.size() && metric::matches(rules.inside, tags[end - 1], tags[end])) ++end;
      if (end < tags.size() && metric::matches(rules.end, tags[end - 1], tags[end]))
        spans.push_back({static_cast<int64_t>(i), static_cast<int64_t>(end), tags[i].type});
    }
    i = end, last = tags[i - 1];
  }
  return spans;
}

}  // namespace

TagScheme tag_scheme(const std::string& name) {
  if (name == "lenient") return TagScheme::kLenient;
  if (name == "iob1") return TagScheme::kIob1;
  if (name == "iob2") return TagScheme::kIob2;
  if (name == "ioe2") return TagScheme::kIoe2;
  if (name == "iobes") return TagScheme::kIobes;
  throw UsageError("tags: scheme: unknown '" + name + "'" +
                   suggestion(name, {"lenient", "iob1", "iob2", "ioe2", "iobes"}));
}

std::vector<Span> spans_of_tags(std::span<const std::string> tags, TagScheme scheme) {
  const auto* rules = metric::rules_of(scheme);
  std::vector<Tag> read;
  for (size_t i = 0; i < tags.size(); ++i) {
    read.push_back(parsed(tags[i], i, rules != nullptr));
    if (rules && rules->prefixes.find(read.back().prefix) == std::string_view::npos) {
      throw DataError("word " + std::to_string(i + 1) + ": tag '" + tags[i] +
                      "': expected the scheme's prefixes " + std::string(rules->prefixes) +
                      "; say which scheme the tags have");
    }
  }
  read.push_back({'O', "_"});
  return rules ? strict_spans(read, *rules) : lenient_spans(read);
}

double SpanScores::macro_f1() const {
  double sum = 0;
  for (const auto& [type, counts] : types) sum += counts.f1();
  return types.empty() ? 0 : sum / static_cast<double>(types.size());
}

SpanScores score_spans(const std::vector<std::vector<Span>>& predicted,
                       const std::vector<std::vector<Span>>& expected) {
  if (predicted.size() != expected.size()) {
    throw UsageError("score_spans: expected as many sentences as the " +
                     std::to_string(expected.size()) + " of the reference, given " +
                     std::to_string(predicted.size()));
  }
  SpanScores scores;
  for (size_t s = 0; s < predicted.size(); ++s) {
    const std::set<Span> own(predicted[s].begin(), predicted[s].end());
    const std::set<Span> right(expected[s].begin(), expected[s].end());
    for (const auto& span : own) {
      const MatchCounts counts{right.contains(span) ? 1 : 0, 1, 0};
      scores.types[span.type] += counts, scores.all += counts;
    }
    for (const auto& span : right) scores.types[span.type] += {0, 0, 1}, scores.all += {0, 0, 1};
  }
  return scores;
}

SpanScores score_tags(const std::vector<std::vector<std::string>>& predicted,
                      const std::vector<std::vector<std::string>>& expected, TagScheme scheme) {
  metric::check_sentences(predicted, expected);
  const auto spans = [&](const std::vector<std::vector<std::string>>& sentences, const char* what) {
    std::vector<std::vector<Span>> all;
    for (size_t s = 0; s < sentences.size(); ++s) {
      try {
        all.push_back(spans_of_tags(sentences[s], scheme));
      } catch (const DataError& error) {
        throw DataError(std::string(what) + ": sentence " + std::to_string(s + 1) + ", " +
                        error.what());
      }
    }
    return all;
  };
  return score_spans(spans(predicted, "predicted"), spans(expected, "expected"));
}

}  // namespace heed
