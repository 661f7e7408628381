// Files of records: tables, JSON lines, annotated sentences, plain lines.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/records.h"

namespace heed::data {

/// How a file of records is written; by_name: as the file's name says.
enum class RecordFormat {
  by_name,
  csv,
  tsv,
  jsonl,
  conllu,
  conll,
  lines,
  squad,
  voc,
  coco,
  flickr
};
constexpr std::array<const char*, 11> words(RecordFormat) {
  return {"", "csv", "tsv", "jsonl", "conllu", "conll", "lines", "squad", "voc", "coco", "flickr"};
}

/// How a file of records is read; one table of a recipe.
struct RecordOptions {
  RecordFormat format = RecordFormat::by_name;
  bool header = true;                     ///< csv, tsv: the first row of a file names the columns
  std::vector<std::string> columns = {};  ///< names where the file has none; empty: "1", "2", ..
  std::string delimiter = "";  ///< csv, tsv: one ASCII character, or "whitespace"; empty: , or tab
  std::optional<bool> quoting = {};  ///< csv, tsv: quotes as in RFC 4180; absent: csv yes, tsv no
  bool comments = false;             ///< conll: a line that begins with "# " is a comment
  std::string images = "";  ///< voc, coco, flickr: folder of the images; empty: see open_records

  template <class Visitor>
  void fields(Visitor&& v) {
    v("format", format,
      "csv, tsv, jsonl (an object a line), conllu (also CoNLL-U Plus), conll (a word a line), "
      "lines (a text a line), squad (SQuAD's JSON), voc (Pascal VOC's XML), coco (COCO's JSON), "
      "flickr (Flickr8k's captions, name.jpg#0 and a tab before each); "
      "empty: by the file's name");
    using enum RecordFormat;
    const bool table = format == by_name || format == csv || format == tsv;
    if (table) {
      v("header", header, "the first row of a file names the columns");
      v("delimiter", delimiter,
        "the character between cells, or whitespace (any run of blanks and tabs); empty: a comma "
        "for csv, a tab for tsv");
      v("quoting", quoting,
        "a cell in double quotes may hold delimiters, line breaks and doubled quotes; csv: true, "
        "tsv: false");
    }
    if (table || format == conllu || format == conll) {
      v("columns", columns,
        "names of the columns where the file has none; a last one that ends with * takes all "
        "columns that follow (conll, conllu)");
    }
    if (format == by_name || format == conll)
      v("comments", comments, "conll: a line that begins with '# ' is a comment");
    if (format == voc || format == coco || format == flickr)
      v("images", images,
        "the folder of the images; empty: of voc JPEGImages beside the annotations' folder, or "
        "that folder itself; of coco the file's folder, or the one that the file is named after; "
        "of flickr the file's folder");
  }
};

/// The format by the file's name. Throws UsageError where it says none.
RecordFormat record_format_of(std::filesystem::path file);

/// Reads the files of a split into memory, one after another; "-" is standard input, which may be a
/// pipe and needs options.format. Files are read as LineReader does (lines.h: UTF-8, plain or
/// gzipped, a byte order mark is left out), which also throws. The format comes from the name: .csv
/// .tsv .jsonl .conllu .conllup .conll, .txt for lines, .json for squad, .xml for voc; .gz behind it is left out.
/// An empty cell is a missing one.
///
/// - csv, tsv: a row has as many cells as the first. Quotes as in RFC 4180: a cell that begins with
///   a quote ends at the next one that is not doubled, and may hold delimiters and line breaks,
///   which stay as they are (CRLF too). A quote elsewhere is an error, unless quoting is off and
///   quotes are characters. Empty lines may stand before the first row and at the end. Without a
///   header columns are named by `columns`, or "1", "2", ... With delimiter "whitespace" cells are
///   what stands between runs of blanks and tabs, and none is empty.
/// - jsonl: a line is an object. {"a": {"b": 1}} has the column "a.b"; an array of texts and numbers
///   is a list; an array of objects is a list for each of their keys, all of one length, as
///   {"spans": [{"start": 1, "end": 3}]} has the lists "spans.start" and "spans.end". Numbers keep
///   their text, booleans are "true" and "false", null and an absent key are missing. Columns stand
///   in the order in which they are met. A column is a text or a list in all records; an array in
///   an array is an error.
/// - conllu: a sentence is a record (universaldependencies.org/format.html). Lists: id, form, lemma,
///   upos, xpos, feats, head, deprel, deps, misc; in CoNLL-U Plus what "# global.columns" names, in
///   lower case. Texts: sent_id and text of the comments; other comments are passed over. An item
///   "_" stays "_", and an empty one behind the ten columns of CoNLL-U is read as "_". Multiword
///   tokens (1-2) and empty nodes (1.1) are in no list, and counted.
///   Checked: numbers 1, 2, ..; ranges; a head from 0 to the number of words and not the word
///   itself (or "_"). For other columns without "# global.columns" `columns` names them all.
/// - conll: a line is a word, its columns parted by tabs where the line has one and else by blanks;
///   an empty line ends the sentence. Every column is a list. Lines -DOCSTART- are counted. A line
///   that begins with # is a word, too, unless `comments`.
/// - conll, conllu: where the last name ends with *, as "args*", that list (named without the *)
///   holds all columns that follow, joined by tabs; their number may differ between sentences, but
///   not in one. None of them: an empty item.
/// - lines: a line is a record, column "text". An empty line, or one of white space, is an error.
/// - squad: one JSON object as SQuAD's files (Rajpurkar et al. 2016, 2018): data, paragraphs, qas,
///   answers. A question is a record with the texts id, title, question and context and the lists
///   answers.text and answers.answer_start, both empty where there is no answer; places count the
///   questions of the file. `is_impossible` must agree with the answers. Other keys of questions
///   are counted. The file and its JSON are in memory while it is read.
///
/// - voc: Pascal VOC's annotations (Everingham et al. 2010). A file is an image set, as
///   ImageSets/Main/train.txt, whose lines name annotations of the folder Annotations beside ImageSets;
///   an .xml file; or a folder of these. An annotation is a record: the text image, the image's file as
///   the annotation's folder sees it, and the list boxes, an item an object as to_text(ObjectBox) writes it
///   (boxes.h): corners counted from 0, "difficult" behind those that are. Places name the .xml file.
/// - coco: COCO's JSON of objects (Lin et al. 2014): images, annotations, categories. An image is a
///   record: image, boxes as of voc ("crowd" where iscrowd is 1), and the text id. A category without
///   an object is no class. Images lie in the file's folder or, of annotations/instances_val2017.json,
///   in val2017 or images beside it or above.
///   Of voc and coco: a file that is no such XML or JSON, an element or key that is missing, a box outside of
///   its image or without area, and an image's file that is not there are DataErrors with file, line (of
///   XML) or key.
///
/// - flickr: captions as Flickr8k.token.txt has them (Hodosh et al. 2013), "name.jpg#0", a tab, the
///   caption: the texts image and caption. Images lie in `images`, or else in the file's folder. A line
///   without tab, name or number is a DataError.
///
/// The files of a split have the same columns (jsonl: a key may be absent anywhere).
///
/// Throws UsageError: a name that says no format, a delimiter that cannot be one, `columns` beside a
/// header.
/// DataError, with file, line and column: other numbers of cells, quotes that do not end (the line
/// where they begin), the same name twice, invalid JSON or CoNLL, an end inside a sentence's rules,
/// a record or a line over kLongestLine bytes, no record. FileError where a file cannot be read.
/// Error(Failure::memory), with both numbers, where the file is larger than the memory available.
/// Memory: the text, 16 bytes a cell, 8 a list's item. Cost: O(bytes).
RecordsPtr open_records(const std::vector<std::filesystem::path>& files,
                        const RecordOptions& options = {});

}  // namespace heed::data
