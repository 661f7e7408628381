// Error rates of transcripts, as jiwer counts them: words (WER) and characters (CER).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed {

/// The fewest changes that make the reference of the hypothesis, and what is equal in both.
struct EditCounts {
  int64_t hits = 0, substitutions = 0;
  int64_t deletions = 0;   ///< of the reference's, which the hypothesis lacks
  int64_t insertions = 0;  ///< of the hypothesis', which the reference has not

  EditCounts& operator+=(const EditCounts& other);
  bool operator==(const EditCounts&) const = default;

  int64_t errors() const { return substitutions + deletions + insertions; }
  int64_t expected() const { return hits + substitutions + deletions; }  ///< of the reference
  /// errors / expected, from 0 up, beyond 1 too; throws UsageError where nothing is expected.
  double rate() const;
};

/// One text beside another (Levenshtein 1966). Of several ways that change equally little, which differ in what they
/// substitute, the one that jiwer 4 (RapidFuzz) takes.
///
/// Words: what stands between spaces, where white space of two or more characters is one space and none counts at both
/// ends. Characters: code points, those of white space too, but for white space at both ends. Nothing else is normalised.
/// Cost: O(n m) time and n m bytes for texts of n and m words or characters; throws UsageError over 2^30 of these.
EditCounts word_edits(const std::string& hypothesis, const std::string& reference);
EditCounts character_edits(const std::string& hypothesis, const std::string& reference);

/// Summed over all lines; rate() of the sum is the corpus' WER or CER. Throws UsageError: no line, or another number of
/// references.
EditCounts corpus_word_edits(const std::vector<std::string>& hypotheses,
                             const std::vector<std::string>& references);
EditCounts corpus_character_edits(const std::vector<std::string>& hypotheses,
                                  const std::vector<std::string>& references);

}  // namespace heed
