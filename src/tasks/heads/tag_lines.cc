#include "tasks/heads/tag_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "heed/data/offsets.h"

namespace heed {
namespace {

using Rows = std::span<const ScoredTags>;

constexpr const char* kConlluColumns[] = {"id",    "form", "lemma",  "upos", "xpos",
                                          "feats", "head", "deprel", "deps", "misc"};

bool is_conllu_column(const std::string& name) {
  return std::find(std::begin(kConlluColumns), std::end(kConlluColumns), name) !=
         std::end(kConlluColumns);
}

/// The ten columns of the words: what the split has, `predicted` in its column.
std::vector<std::string> conllu_words(const Split& split, const ScoredTags& row,
                                      const std::string& predicted) {
  const auto words = row.sentence.words.size();
  std::vector<std::string> lines(words);
  for (const std::string column : kConlluColumns) {
    std::vector<std::string> items(words, "_");
    if (column == predicted)
      items = row.found;
    else if (split.has(column))
      items = split.values(row.example, column);
    for (size_t i = 0; i < words; ++i) {
      if (column == "id") items[i] = std::to_string(i + 1);
      if (column == "form") items[i] = row.sentence.words[i].text;
      lines[i] += (column == "id" ? "" : "\t") + items[i];
    }
  }
  return lines;
}

/// Column CoNLL has no blanks in a cell.
std::string without_blanks(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; }, '_');
  return text;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::string sentence_of(const Split& split, const TagsHeadOptions& options, Rows rows) {
  const auto& first = rows.front();
  if (options.has_roles()) {
    auto lines = conllu_words(split, first, "");
    std::vector<std::string> marks(lines.size(), "_");
    for (const auto& row : rows) {
      if (row.sentence.predicate < 0) continue;
      const auto at = static_cast<size_t>(row.sentence.predicate);
      marks[at] = split.values(row.example, options.predicate)[at];
    }
    for (size_t i = 0; i < lines.size(); ++i) {
      lines[i] += "\t" + marks[i];
      for (const auto& row : rows) lines[i] += "\t" + row.found[i];
    }
    return joined_lines(lines);
  }
  if (is_conllu_column(options.column))
    return joined_lines(conllu_words(split, first, options.column));
  std::vector<std::string> lines;
  for (size_t i = 0; i < first.found.size(); ++i)
    lines.push_back(without_blanks(first.sentence.words[i].text) + " " + first.expected[i] + " " +
                    first.found[i]);
  return joined_lines(lines);
}

}  // namespace

std::vector<std::string> conll_of(const Split& split, const TagsHeadOptions& options,
                                  const std::vector<ScoredTags>& rows) {
  std::vector<std::string> all;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin + 1;
    while (end < rows.size() &&
           split.record(rows[end].example) == split.record(rows[begin].example))
      ++end;
    all.push_back(sentence_of(split, options, Rows(rows).subspan(begin, end - begin)));
    begin = end;
  }
  return all;
}

std::string tagged_text(const TagsHeadOptions& options, const TaggedSentence& sentence,
                        const std::vector<std::string>& tags) {
  std::string text;
  const auto spans = options.has_spans() ? spans_of_tags(tags) : std::vector<Span>();
  for (int64_t i = 0; i < std::ssize(tags); ++i) {
    const auto& tag = tags[static_cast<size_t>(i)];
    text += i > 0 ? " " : "";
    for (const auto& span : spans) text += span.begin == i ? "[" : "";
    text += sentence.words[static_cast<size_t>(i)].text;
    if (!options.has_spans() && !(options.has_roles() && tag == "_")) text += "/" + tag;
    for (const auto& span : spans) text += span.end == i + 1 ? " " + span.type + "]" : "";
  }
  return text;
}

std::string tagged_json(const TagsHeadOptions& options, const TaggedSentence& sentence,
                        const std::vector<std::string>& tags) {
  auto words = nlohmann::ordered_json::array();
  for (size_t i = 0; i < tags.size(); ++i) {
    const auto& word = sentence.words[i];
    words.push_back(
        {{"word", word.text}, {"begin", word.begin}, {"end", word.end}, {"tag", tags[i]}});
  }
  nlohmann::ordered_json json;
  if (options.has_roles()) {
    json["predicate"] = nullptr;
    if (sentence.predicate >= 0) {
      const auto& word = sentence.words[static_cast<size_t>(sentence.predicate)];
      json["predicate"] = {{"word", word.text}, {"begin", word.begin}, {"end", word.end}};
    }
  }
  if (options.has_spans()) {
    json["spans"] = nlohmann::ordered_json::array();
    const data::TextOffsets text(sentence.text);
    for (const auto& span : spans_of_tags(tags)) {
      const auto begin = sentence.words[static_cast<size_t>(span.begin)].begin;
      const auto end = sentence.words[static_cast<size_t>(span.end) - 1].end;
      json["spans"].push_back(
          {{"text", text.text(begin, end)}, {"begin", begin}, {"end", end}, {"type", span.type}});
    }
  }
  json["words"] = words;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace heed
