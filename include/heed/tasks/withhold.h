// Answers that are held back: by patterns, and by a classifier of the user's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heed/tasks/head.h"

namespace heed {

/// What became of an answer.
struct Withheld {
  std::string by;  ///< the rule's name
  bool undecided =
      false;  ///< its pattern ran out of time or memory, so the text was held back unread
};

/// Rules of a TOML file, in which the first that applies counts, patterns before classifiers:
///
///   keep_text = false                # whether the log has the text that was withheld
///
///   [[pattern]]
///   name = "telephone"
///   match = '\d{3}-\d{4}'            # ICU's regular expressions, found anywhere in the text
///   ignore_case = false
///   milliseconds = 100               # of one text; beyond them it is withheld, too
///
///   [[classifier]]
///   name = "insult"
///   model = "models/insults"         # reads a text, answers a class or labels
///   class = "insult"
///   threshold = 0.5                  # its probability from which on a text is withheld
///
/// May be used by several threads at once; classifiers answer one text at a time.
class WithholdFilter {
 public:
  /// Throws ModelError with file and key for an unknown key, a bad pattern, two rules of a name, a file without rules, a
  /// model without that class; what opening the models throws.
  static WithholdFilter read(const std::filesystem::path& file);
  static WithholdFilter parse(std::string_view toml, const std::string& name);
  ~WithholdFilter();
  WithholdFilter(WithholdFilter&&) noexcept;

  /// The first rule that applies to one of the texts; nothing: they may go out. Bytes that are no UTF-8 are U+FFFD.
  /// Throws DataError for a text that a classifier cannot read.
  std::optional<Withheld> judge(const std::vector<std::string>& texts) const;
  bool keeps_text() const;

 private:
  struct Rules;
  explicit WithholdFilter(std::unique_ptr<Rules> rules);
  std::unique_ptr<Rules> rules_;
};

/// All texts of an answer that a model wrote or predicted: its line, the lines in its place, and every "output" of its
/// JSON.
std::vector<std::string> texts_of_answer(const Prediction& prediction);

/// A line of JSON for a log: {"time": "2026-01-31T12:00:00Z", "line": 7, "by": "telephone"}, with "undecided": true where it
/// is, and "text" where the filter keeps texts.
std::string withheld_log_line(const Withheld& withheld, int64_t line,
                              const std::vector<std::string>& texts, bool keep_text);

}  // namespace heed
