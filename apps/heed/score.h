// heed score: what its parts share. A metric is a row of figures; score.cc knows them all.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flags.h"
#include "heed/metrics/metrics.h"

namespace heed::cli {

/// A metric's figures; "text" is what is printed.
using ScoreRow = nlohmann::ordered_json;

/// "nrefs:1|stem:no" with Heed's version behind it.
std::string signed_by(const std::string& signature);
/// Four digits behind the point.
std::string rounded(double value, int digits = 4);
/// A row of `values`; its text is "NAME|SIGNATURE = name value name value".
ScoreRow row_of(const std::string& name, const std::string& signature, const Metrics& values);

// Of texts, line by line (score_text.cc): bleu, chrf, chrf++, cider, rouge, exact,
// wer, cer.
ScoreRow text_row(const std::string& metric, const ScoreFlags& flags,
                  const std::vector<std::string>& lines,
                  const std::vector<std::vector<std::string>>& references);

// Of values, line by line, of the files that flags name, of one reference (score_values.cc).
ScoreRow classes_row(const ScoreFlags& flags);
ScoreRow labels_row(const ScoreFlags& flags);
ScoreRow auc_row(const ScoreFlags& flags);
ScoreRow probabilities_row(const ScoreFlags& flags);
ScoreRow regression_row(const ScoreFlags& flags);
ScoreRow correlation_row(const ScoreFlags& flags);
ScoreRow quantiles_row(const ScoreFlags& flags);
ScoreRow ranking_row(const ScoreFlags& flags);

// Of sentences (score_sentences.cc).
ScoreRow spans_row(const ScoreFlags& flags);
ScoreRow upos_row(const ScoreFlags& flags);
ScoreRow srl_row(const ScoreFlags& flags);

// Of a folder of time series (score_nab.cc).
ScoreRow nab_row(const ScoreFlags& flags);

}  // namespace heed::cli
