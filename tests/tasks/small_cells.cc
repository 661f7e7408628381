#include "tasks/small_cells.h"

#include <map>

#include "data/samples.h"

namespace heed::test {
namespace {

using std::to_string;

std::string records(int count) {
  std::string text = "text,pair,height,weight,colour,side,labels\n";
  for (int i = 0; i < count; ++i)
    text += "the word" + to_string(i % 5) + " is here.,b" + to_string(i % 5) + " there," +
            to_string(i % 7) + ".5," + to_string(i % 4) + "," + (i % 3 ? "red," : "blue,") +
            (i % 2 ? "left," : "right,") + (i % 2 ? "tall" : "small") + "\n";
  return text;
}

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "the DET O\nword" + to_string(i % 5) + " NOUN B-place\nis VERB O\n\n";
  return text;
}

std::string lines(int count, const std::string& word) {
  std::string text;
  for (int i = 0; i < count; ++i) text += word + to_string(i % 5) + " " + word + "\n";
  return text;
}

/// Letters that last, and what they say.
std::string heard(int count) {
  std::string text = "heard,said\n";
  for (int i = 0; i < count; ++i)
    text += i % 2 ? "aaa-bb-" + std::string(static_cast<size_t>(i % 5), '-') + ",ab\n"
                  : "bb-_-aa-aa-" + std::string(static_cast<size_t>(i % 3), 'a') + ",b aa\n";
  return text;
}

std::string stories(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string room = i % 2 ? "attic" : "cellar";
    text += "1 Ada went to the " + room + ".\n2 Where is Ada?\t" + room + "\n";
  }
  return text;
}

std::string events(int users) {
  std::string text = "user,item,time\n";
  for (int user = 0; user < users; ++user)
    for (int i = 0; i < 5; ++i)
      text += "u" + to_string(user) + ",i" + to_string((user + i) % 6) + "," + to_string(i) + "\n";
  return text;
}

std::string rows(int count) {
  std::string text = "date,a,b\n";
  for (int i = 0; i < count; ++i)
    text += "2020-01-" + (i / 24 < 9 ? "0" + to_string(i / 24 + 1) : to_string(i / 24 + 1)) + " " +
            (i % 24 < 10 ? "0" : "") + to_string(i % 24) + ":00:00," + to_string(i % 12) + "," +
            to_string(i % 5) + "\n";
  return text;
}

/// IDX files of grey images of 8 x 8, two classes.
void write_images(const std::filesystem::path& folder, int count) {
  const auto number = [](int n) { return std::string{0, 0, char(n >> 8), char(n & 255)}; };
  std::string images = std::string{0, 0, 8, 3} + number(count) + number(8) + number(8);
  std::string labels = std::string{0, 0, 8, 1} + number(count);
  for (int i = 0; i < count; ++i) {
    images += std::string(64, char(i % 2 ? 200 : 20)), labels += char(i % 2);
    images[images.size() - 1 - static_cast<size_t>(i)] = 90;
  }
  write_bytes(folder / "set-images-idx3-ubyte", images);
  write_bytes(folder / "set-labels-idx1-ubyte", labels);
}

std::string clips(int count) {
  std::string text = "video,way\n";
  for (int i = 0; i < count; ++i)
    text += "clip" + to_string(i) + (i % 2 ? ",fading\n" : ",rising\n");
  return text;
}

/// Their three frames of 8 x 8.
void write_clips(const std::filesystem::path& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const auto clip = folder / ("clip" + to_string(i));
    std::filesystem::create_directories(clip);
    for (int t = 0; t < 3; ++t) {
      Bytes values(64, static_cast<uint8_t>(90 + (i % 2 ? -30 : 30) * t));
      values[static_cast<size_t>(i)] = 5;
      const auto bytes = png({8, 8, 0, 8, values});
      write_bytes(clip / (to_string(t) + ".png"), {bytes.begin(), bytes.end()});
    }
  }
}

constexpr const char* kEncoder =
    "encoder.width = 8\nencoder.layers = 1\nencoder.attention = { num_heads = 2 }\n";
constexpr const char* kPatches = "encoder.patch = 4\nencoder.stride = 4\n";
constexpr const char* kText =
    "input = { kind = 'text', column = 'text', tokenizer = { kind = 'words' } }\n";
constexpr const char* kSequences = R"(
width = 8
hidden = 8
decoder_layers = 1
decoder_attention = { num_heads = 2 }
)";

struct SmallCell {
  std::string file, data;  ///< one file; empty: none
  std::string recipe;
};

const std::map<std::string, SmallCell>& cells() {
  static const std::map<std::string, SmallCell> all{
      {"anomaly",
       {"rows.csv", rows(240),
        std::string(kEncoder) + kPatches +
            "input = { kind = 'series', time = 'date', look_back = 8, horizon = 1 }\n"
            "head = { kind = 'anomaly', window = 60, recent = 3 }\n"}},
      {"class",
       {"records.csv", records(24),
        kText + std::string(kEncoder) + "head = { kind = 'class', column = 'side' }\n"}},
      {"corpus",
       {"text.txt", lines(60, "w"),
        "[input]\nkind = 'corpus'\ncontext = 8\ntokenizer = { kind = 'characters' }\n[head]\nkind "
        "= "
        "'text'\npreset = 'gpt'\n" +
            std::string(kSequences)}},
      {"document",
       {"records.csv", records(24),
        std::string(kEncoder) +
            "input = { kind = 'document', column = 'text', tokenizer = { kind = 'words' } }\n"
            "encoder.pool = { num_heads = 2 }\nhead = { kind = 'class', column = 'side' }\n"}},
      {"embedding",
       {"records.csv", records(24),
        std::string(kEncoder) + "input = { kind = 'text', column = 'text', pair = 'pair', "
                                "tokenizer = { kind = 'words' } "
                                "}\nhead = { kind = 'embedding' }\n"}},
      {"forecast",
       {"rows.csv", rows(240),
        std::string(kEncoder) + kPatches +
            "input = { kind = 'series', time = 'date', look_back = 8, horizon "
            "= 2 }\nhead = { kind = "
            "'forecast', period = 4 }\n"}},
      {"image",
       {"", "",
        "encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n"
        "input = { kind = 'image' }\nhead = { kind = 'class' }\n"}},
      {"items",
       {"events.csv", events(20),
        "input = { kind = 'items', user = 'user', item = 'item', time = 'time', max_length = 4 }\n"
        "encoder = { width = 8, layers = 1 }\nhead = { kind = 'ranking', k = 1 }\n"}},
      {"labels",
       {"records.csv", records(24),
        kText + std::string(kEncoder) + "head = { kind = 'labels', column = 'labels' }\n"}},
      {"masked",
       {"records.csv", records(24),
        kText + std::string(kEncoder) + "head = { kind = 'masked' }\n"}},
      {"number",
       {"records.csv", records(24),
        std::string(kEncoder) +
            "input = { kind = 'table', numbers = ['weight'], categories = ['colour'] }\n"
            "head = { kind = 'number', column = 'height' }\n"}},
      {"recurrent_tags",
       {"words.conll", words(12),
        "data.columns = ['word', 'tag', 'name']\ninput = { kind = 'words', column = 'word' }\n"
        "encoder = { kind = 'recurrent', width = 8, layers = 1 }\n"
        "head = { kind = 'tags', column = 'name', scheme = 'iob2', decoder = 'crf' }\n"}},
      {"stories",
       {"stories.txt", stories(12),
        "input = { kind = 'stories' }\nencoder = { width = 8, layers = 1 }\n"
        "head = { kind = 'class', column = 'answer' }\n"}},
      {"transcript",
       {"heard.csv", heard(24),
        std::string(kEncoder) +
            "input = { kind = 'text', column = 'heard', tokenizer = { kind = 'characters' } }\n"
            "head = { kind = 'transcript', column = 'said' }\n"}},
      {"translation",
       {"", "",
        "[input]\nkind = 'parallel'\nsource = { kind = 'words' }\ntarget = { kind = 'words' }\n"
        "[head]\nkind = 'text'\nencoder_layers = 1\nencoder_attention = { num_heads = 2 }\n"
        "cross_attention = { num_heads = 2 }\n" +
            std::string(kSequences)}},
      {"video",
       {"clips.csv", clips(12),
        "encoder = { patch = 4, width = 8, layers = 1, time_layers = 1, attention = { num_heads = "
        "2 }, time_attention = { num_heads = 2 } }\n"
        "input = { kind = 'video', frames = 2 }\nhead = { kind = 'class', column = 'way' }\n"}},
  };
  return all;
}

}  // namespace

std::vector<std::string> small_cell_names() {
  std::vector<std::string> names;
  for (const auto& [name, cell] : cells()) names.push_back(name);
  return names;
}

std::string small_cell(const std::string& name, const std::filesystem::path& folder) {
  const auto& cell = cells().at(name);
  if (!cell.file.empty()) write_bytes(folder / cell.file, cell.data);
  std::string train = "['" + (folder / cell.file).string() + "']";
  if (name == "image") {
    write_images(folder, 12);
    train = "'" + (folder / "set").string() + "'";
  }
  if (name == "video") write_clips(folder, 12);
  if (name == "translation") {
    write_bytes(folder / "a", lines(20, "a")), write_bytes(folder / "b", lines(20, "b"));
    train = "['" + (folder / "a").string() + "', '" + (folder / "b").string() + "']";
  }
  return "data.train = " + train + "\n" + cell.recipe +
         "\n[train]\nbatch = " + (name == "translation" ? "64" : "8") +
         "\noptimizer = { kind = 'adamw' }\n";
}

}  // namespace heed::test
