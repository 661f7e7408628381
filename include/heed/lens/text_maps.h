// Where a model of sequences looks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "heed/lens/text_figure.h"
#include "heed/models/sequence_model.h"
#include "heed/ops/map.h"

namespace heed::lens {

/// Numbers of a vocabulary, and how their pieces are written: equally many.
struct Tokens {
  std::vector<int64_t> ids;
  std::vector<std::string> pieces;
};

/// The weights of one attention of a model, Lq rows (queries) and Lk columns (keys), computed when
/// they are asked for.
struct TextMap {
  std::string name;                  ///< the module's path: "decoder.0.cross"
  std::string title;                 ///< "encoder 1", "decoder 2", "cross 3", counted from 1
  std::vector<std::string> rows;     ///< the pieces of the queries (Lq)
  std::vector<std::string> columns;  ///< those of the keys (Lk)
  std::vector<bool> special;         ///< which keys are no text (Lk), or empty: not known
  std::vector<int64_t> heads;        ///< numbers of the heads that are shown, from 1
  std::vector<Map> calls;            ///< one, or one a step of a recurrent decoder

  /// Rows `range` of head `head`, or of the mean of `heads` where it is 0: (range, Lk), float64.
  /// Where steps had fewer keys, the others have weight 0.
  at::Tensor weights(Range range, int64_t head) const;
};

struct TextMaps {
  std::vector<TextMap> maps;  ///< in the order of the calls
  bool predicted = false;     ///< rows of cross maps are named by what they predict
};

/// Runs hidden() on one source and target and keeps what every attention read, without weights: q,
/// k and two numbers per row. Self attentions have the pieces that are read as rows and columns. A
/// cross attention's columns are the source's pieces; its row t, which serves to predict what
/// follows target token t, is named `predicted[t]`, or target.pieces[t] where `predicted` is empty.
/// The calls of a recurrent decoder, one per step, are one map.
///
/// A map is the encoder's if its path begins with "encoder"; it is a cross map if its path says
/// "cross", or if the model has an encoder and no path says so. A stateful model's
/// reset_state() is called before and after. The model should be in evaluation mode.
///
/// Throws UsageError for no tokens, other numbers of pieces than of ids, a source for a model
/// without an encoder, and what hidden() throws; ModelError for a model without attention. Cost:
/// the forward pass.
TextMaps look(SequenceModel& model, const Tokens& source, const Tokens& target,
              const std::vector<std::string>& predicted = {});

/// What an attention's queries and keys are called.
struct TextNames {
  std::vector<std::string> source = {};     ///< what an encoder, or the only stack, reads
  std::vector<std::string> target = {};     ///< what a decoder reads; empty: there is none
  std::vector<std::string> predicted = {};  ///< what it predicts there; empty: not known
  std::vector<bool> source_special = {};    ///< which of source are no text; empty: not known
  std::vector<bool> target_special = {};    ///< which of target
};

/// The maps of a forward pass over one example, as look() sorts them; of a model without a decoder
/// all are "layer I", or "pooling" where one query stands for all. Throws ModelError where there
/// are none.
TextMaps text_maps(const std::vector<Map>& calls, const TextNames& names);

/// Keeps the maps that `layer` names - one ("cross 3", "cross.3" or its path), a kind ("cross"), a
/// number ("3") - and, where `head` is not 0, one head (from 1); empty and 0 keep all. Throws
/// UsageError with those that there are.
TextMaps selected(const TextMaps& all, const std::string& layer, int64_t head);

struct TextFigureOptions {
  /// Rows and columns of a panel at most; more are shrunk, a cell being the mean of a block, and
  /// its label that of the block's first token. 0: as many as a file's panel has pixels.
  int64_t cells = 0;
  bool heads = true;   ///< a panel a head beside their mean, or the mean alone
  bool sinks = false;  ///< whether sinks (heed/lens/sinks.h) are coloured, too
};

/// A strip a map: its heads ("cross 1 head 2") and their mean. Weights are computed and shrunk a
/// block of rows at a time, so that length is bounded by time alone. Sinks of a map, by what its
/// shown heads give to each key together, are left out of scale and blocks, and the strip's note
/// says what they hold. Cost: as many score operations as the forward pass, twice with heads and
/// mean.
TextFigure figure_of(const TextMaps& maps, const TextFigureOptions& options = {});

}  // namespace heed::lens
