// What the verbs of `heed` are told: the command line fills these (command_line/), the bodies of the
// verbs read them. They lie in two binaries, so they hold plain data alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heed::cli {

/// Where a figure goes; empty names are none.
struct FigureFiles {
  std::string png, svg, pdf, html;
};

struct RecipeFlags {
  std::string file;
  std::vector<std::string> set;
};

struct AuditFlags {
  static constexpr const char* kVerb = "audit";
  std::string model, swap, pairs, columns, kind, target, of, output;
  std::vector<std::string> data, set;
  std::optional<int64_t> heads;
  int64_t seed = 1;
  bool json = false, truncate = false;
};

struct CheckFlags {
  static constexpr const char* kVerb = "check";
  RecipeFlags recipe;
  bool json = false;
};

struct EmbedFlags {
  static constexpr const char* kVerb = "embed";
  std::string model, output, search;
  std::vector<std::string> inputs, set;
  std::optional<int64_t> top;
  bool json = false, truncate = false;
};

struct EnvFlags {
  static constexpr const char* kVerb = "env";
  bool json = false;
};

struct EvalFlags {
  static constexpr const char* kVerb = "eval";
  std::string model;
  std::vector<std::string> data, set;
  std::string output, png, svg, background;
  std::optional<double> refuse;
  bool noise = false, json = false, truncate = false;
};

struct ExplainFlags {
  static constexpr const char* kVerb = "explain";
  std::string model, input, target, of, tokens;
  std::string method, baseline, unit;  // tokens
  std::optional<int64_t> layer, head, steps, budget, orders;
  std::string heads, layers, patch, against, edge;
  std::vector<std::string> data, set;
  int64_t seed = 1;
  FigureFiles files;
  std::string colour = "auto";
  bool no_tests = false, json = false, truncate = false;
};

struct ExportFlags {
  static constexpr const char* kVerb = "export";
  std::string model, folder;
  bool adapter = false;
};

struct ImportFlags {
  static constexpr const char* kVerb = "import";
  std::string map, tensors, out;
  bool force = false;
};

struct LookFlags {
  static constexpr const char* kVerb = "look";
  std::string model, host = "127.0.0.1", key_file;
  std::vector<std::string> inputs, with, set;
  int64_t port = 8765;
  bool truncate = false;
};

struct MapFlags {
  static constexpr const char* kVerb = "map";
  std::string model, input, target, layer, npy, record, view = "heat", colour = "auto";
  FigureFiles files;
  std::vector<std::string> set;
  int64_t head = 0;
  bool alignment = false, json = false, truncate = false, sinks = false;
};

struct PredictFlags {
  static constexpr const char* kVerb = "predict";
  std::string model;
  std::vector<std::string> inputs, set, with;
  std::optional<int64_t> top;
  std::optional<double> refuse, track_overlap;
  std::optional<int64_t> track_age;
  std::string prefix, target, output, withhold, withheld_log, figures;
  bool json = false, truncate = false, track = false;
};

struct QuantizeFlags {
  static constexpr const char* kVerb = "quantize";
  std::string model, folder, weights = "int8";
  std::vector<std::string> data;
  bool json = false;
};

struct ScoreFlags {
  static constexpr const char* kVerb = "score";
  std::string predicted;
  std::vector<std::string> references, metrics = {"bleu", "chrf"};
  std::string tokenize = "13a", smooth = "exp", language, scheme = "lenient", history;
  std::vector<double> quantiles;
  int64_t k = 10, season = 1;
  bool lowercase = false, stem = false, json = false;
};

struct ServeFlags {
  static constexpr const char* kVerb = "serve";
  std::vector<std::string> models, set;
  std::string host = "127.0.0.1", key_file;
  int64_t port = 8764, batch_tokens = 2048, queue = 4096, cache = 1024;
  double wait = 0;
  bool truncate = false;
};

struct SummaryFlags {
  static constexpr const char* kVerb = "summary";
  std::string model;
  std::vector<std::string> set;
  bool json = false;
};

struct TemplateFlags {
  static constexpr const char* kVerb = "recipe";
  std::string input, head, encoder;
  bool reference = false;
};

struct TrainFlags {
  static constexpr const char* kVerb = "train";
  RecipeFlags recipe;
  std::string out;
  bool resume = false, json = false;
};

}  // namespace heed::cli
