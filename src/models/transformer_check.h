// What a Transformer refuses.
#pragma once

#include "heed/models/transformer.h"

namespace heed::models {

/// Throws ModelError that names the field.
void check(TransformerOptions options, int64_t vocabulary, int64_t source_vocabulary);

/// Throws UsageError unless ids is (B, L) int64 of 0 .. vocabulary - 1.
void check_ids(const at::Tensor& ids, const char* name, int64_t vocabulary);

/// The same of a batch of sources; `rows`: how many there must be, -1: any number. A vocabulary of
/// 0 is that of a model without an encoder.
void check_source(const SourceBatch& source, int64_t vocabulary, int64_t rows);

/// The same of the states (B, Ls, width) that another encoder made.
void check_states(const SourceBatch& source, int64_t width, int64_t rows);

/// Whether a query's output does not depend on where it stands.
bool asks_for_no_place(const Attention& how);

}  // namespace heed::models
