// Explanations as figures.
#pragma once

#include "explain_json.h"
#include "heed/lens/drawing.h"
#include "heed/lens/figure.h"
#include "heed/lens/series_figure.h"
#include "heed/lens/text_figure.h"
#include "heed/lens/tokens_figure.h"

namespace heed::cli {

/// What stands above every figure of an explanation.
struct Caption {
  std::string title;
  std::vector<std::string> lines;
};
Caption caption_of(const Question& question);

/// The method, its formula and source, what its numbers add up to, and what the tests say.
std::vector<std::string> lines_of(const lens::Attribution& attribution, const lens::Doubt* doubt);

/// Whether the numbers lie on an image.
bool is_on_image(const Question& question, const lens::Attribution& attribution);
lens::Figure image_figure(const Question& question, const lens::Attribution& attribution,
                          const lens::Doubt* doubt);
/// Whether the numbers lie along time: of a recording's spectrogram, or of patches of series.
bool is_along_time(const Question& question, const lens::Attribution& attribution);
lens::SeriesFigure time_figure(const Question& question, const lens::Attribution& attribution,
                               const lens::Doubt* doubt);
lens::TokensFigure tokens_figure(const Question& question, const lens::Attribution& attribution,
                                 const lens::Doubt* doubt);
/// Layers downwards, heads to the right.
lens::TextFigure heads_figure(const lens::HeadScores& scores, const Caption& caption,
                              bool is_signed);
lens::TextFigure patch_figure(const lens::Patched& patched, const Caption& caption);

}  // namespace heed::cli
