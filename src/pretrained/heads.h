// The heads of folders: what config.json says of classes, as [head] and the files that heads keep.
#pragma once

#include "pretrained/architecture.h"

namespace heed::pretrained {

/// A layer before a head's last one; `activation` none: there is no such layer.
struct DenseLayer {
  std::string activation = "none";
  bool bias = true;
  bool norm = false;  ///< whether it ends with a normalisation, of `norm_eps`
  bool norm_bias = true;
  double norm_eps = 1e-5;
};

/// What stands between tokens and classes.
struct PooledHead {
  std::string pool = "first";
  DenseLayer dense = {};
  double dropout = 0;
};

/// [head] for classes of whole records: one of several (class), several at once (labels) or, of one
/// alone, a number, as problem_type or the number of labels says. Returns how many there are.
int64_t add_label_head(Plan& plan, Config& config, const PooledHead& how);
/// The same for a class a token; spans as B-X and I-X where all classes are called so.
int64_t add_tags_head(Plan& plan, Config& config, const DenseLayer& dense, double dropout);
void add_spans_head(Plan& plan, const DenseLayer& dense, double dropout);
/// A vector a text: the mean of its tokens, if nothing else is said.
void add_embedding_head(Plan& plan, const std::string& pool = "mean");

/// [head.generate] as generation_config.json says.
void add_generation(Plan& plan, const Given& given);

/// Counts of `vocabulary` pieces, of which training has seen none.
std::string no_counts(int64_t vocabulary);

/// A tokenizer.json for an embedding of `rows`.
void add_tokenizer(Plan& plan, const std::string& table, int64_t rows);

/// [input] of texts that are read, at most `max_length` tokens (0: any number) of an embedding of
/// `rows`; two columns for questions.
void add_text_input(Plan& plan, Task task, int64_t rows, int64_t max_length);

}  // namespace heed::pretrained
