// What `heed look` keeps: models, inputs, and where models looked in those that were asked for last.
#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heed/lens/map_file.h"
#include "heed/lens/map_pyramid.h"
#include "heed/lens/sinks.h"
#include "heed/lens/text_maps.h"
#include "heed/tasks/predictor.h"

namespace heed::cli {

/// A model, or a file of maps.
struct LookSource {
  std::string name;
  std::optional<Predictor> predictor = {};
  std::optional<Explanation> recorded = {};

  bool takes_text() const;  ///< whether what is typed is an input
};

/// A head whose output is set to zero.
struct AblatedHead {
  std::string map;  ///< the attention's path
  int64_t head;     ///< from 1
  bool operator==(const AblatedHead&) const = default;
};

/// What is looked at: a text that was typed, or one of the inputs that were offered.
struct LookInput {
  size_t model = 0;
  std::string text = {};
  std::optional<size_t> offered = {};
  std::optional<int64_t> number = {};  ///< of a record in it
  std::string target = {};
  std::vector<AblatedHead> ablated = {};
};

struct Seen {
  std::string id;
  LookInput input;
  SplitPtr example;  ///< null: of a file of maps
  Explanation explanation;
  lens::TextMaps maps;
  double seconds = 0;
};

/// One head's map for deep zoom.
struct HeadView {
  lens::MapPyramid pyramid;
  lens::Sinks sinks;
  double beside;  ///< the greatest weight of blocks without sinks, where colours end
};

/// Used by one thread at a time.
class LookState {
 public:
  /// `models`: folders and files of maps. `inputs`: what `heed map` takes. Throws as Predictor::load.
  LookState(const std::vector<std::string>& models, std::vector<std::string> inputs,
            const std::vector<std::string>& set, Truncation truncation);
  ~LookState();  ///< removes what was uploaded
  LookState(const LookState&) = delete;
  LookState& operator=(const LookState&) = delete;

  const std::vector<LookSource>& sources() const { return sources_; }
  /// Names that inputs are offered by.
  std::vector<std::string> offered() const;
  /// How many of these the command line named.
  size_t named() const { return named_; }

  /// Keeps a file that somebody sent, and returns its number among those offered. Throws HttpError
  /// for a kind of file that no model reads, and for more than 64.
  size_t upload(const std::string& name, const std::string& bytes);

  /// Runs a model, or reads a file of maps. Throws as Predictor does.
  const Seen& look(const LookInput& input);
  /// Throws HttpError 404 for one that is not kept any more.
  const Seen& seen(const std::string& id);
  LookSource& source_of(const Seen& seen) { return sources_.at(seen.input.model); }

  /// Head from 1.
  const HeadView& view(const Seen& seen, size_t map, int64_t head, MapPool pool);

 private:
  struct Offered {
    std::string name, path;
  };
  struct View {
    std::string key;
    HeadView view;
  };
  SplitPtr find(const LookSource& source, const LookInput& input) const;

  std::vector<LookSource> sources_;
  std::vector<Offered> offered_;
  size_t named_ = 0;
  std::filesystem::path folder_;  // of what was uploaded; empty: nothing was
  std::list<Seen> seen_;          // the last one used first
  std::list<View> views_;         // likewise
  int64_t number_ = 0;
};

}  // namespace heed::cli
