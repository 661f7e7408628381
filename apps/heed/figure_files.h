// What figures of several verbs share: their texts and their files.
#pragma once

#include <string>
#include <vector>

#include "flags.h"
#include "heed/lens/drawing.h"

namespace heed::cli {

/// A figure has no tabs: blanks stand where an answer has one, as between a class and its probability.
std::string figure_text(const std::string& answer);

/// The files that are to be written; empty names are none.
std::vector<std::string> names_of(const FigureFiles& files);

bool wants_drawing(const FigureFiles& files);

/// Writes the drawing as each kind that is asked for, and what no font has to standard error.
void write_drawing(const FigureFiles& files, const lens::Drawing& drawing);

/// Throws UsageError for a --colour of the terminal where the results go `elsewhere`.
void check_colour(const std::string& colour, bool elsewhere);

}  // namespace heed::cli
