#include "explain_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/printable.h"
#include "core/text.h"
#include "figure_files.h"
#include "heed/lens/heat.h"
#include "heed/lens/sinks.h"
#include "lens/clip_maps.h"

namespace heed::cli {
namespace {

/// Numbers of a method that follows weights, whose sinks would leave everything else pale.
lens::Sinks sinks_among(const lens::Attribution& found) {
  if (found.is_signed) return {};
  std::vector<bool> special;
  for (const auto& token : found.tokens) special.push_back(token.special);
  return lens::sinks_of(found.values, special);
}

std::vector<double> doubles_of(const at::Tensor& values) {
  const auto* first = values.data_ptr<double>();
  return {first, first + values.numel()};
}

std::vector<std::string> texts_of(const std::vector<TokenPlace>& tokens) {
  std::vector<std::string> texts;
  for (const auto& token : tokens) texts.push_back(token.text);
  return texts;
}

/// "encoder.layers.5" of "encoder.layers.5.attention".
std::string short_path(const std::string& path) {
  const std::string end = ".attention";
  return path.ends_with(end) ? path.substr(0, path.size() - end.size()) : path;
}

lens::TokensRow row_of(const Question& question, const lens::Attribution& found, size_t first,
                       size_t last, const char* label) {
  const std::vector<TokenPlace> tokens(found.tokens.begin() + int64_t(first),
                                       found.tokens.begin() + int64_t(last));
  lens::TokensRow row;
  row.label = label;
  row.tokens = lens::figure_tokens(question.shown.text, tokens);
  const auto begin = static_cast<int64_t>(first), count = static_cast<int64_t>(last - first);
  row.values = doubles_of(found.values.narrow(0, begin, count).contiguous());
  if (found.errors.defined())
    row.errors = doubles_of(found.errors.narrow(0, begin, count).contiguous());
  row.is_signed = found.is_signed;
  return row;
}

/// Patches of an image, or of all tubelets of a clip.
int64_t parts_of(const TokenGrid& grid) {
  return std::max<int64_t>(1, grid.frames / grid.tubelet) * grid.rows * grid.columns;
}

bool is_of_patches(const Question& question, const lens::Attribution& found) {
  const auto& grid = question.grid;
  return grid && grid->columns > 1 && question.batch.has("past") &&
         grid->rows == question.batch.at("past").size(1) &&
         found.values.numel() == grid->rows * grid->columns;
}

bool is_of_recording(const Question& question, const lens::Attribution& found) {
  return question.batch.has("audio") && !found.tokens.empty() && found.tokens.front().seconds >= 0;
}

lens::SeriesRow recording_row(const Question& question, const lens::Attribution& found) {
  lens::SeriesRow row;
  const auto last = std::find_if(found.tokens.begin(), found.tokens.end(),
                                 [](const TokenPlace& token) { return token.seconds < 0; });
  const auto count = last - found.tokens.begin();  // behind them stands what was written
  for (auto token = found.tokens.begin(); token != last; ++token)
    row.edges.push_back(token->seconds);
  const double step = count > 1 ? row.edges[1] - row.edges[0] : 1;
  row.end = row.edges.back() + step;
  row.edges.push_back(row.end);
  row.spectrogram = question.batch.at("audio")[0];
  row.values = doubles_of(found.values.narrow(0, 0, count).contiguous());
  row.is_signed = found.is_signed;
  return row;
}

lens::SeriesRow patches_row(const Question& question, const lens::Attribution& found,
                            int64_t channel) {
  const int64_t columns = question.grid->columns;
  const auto past = question.batch.at("past")[0][channel].to(at::kDouble).contiguous();
  lens::SeriesRow row;
  row.label = question.shown.tokens.empty()
                  ? text_of("channel ", channel + 1)
                  : question.shown.tokens[static_cast<size_t>(channel * columns)].text;
  row.curve = doubles_of(past);
  for (int64_t i = 0; i < past.numel(); ++i) row.times.push_back(double(i));
  for (int64_t i = 0; i <= columns; ++i)
    row.edges.push_back(double(past.numel()) * double(i) / double(columns));
  row.values = doubles_of(found.values.narrow(0, channel * columns, columns).contiguous());
  row.is_signed = found.is_signed;
  return row;
}

}  // namespace

Caption caption_of(const Question& question) {
  const auto& answer = question.looked.prediction;
  Caption caption{printable(question.shown.text), {}};
  caption.lines.push_back("answer: " +
                          figure_text(answer.title.empty() ? answer.text : answer.title));
  if (!question.looked.expected.empty())
    caption.lines.push_back("expected: " + printable(question.looked.expected));
  return caption;
}

std::vector<std::string> lines_of(const lens::Attribution& found, const lens::Doubt* doubt) {
  const auto text = lens::text_of_method(found.method);
  std::vector<std::string> lines;
  lines.push_back(text_of("explained: ", printable(found.aim), ", ", lens::number(found.whole)));
  lines.push_back(text_of(word_of(found.method), ": ", text.formula, " (", text.source, ")"));
  if (std::isfinite(found.gap))
    lines.push_back(text_of("sum ", lens::number(found.values.sum().item<double>()),
                            ", expected f(x) - f(b) = ", lens::number(found.whole - found.empty)));
  if (!doubt) return lines;
  const auto row = [&](const char* name, double lens::Faithfulness::*test) {
    const double weights = doubt->weights.*test;  // not finite: the model has none
    lines.push_back(text_of(name, " ", lens::number(doubt->own.*test), ", random ",
                            lens::number(doubt->random.*test),
                            std::isfinite(weights) ? ", raw weights " + lens::number(weights) : "",
                            ", p ", lens::number(doubt->p_value.*test)));
  };
  lines.push_back(text_of("tested by ", printable(doubt->share), ": ", lens::number(doubt->whole),
                          " with the input, ", lens::number(doubt->empty), " without its ",
                          doubt->parts, doubt->parts == 1 ? " part" : " parts"));
  if (doubt->untested.empty()) {
    row("comprehensiveness", &lens::Faithfulness::comprehensiveness);
    row("sufficiency", &lens::Faithfulness::sufficiency);
    row("soft comprehensiveness", &lens::Faithfulness::soft_comprehensiveness);
    row("soft sufficiency", &lens::Faithfulness::soft_sufficiency);
  }
  lines.push_back(
      text_of("like that of a model with shuffled weights: ", lens::number(doubt->shuffled)));
  lines.push_back(doubt->verdict);
  return lines;
}

bool is_on_image(const Question& question, const lens::Attribution& found) {
  return question.shown.image && question.grid && found.values.numel() == parts_of(*question.grid);
}

lens::Figure image_figure(const Question& question, const lens::Attribution& found,
                          const lens::Doubt* doubt) {
  auto caption = caption_of(question);
  const auto more = lines_of(found, doubt);
  caption.lines.insert(caption.lines.end(), more.begin(), more.end());
  lens::Strip strip;
  strip.is_signed = found.is_signed;
  if (question.grid->frames > 0) strip.across = 1;
  const auto tubelets = found.values.view({1, -1, question.grid->rows, question.grid->columns});
  strip.panels.push_back({word_of(found.method), lens::frames_beside(tubelets, *question.grid)[0]});
  return {caption.title, caption.lines, *question.shown.image, {strip}};
}

bool is_along_time(const Question& question, const lens::Attribution& found) {
  return is_of_recording(question, found) || is_of_patches(question, found);
}

lens::SeriesFigure time_figure(const Question& question, const lens::Attribution& found,
                               const lens::Doubt* doubt) {
  auto caption = caption_of(question);
  const auto more = lines_of(found, doubt);
  caption.lines.insert(caption.lines.end(), more.begin(), more.end());
  lens::SeriesFigure figure{caption.title, caption.lines};
  if (is_of_recording(question, found)) {
    figure.rows.push_back(recording_row(question, found));
    return figure;
  }
  figure.unit = "row";
  for (int64_t channel = 0; channel < question.grid->rows; ++channel)
    figure.rows.push_back(patches_row(question, found, channel));
  return figure;
}

lens::TokensFigure tokens_figure(const Question& question, const lens::Attribution& found,
                                 const lens::Doubt* doubt) {
  const auto caption = caption_of(question);
  lens::TokensFigure figure;
  figure.title = caption.title, figure.lines = caption.lines;
  const auto more = lines_of(found, doubt);
  figure.lines.insert(figure.lines.end(), more.begin(), more.end());
  const size_t all = found.tokens.size(), shown = question.shown.tokens.size();
  const bool two = !question.looked.read.empty() && shown > 0 && shown < all;
  figure.rows.push_back(row_of(question, found, 0, two ? shown : all, two ? "read" : ""));
  if (two) figure.rows.push_back(row_of(question, found, shown, all, "written before"));
  figure.one_scale = two;
  const auto sinks = sinks_among(found);
  for (const int64_t key : sinks.keys) {
    const bool in_first = key < std::ssize(figure.rows[0].values);
    auto& row = figure.rows[in_first ? 0 : 1];
    row.values[size_t(in_first ? key : key - std::ssize(figure.rows[0].values))] =
        std::numeric_limits<double>::quiet_NaN();
  }
  if (!sinks.empty()) figure.rows[0].note = sinks.note(texts_of(found.tokens));
  return figure;
}

lens::TextFigure heads_figure(const lens::HeadScores& scores, const Caption& caption,
                              bool is_signed) {
  int64_t columns = 0;
  for (const auto& values : scores.values) columns = std::max(columns, values.numel());
  auto all = at::full({std::ssize(scores.values), columns},
                      std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (int64_t i = 0; i < all.size(0); ++i) {
    const auto& values = scores.values[size_t(i)];
    all[i].narrow(0, 0, values.numel()).copy_(values);
  }
  lens::TextStrip strip;
  strip.is_signed = is_signed;
  strip.panels.push_back({"", all});
  for (const auto& path : scores.layers) strip.rows.push_back(short_path(path));
  for (int64_t i = 0; i < columns; ++i)
    strip.columns.push_back(columns == 1 ? "block" : text_of("head ", i + 1));
  return {caption.title, caption.lines, {strip}};
}

lens::TextFigure patch_figure(const lens::Patched& patched, const Caption& caption) {
  lens::TextStrip strip;
  strip.is_signed = true;
  strip.panels.push_back({"", patched.shares});
  for (const auto& path : patched.rows) strip.rows.push_back(short_path(path));
  strip.columns = patched.columns;
  return {caption.title, caption.lines, {strip}};
}

}  // namespace heed::cli
