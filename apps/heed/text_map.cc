// heed map of models that read and write text: where they look, and which words they align.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/data/lines.h"
#include "heed/lens/alignment.h"
#include "heed/lens/terminal.h"
#include "heed/lens/text_maps.h"
#include "heed/tasks/recipes.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Rows and columns of a terminal's panel at most.
constexpr int64_t kTerminalCells = 96;
constexpr int64_t kRowsOfJson = 64;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A text, or line LINE of the file FILE, from 1.
std::string text_of_input(const std::string& input) {
  const size_t colon = input.rfind(':');
  const std::string number = colon == std::string::npos ? "" : input.substr(colon + 1);
  const bool numbered = !number.empty() && number.size() < 19 &&
                        number.find_first_not_of("0123456789") == std::string::npos;
  const std::string file = input.substr(0, colon);
  if (!numbered || !std::filesystem::is_regular_file(file)) return input;
  data::LineReader reader(file);
  std::string line;
  while (reader.next(line)) {
    if (reader.number() == std::stoll(number)) return line;
  }
  throw UsageError(input + ": the file has no line " + number + ", expected 1.." +
                   std::to_string(reader.number()));
}

lens::Tokens with_pieces(const data::Tokenizer& tokenizer, std::vector<int64_t> ids) {
  lens::Tokens tokens{std::move(ids), {}};
  for (const int64_t id : tokens.ids) tokens.pieces.push_back(tokenizer.piece(id));
  return tokens;
}

lens::Words words_of(const data::Tokenizer& tokenizer, const std::string& kind,
                     const lens::Tokens& tokens) {
  std::vector<bool> special;
  for (const int64_t id : tokens.ids) {
    special.push_back(id == tokenizer.padding() || id == tokenizer.begin() ||
                      id == tokenizer.end());
  }
  const auto how = kind == "words"                           ? lens::Joining::pieces
                   : kind == "characters" || kind == "bytes" ? lens::Joining::spaces
                                                             : lens::Joining::marks;
  return lens::join(tokens.pieces, special, how);
}

/// What is shown of one input.
struct Shown {
  std::string title;
  Json json;  ///< what was read and written
  lens::TextMaps maps;
  std::optional<lens::Alignment> alignment;
};

Shown shown_translation(const MapFlags& flags) {
  auto translator = Translator::load(flags.model);
  const auto line = text_of_input(flags.input);
  const auto source = with_pieces(translator.source(), translator.encode(line, flags.input));
  const auto written = flags.target.empty()
                           ? translator.translate({source.ids}).front().front().tokens
                           : translator.encode_target(flags.target, "--target");
  const auto& tokenizer = translator.target();
  auto read = written, predicted = written;
  read.insert(read.begin(), tokenizer.begin());
  predicted.push_back(tokenizer.end());
  const auto next = with_pieces(tokenizer, predicted);
  const auto target = with_pieces(tokenizer, read);
  const auto output = tokenizer.decode(written);
  Shown shown{line + " \u2192 " + output,
              {{"model", flags.model}, {"input", line}, {"output", output}},
              lens::look(translator.model(), source, target, next.pieces),
              {}};
  if (flags.alignment) {
    const auto& data = translator.recipe().data;
    const auto& of_target = data.share_vocabulary ? data.source : data.target;
    shown.alignment =
        lens::align(shown.maps, words_of(translator.source(), data.source.kind, source),
                    words_of(tokenizer, of_target.kind, next), flags.layer, flags.head);
  }
  return shown;
}

Shown shown_text(const MapFlags& flags) {
  if (!flags.target.empty() || flags.alignment) {
    throw UsageError("--target and --alignment are for translators; " + flags.model +
                     " is a language model");
  }
  auto writer = LanguageModel::load(flags.model);
  const auto text = text_of_input(flags.input);
  const auto tokens = with_pieces(writer.tokenizer(), writer.tokenizer().encode(text));
  return {
      text, {{"model", flags.model}, {"input", text}}, lens::look(writer.model(), {}, tokens), {}};
}

/// The weights of one head as rows of numbers, written as they are computed.
void print_weights(const lens::TextMap& map, int64_t head) {
  const int64_t rows = std::ssize(map.rows);
  std::cout << "[";
  for (int64_t begin = 0; begin < rows; begin += kRowsOfJson) {
    const auto part = map.weights({begin, std::min(begin + kRowsOfJson, rows)}, head).contiguous();
    for (int64_t row = 0; row < part.size(0); ++row) {
      const double* first = part[row].data_ptr<double>();
      std::cout << (begin + row ? "," : "")
                << Json(std::vector<double>(first, first + part.size(1)));
    }
  }
  std::cout << "]";
}

void print_map(const lens::TextMap& map) {
  auto head = dumped(
      {{"name", map.name}, {"title", map.title}, {"rows", map.rows}, {"columns", map.columns}});
  head.back() = ',';
  std::cout << head << "\"heads\":[";
  for (size_t i = 0; i < map.heads.size(); ++i) {
    std::cout << (i ? "," : "") << "{\"head\":" << map.heads[i] << ",\"weights\":";
    print_weights(map, map.heads[i]);
    std::cout << "}";
  }
  std::cout << "]";
  if (map.heads.size() > 1) {
    std::cout << ",\"mean\":";
    print_weights(map, 0);
  }
  std::cout << "}";
}

Json to_json(const lens::Alignment& alignment) {
  auto links = Json::array();
  for (const auto& [source, target] : alignment.links) links.push_back({source, target});
  return {{"weights_of", alignment.title},
          {"pharaoh", lens::pharaoh(alignment)},
          {"source_words", alignment.source.words},
          {"target_words", alignment.target.words},
          {"source_word_of_piece", alignment.source.of},
          {"target_word_of_piece", alignment.target.of},
          {"links", links}};
}

void print_json(Shown& shown, const lens::TextMaps& maps) {
  if (shown.alignment) shown.json["alignment"] = to_json(*shown.alignment);
  auto head = dumped(shown.json);
  head.back() = ',';
  std::cout << head << "\"maps\":[";
  for (size_t i = 0; i < maps.maps.size(); ++i) {
    if (i) std::cout << ",";
    print_map(maps.maps[i]);
  }
  std::cout << "]}\n";
}

void print_alignment(const lens::Alignment& alignment) {
  std::cout << lens::pharaoh(alignment) << '\n';
  for (const auto& [source, target] : alignment.links) {
    std::cout << source << '-' << target << '\t' << alignment.source.words[source] << '\t'
              << alignment.target.words[target] << '\n';
  }
}

void write_files(const MapFlags& flags, const lens::TextFigure& figure) {
  std::string note;
  if (!flags.png.empty()) write_drawing(flags.png, lens::to_png(figure, &note));
  if (!flags.svg.empty()) write_drawing(flags.svg, lens::to_svg(figure));
  if (!note.empty()) std::cerr << "heed: note: " << note << '\n';
}

/// Without a choice the means of heads stand for them, because a terminal is small.
lens::TextFigure terminal_figure(const MapFlags& flags, const lens::TextMaps& maps) {
  const bool chosen = !flags.layer.empty() || flags.head != 0;
  auto figure = lens::figure_of(maps, {.cells = kTerminalCells, .heads = chosen});
  if (!chosen) figure.lines.emplace_back("the means of all heads; --layer and --head show more");
  return figure;
}

}  // namespace

void map_text(const MapFlags& flags) {
  auto terminal = lens::terminal_of_stdout();
  if (flags.colour != "auto") terminal.colours = lens::colours_from_text(flags.colour);
  auto shown =
      task_of_model(flags.model) == "language" ? shown_text(flags) : shown_translation(flags);
  const auto maps = lens::selected(shown.maps, flags.layer, flags.head);
  const bool files = !flags.png.empty() || !flags.svg.empty();
  if (files) {
    auto figure = lens::figure_of(maps);
    figure.title = shown.title;
    write_files(flags, figure);
  }
  if (flags.json) {
    print_json(shown, maps);
  } else if (shown.alignment) {
    print_alignment(*shown.alignment);
  } else if (!files) {
    auto figure = terminal_figure(flags, maps);
    figure.title = shown.title;
    std::cout << lens::to_text(figure, terminal);
  }
}

}  // namespace heed::cli
