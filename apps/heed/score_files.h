// The files that heed score reads, pipes and standard input ("-") among them. All throw DataError
// with file:line, FileError as LineReader.
#pragma once

#include <string>
#include <vector>

namespace heed::cli {

std::vector<std::string> lines_of_file(const std::string& file);

/// The number that is the whole text. Throws DataError that begins with `place`.
double parsed_number(const std::string& text, const std::string& place);

/// Numbers of a file of lines, as many on each; white space or commas part them.
struct NumberTable {
  std::string file;
  size_t rows = 0, columns = 0;
  std::vector<double> values;  ///< (rows, columns)
};
NumberTable numbers_of_file(const std::string& file);

/// A table's only column. Throws DataError where there are more.
std::vector<double> column_of(const NumberTable& table);
/// The same as whole numbers from 0.
std::vector<int64_t> indices_of(const NumberTable& table);

/// Columns of the lines of a sentence, and where it begins.
struct SentenceRows {
  std::string place;  ///< "file:17"
  std::vector<std::vector<std::string>> rows;
};

enum class Columns { kSpaced, kTabbed };
/// Sentences with an empty line between them. kTabbed: CoNLL-U, whose comments (lines that begin
/// with # before a sentence), parts of words ("3-4") and empty nodes ("3.1") are left out.
std::vector<SentenceRows> sentences_of_file(const std::string& file, Columns columns);

/// Throws DataError unless both files have as many lines (`what`: "lines", "sentences").
void check_same_length(const std::string& file, size_t size, const std::string& other,
                       size_t other_size, const char* what);

}  // namespace heed::cli
