// heed map: where a model looks.
#include <algorithm>

#include "core/printable.h"
#include "figure_files.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/lens/alignment.h"
#include "heed/lens/image_maps.h"
#include "heed/lens/lines_figure.h"
#include "heed/lens/map_file.h"
#include "heed/lens/overview_figure.h"
#include "heed/lens/terminal.h"
#include "heed/lens/text_maps.h"
#include "heed/lens/tokens_figure.h"
#include "heed/tasks/predictor.h"
#include "map_files.h"
#include "map_json.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// Whether the result goes into files, and nothing is drawn in the terminal.
bool wants_files(const MapFlags& flags) {
  return wants_drawing(flags.files) || !flags.npy.empty() || !flags.record.empty();
}

/// Rows and columns of a terminal's panel at most.
constexpr int64_t kTerminalCells = 96;

/// What a model says of its input, a line a head.
std::vector<std::string> answers(const Explanation& seen) {
  std::vector<std::string> lines;
  for (const auto& head : seen.heads) {
    lines.push_back(figure_text(head.prediction.text));
    if (!head.expected.empty()) lines.push_back("expected " + printable(head.expected));
  }
  return lines;
}

Json json_of(const MapFlags& flags, const Explanation& seen,
             const std::vector<std::string>& names) {
  Json json = {{"model", flags.model}, {"input", seen.shown.text}};
  for (size_t i = 0; i < seen.heads.size(); ++i) {
    auto own = Json::parse(seen.heads[i].prediction.json);
    if (!seen.heads[i].expected.empty()) own["expected"] = seen.heads[i].expected;
    if (seen.heads.size() == 1)
      json.update(own);
    else
      json[names[i]] = own;
  }
  return json;
}

lens::Terminal terminal_of(const MapFlags& flags) {
  auto terminal = lens::terminal_of_stdout();
  if (flags.colour != "auto") terminal.colours = lens::colours_from_text(flags.colour);
  return terminal;
}

void map_image(const MapFlags& flags, const Explanation& seen,
               const std::vector<std::string>& names) {
  if (flags.alignment) throw UsageError("--alignment is for models that write text from text");
  if (flags.view != "heat" || flags.sinks)
    throw UsageError("--view and --sinks are of texts; the model looks at an image");
  const auto terminal = terminal_of(flags);
  lens::ImageQueries queries{.query = seen.heads.front().query};
  for (const auto& token : seen.heads.front().predicted)
    queries.words.push_back(figure_text(token.text));
  const auto maps =
      lens::selected(lens::image_maps(seen.maps, *seen.grid, queries), flags.layer, flags.head);
  const int64_t first_head = std::max<int64_t>(1, flags.head);
  auto figure = lens::figure_of(maps, *seen.shown.image, first_head);
  figure.title = printable(flags.model + " of " + flags.input);
  auto lines = answers(seen);
  lines.push_back("");
  figure.lines.insert(figure.lines.begin(), lines.begin(), lines.end());
  if (wants_drawing(flags.files)) write_drawing(flags.files, lens::draw(figure));
  write_array(flags, maps);
  if (flags.json) {
    std::cout << one_line(json_of_image(json_of(flags, seen, names), maps, first_head)) << '\n';
  } else if (!wants_files(flags)) {
    std::cout << lens::to_text(figure, terminal);
  }
}

std::vector<std::string> texts(const std::vector<TokenPlace>& tokens) {
  std::vector<std::string> all;
  for (const auto& token : tokens) all.push_back(token.text);
  return all;
}

std::vector<bool> special_of(const std::vector<TokenPlace>& tokens) {
  std::vector<bool> special;
  for (const auto& token : tokens) special.push_back(token.special);
  return special;
}

/// How the pieces of a kind of tokenizer make words.
lens::Joining joining_of(const std::string& kind) {
  return kind == "words" || kind.empty()           ? lens::Joining::pieces
         : kind == "characters" || kind == "bytes" ? lens::Joining::spaces
                                                   : lens::Joining::marks;
}

lens::Words words_of(const std::vector<TokenPlace>& tokens, const std::string& kind) {
  return lens::join(texts(tokens), special_of(tokens), joining_of(kind));
}

void print_alignment(const lens::Alignment& alignment) {
  std::cout << lens::pharaoh(alignment) << '\n';
  for (const auto& [source, target] : alignment.links) {
    std::cout << source << '-' << target << '\t' << printable(alignment.source.words[source])
              << '\t' << printable(alignment.target.words[target]) << '\n';
  }
}

/// Without a choice the means of heads stand for them, because a terminal is small.
lens::TextFigure terminal_figure(const MapFlags& flags, const lens::TextMaps& maps) {
  const bool chosen = !flags.layer.empty() || flags.head != 0;
  auto figure =
      lens::figure_of(maps, {.cells = kTerminalCells, .heads = chosen, .sinks = flags.sinks});
  if (!chosen) figure.lines.emplace_back("the means of all heads; --layer and --head show more");
  return figure;
}

/// The one map of a view of lines.
const lens::TextMap& only_map(const lens::TextMaps& maps) {
  if (maps.maps.size() == 1) return maps.maps.front();
  std::string titles;
  for (const auto& map : maps.maps) titles += (titles.empty() ? "" : ", ") + map.title;
  throw UsageError("--view lines draws one layer: choose it by --layer from " + titles);
}

lens::TokensFigure tokens_figure(const Explanation& seen, const lens::TextMaps& maps) {
  const auto& kind =
      seen.shown.tokens.empty() ? seen.heads.front().tokenizer : seen.shown.tokenizer;
  return lens::received_of(maps, joining_of(kind));
}

lens::Drawing drawing_of(const MapFlags& flags, const Explanation& seen, const lens::TextMaps& maps,
                         const std::string& title) {
  const auto titled = [&](auto figure) {
    figure.title = title;
    return lens::draw(figure);
  };
  if (flags.view == "overview") return titled(lens::overview_of(maps));
  if (flags.view == "tokens") return titled(tokens_figure(seen, maps));
  if (flags.view == "heat") return titled(lens::figure_of(maps, {.sinks = flags.sinks}));
  auto figure = lens::lines_of(only_map(maps), 0);
  const auto& map = maps.maps.front();
  figure.lines.push_back(
      map.title + (map.heads.size() > 1 ? " mean" : " head " + std::to_string(map.heads[0])) +
      ": what each token at the right takes from those at the left");
  return titled(std::move(figure));
}

void check_view(const MapFlags& flags) {
  static const std::vector<std::string> kViews{"heat", "overview", "lines", "tokens"};
  if (std::find(kViews.begin(), kViews.end(), flags.view) == kViews.end())
    throw UsageError("unknown view '" + flags.view + "'" + suggestion(flags.view, kViews));
  if (flags.sinks && flags.view != "heat")
    throw UsageError("--sinks is of --view heat; in '" + flags.view + "' sinks are left out");
  if (flags.view == "heat") return;
  if (flags.alignment) throw UsageError("--alignment prints words, and --view draws: choose one");
  if (!wants_drawing(flags.files) && (flags.json || wants_files(flags)))
    throw UsageError(
        "--view is of what is drawn, and with --json, --npy or --record alone nothing is");
  if (!wants_drawing(flags.files) && flags.view != "tokens")
    throw UsageError("--view " + flags.view +
                     " is drawn in files: add --png, --svg, --pdf or --html");
}

void map_tokens(const MapFlags& flags, const Explanation& seen,
                const std::vector<std::string>& names) {
  const auto terminal = terminal_of(flags);
  const auto& head = seen.heads.front();
  const auto all =
      lens::text_maps(seen.maps, {texts(seen.shown.tokens), texts(head.read), texts(head.predicted),
                                  special_of(seen.shown.tokens), special_of(head.read)});
  std::optional<lens::Alignment> alignment;
  if (flags.alignment) {
    if (head.predicted.empty() || seen.shown.tokens.empty())
      throw UsageError("--alignment is for models that write text from text");
    alignment = lens::align(all, words_of(seen.shown.tokens, seen.shown.tokenizer),
                            words_of(head.predicted, head.tokenizer), flags.layer, flags.head);
  }
  const auto maps = lens::selected(all, flags.layer, flags.head);
  std::string title = printable(seen.shown.text);
  for (const auto& looked : seen.heads) {
    const auto& answer = looked.prediction;
    title += " \u2192 " + figure_text(answer.title.empty() ? answer.text : answer.title);
  }
  if (wants_drawing(flags.files)) write_drawing(flags.files, drawing_of(flags, seen, maps, title));
  write_array(flags, maps);
  if (flags.json) {
    print_text_json(json_of(flags, seen, names), maps, alignment ? &*alignment : nullptr);
  } else if (alignment) {
    print_alignment(*alignment);
  } else if (flags.view == "tokens" && !wants_files(flags)) {
    auto figure = tokens_figure(seen, maps);
    figure.title = title;
    std::cout << lens::to_text(figure, terminal);
  } else if (!wants_files(flags)) {
    auto figure = terminal_figure(flags, maps);
    figure.title = title;
    std::cout << lens::to_text(figure, terminal);
  }
}

}  // namespace

void run(const MapFlags& flags) {
  auto outputs = names_of(flags.files);
  outputs.push_back(flags.npy);
  outputs.push_back(flags.record);
  check_outputs(outputs, flags.model, {flags.input});
  check_view(flags);
  check_colour(flags.colour, flags.json || wants_files(flags));
  refuse_twice("--set", flags.set);
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  const auto seen = predictor.explain(predictor.find(flags.input), flags.target);
  if (flags.truncate)
    if (const auto note = predictor.finish(); !note.empty())
      std::cerr << "heed: note: " << printable(note) << '\n';
  if (!flags.record.empty()) write_file(flags.record, lens::to_bytes({flags.model, seen}));
  const auto names = predictor.heads();
  if (seen.shown.image && seen.grid) return map_image(flags, seen, names);
  map_tokens(flags, seen, names);
}

}  // namespace heed::cli
