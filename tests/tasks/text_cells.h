// Small recipes whose head writes text.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include "files.h"
#include "heed/tasks/supervised.h"
#include "learning.h"

namespace heed::test {

inline std::map<std::string, double> by_name(const Metrics& metrics) {
  return {metrics.begin(), metrics.end()};
}

/// 60 pairs of words in two files, and recipes over them.
struct PairFiles {
  PairFiles() {
    std::ofstream source(folder / "a"), target(folder / "b");
    for (int i = 0; i < 60; ++i) {
      for (int j = 0; j <= i % 7; ++j) source << "w" << (i * j) % 11 << ' ';
      source << "x\n";
      target << "y" << i % 5 << " y\n";
    }
  }

  std::string path(const char* name) const { return (folder / name).string(); }
  std::string files() const { return "[\"" + path("a") + "\", \"" + path("b") + "\"]"; }

  /// `more`: keys behind the others, as --set gives them.
  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file =
        RecipeFile::parse("out = \"\"\nseed = " + std::to_string(learning_seed(0)) +
                              "\ndata.train = " + files() + "\ndata.valid = " + files() + R"(
[input]
kind = "parallel"
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
encoder_layers = 1
decoder_layers = 1
width = 16
hidden = 16
dropout = 0.0
encoder_attention = { num_heads = 2 }
decoder_attention = { num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
batch = 64
)",
                          "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  TemporaryFolder folder;
};

/// A text of some lines, and recipes of a language model of its characters.
struct CorpusFile {
  CorpusFile() {
    std::ofstream text(folder / "text");
    for (int i = 0; i < 80; ++i) text << "line " << i % 9 << " of the text\n";
  }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("out = \"\"\nseed = " + std::to_string(learning_seed(0)) +
                                      "\ndata.train = [\"" + (folder / "text").string() + R"("]
data.holdout = 0.2
[input]
kind = "corpus"
context = 16
tokenizer = { kind = "characters" }
[head]
kind = "text"
preset = "gpt"
decoder_layers = 1
width = 16
hidden = 16
dropout = 0.0
decoder_attention = { position = "rope", num_heads = 2 }
[train]
batch = 64
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  TemporaryFolder folder;
};

}  // namespace heed::test
