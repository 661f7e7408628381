#include "figure_files.h"

#include <iostream>

#include "core/printable.h"
#include "heed/core/error.h"
#include "output.h"

namespace heed::cli {

std::string figure_text(const std::string& answer) {
  std::string text;
  for (const char c : printable(answer, "\t")) c == '\t' ? text.append("  ") : text.append(1, c);
  return text;
}

std::vector<std::string> names_of(const FigureFiles& files) {
  return {files.png, files.svg, files.pdf, files.html};
}

bool wants_drawing(const FigureFiles& files) {
  return !(files.png.empty() && files.svg.empty() && files.pdf.empty() && files.html.empty());
}

void write_drawing(const FigureFiles& files, const lens::Drawing& drawing) {
  if (!files.png.empty()) write_file(files.png, drawing.png());
  if (!files.svg.empty()) write_file(files.svg, drawing.svg());
  if (!files.pdf.empty()) write_file(files.pdf, drawing.pdf());
  if (!files.html.empty()) write_file(files.html, drawing.html());
  // An SVG is drawn with its viewer's fonts.
  const bool own_fonts = !files.png.empty() || !files.pdf.empty();
  if (own_fonts && !drawing.note().empty())
    std::cerr << "heed: note: " << printable(drawing.note()) << '\n';
}

void check_colour(const std::string& colour, bool elsewhere) {
  if (colour != "auto" && elsewhere)
    throw UsageError(
        "--colour is of what is drawn in the terminal, and with --json or files to write nothing "
        "is");
}

}  // namespace heed::cli
