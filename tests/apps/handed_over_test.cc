// What a user hands over to the program, or closes under it, is not lost, and is named as it is.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "data/samples.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HandedOver : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = train_once("map", write_small_set, {"--set", "train.epochs=1"});
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// heed map MODEL IMAGE ...
  static Result map(std::vector<std::string> words, const RunOptions& options = {}) {
    words.insert(words.begin(), {"map", trained_.model, trained_.file("test") + ":3"});
    return run(words, options);
  }
  /// heed train of the small recipe for one epoch into `out`.
  static Result train(const std::string& out, std::vector<std::string> more = {},
                      const RunOptions& options = {}) {
    more.insert(more.begin(), {"train", trained_.recipe, "--out", out, "--set", "train.epochs=1"});
    return run(more, options);
  }
  /// A folder of two classes with two images each, 4 x 4.
  void write_classes(const std::string& name, const std::vector<std::string>& classes) {
    for (const auto& label : classes) {
      folder_.write(name + "/" + label + "/a.png", plain_png({1, 4, 4}, 50));
      folder_.write(name + "/" + label + "/b.png", plain_png({1, 4, 4}, 200));
    }
  }
  /// A recipe that learns such a folder in a moment.
  std::string recipe_of(const std::string& images) {
    write_bytes(path("images.toml"), R"(
[input]
kind = "image"
[data]
train = ")" + path(images) + R"("
[encoder]
kind = "image"
patch = 4
width = 8
layers = 1
hidden = 8
attention = { num_heads = 1 }
[head]
kind = "class"
[train]
epochs = 1
batch = 2
)");
    return path("images.toml");
  }

  static inline Trained trained_;
  TempFolder folder_;
};

mode_t mode_of_file(const std::string& file) {
  struct stat status {};
  EXPECT_EQ(stat(file.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST_F(HandedOver, OutputsGoWhereTheirNamesLead) {
  write_bytes(path("private.png"), "old");
  chmod(path("private.png").c_str(), 0600);
  write_bytes(path("private.png.partial"), "a user's");
  fs::create_symlink("private.png", path("link.png"));
  const auto null = device_in(folder_, "null", 3), full = device_in(folder_, "full", 7);
  auto result = map({"--png", path("link.png"), "--svg", null});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(fs::is_symlink(path("link.png")));
  EXPECT_THAT(read_bytes(path("private.png")), StartsWith("\x89PNG"));
  EXPECT_EQ(mode_of_file(path("private.png")), 0600u);
  EXPECT_EQ(read_bytes(path("private.png.partial")), "a user's");
  EXPECT_TRUE(fs::is_character_file(null));
  EXPECT_THAT(map({"--png", "/dev/stdout"}).out, StartsWith("\x89PNG"));
  result = map({"--png", full});
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.err,
            "heed: error: cannot write " + full.string() + ": No space left on device\n");
  EXPECT_TRUE(fs::is_character_file(full));
}

TEST_F(HandedOver, AnInputIsNoOutput) {
  for (const char* part : {"-images-idx3-ubyte", "-labels-idx1-ubyte"})
    fs::copy(trained_.file("test") + part, path(std::string("set") + part));
  const auto images = path("set-images-idx3-ubyte");
  const auto before = read_bytes(images);
  fs::create_symlink(images, path("link"));
  fs::create_hard_link(images, path("hard"));
  for (const auto& output : {images, path("link"), path("hard")}) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"map", trained_.model, path("set") + ":3", "--png", output},
             {"eval", trained_.model, "--data", path("set"), "--output", output}}) {
      const auto result = run(words);
      EXPECT_EQ(result.code, 2) << result.err;
      EXPECT_THAT(result.err, HasSubstr("would be written over"));
    }
  }
  EXPECT_EQ(read_bytes(images), before);
  fs::copy(trained_.model, path("run"), fs::copy_options::recursive);
  const auto weights = path("run/best/model.safetensors");
  EXPECT_EQ(run({"map", path("run"), path("set") + ":3", "--svg", weights}).code, 2);
  EXPECT_THAT(read_bytes(weights), Not(StartsWith("<?xml")));
  EXPECT_THAT(map({"--svg", path("a"), "--png", path("a")}).err, HasSubstr("written twice"));
}

TEST_F(HandedOver, FullStandardOutputIsNoSuccess) {
  const auto test = trained_.file("test"), train = trained_.file("train");
  const auto result =
      run({"predict", trained_.model, test, train, test, train, "--json"}, {.out = "/dev/full"});
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.err, "heed: error: cannot write standard output: No space left on device\n");
}

TEST_F(HandedOver, ClosedDescriptorsStayClosed) {
  const auto bytes_of =
      [&](const std::string& out) {  // of the files whose size is the same each time
        uintmax_t bytes = 0;
        for (const auto& entry : fs::recursive_directory_iterator(out))
          if (entry.path().string().find("tfevents") != std::string::npos)
            bytes += entry.file_size();
        return bytes;
      };
  const auto whole = path("whole");
  EXPECT_EQ(train(whole).code, 0);
  EXPECT_GT(bytes_of(whole), 0u);
  for (const auto& closed : std::vector<std::vector<int>>{{2}, {1, 2}, {0, 2}, {0, 1, 2}}) {
    const auto out = path("run" + std::to_string(closed.size()) + std::to_string(closed[0]));
    const bool heard = closed[0] != 1 && closed.size() < 3;
    EXPECT_EQ(train(out, {}, {.closed = closed}).code, heard ? 0 : 5)
        << "the result reached nobody";
    for (const auto& line : lines_of(read_bytes(out + "/log.jsonl")))
      EXPECT_TRUE(json::accept(line)) << line;
    EXPECT_EQ(bytes_of(out), bytes_of(whole)) << "progress went into a file";
    const auto more =
        run({"train", trained_.recipe, "--out", out, "--resume", "--set", "train.epochs=2"});
    EXPECT_EQ(more.code, 0) << more.err;
  }
}

TEST_F(HandedOver, AFailedStartLeavesNothingBehind) {
  const auto out = path("new/run");
  const auto failed = train(out, {}, {.largest_file = 4000});
  EXPECT_EQ(failed.code, 5);
  EXPECT_THAT(failed.err, HasSubstr(out));
  EXPECT_THAT(failed.err, HasSubstr("File too large"));
  EXPECT_FALSE(fs::exists(path("new")));
  EXPECT_EQ(train(out).code, 0);
}

TEST_F(HandedOver, AFailedStartKeepsCurvesThatStoodThere) {
  const auto curves = path("run/events.out.tfevents.7.of.another");
  fs::create_directories(path("run"));
  write_bytes(curves, "a user's");
  EXPECT_EQ(train(path("run"), {}, {.largest_file = 4000}).code, 5);
  EXPECT_EQ(read_bytes(curves), "a user's");
}

TEST_F(HandedOver, AFolderOfOtherThingsIsNoRun) {
  fs::create_directories(path("home/.notes.old-2020"));
  const auto result = train(path("home"), {"--resume"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr(".notes.old-2020"));
  EXPECT_TRUE(fs::exists(path("home/.notes.old-2020")));
  EXPECT_EQ(std::distance(fs::directory_iterator(path("home")), {}), 1);
}

TEST_F(HandedOver, TheCommandThatAStoppedRunPrintsWorks) {
  const auto recipe = path("it's a recipe.toml"), out = path("a run");
  fs::copy(trained_.recipe, recipe);
  const auto begun = [&] {
    return fs::exists(out + "/log.jsonl") &&
           read_bytes(out + "/log.jsonl").find("\"step\":4,") != std::string::npos;
  };
  const auto stopped = run({"train", recipe, "--out", out, "--set", "train.optimizer={lr = 2e-2}",
                            "--threads", "1", "--json"},
                           {.signal = SIGINT, .when = begun});
  ASSERT_EQ(stopped.code, 128 + SIGINT) << stopped.err;
  const std::string before = "go on by: ";
  const size_t at = stopped.err.find(before);
  ASSERT_NE(at, std::string::npos) << stopped.err;
  const auto command = stopped.err.substr(at + before.size());
  EXPECT_THAT(command, HasSubstr("--threads 1"));
  const auto pasted = run({"-c", command}, {.program = "/bin/bash"});
  EXPECT_EQ(pasted.code, 0) << command << pasted.err;
  EXPECT_TRUE(fs::exists(out + "/last-00000042"));
}

TEST_F(HandedOver, ClassNamesAreUtf8) {
  write_classes("images", {"good",
                           "b\xe4"
                           "d"});
  const auto recipe = recipe_of("images");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"check", recipe}, {"train", recipe, "--out", path("run")}}) {
    const auto result = run(words);
    EXPECT_EQ(result.code, 3) << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr("/b\\xe4d: a class is named in UTF-8"));
  }
  EXPECT_FALSE(fs::exists(path("run")));
  const auto checked = run({"check", recipe, "--json"});
  EXPECT_EQ(checked.code, 3);
  EXPECT_TRUE(json::accept(checked.out)) << checked.out;
}

TEST_F(HandedOver, NamesInARecipeAreUtf8) {
  const auto out = path("r\xfcn");
  auto result = train(out, {"--json"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("r\\xfcn\" is no UTF-8"));
  EXPECT_FALSE(fs::exists(out));
  fs::copy(trained_.file("test-images-idx3-ubyte"), path("t\xe4st-images-idx3-ubyte"));
  fs::copy(trained_.file("test-labels-idx1-ubyte"), path("t\xe4st-labels-idx1-ubyte"));
  result = train(path("run"), {"--set", "data.test=" + path("t\xe4st")});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("data.test"));
  EXPECT_FALSE(fs::exists(path("run")));
  result = run({"eval", trained_.model, "--data", path("t\xe4st"), "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(json::accept(result.out)) << result.out;
}

TEST_F(HandedOver, LinksInCirclesAreNamed) {
  fs::create_symlink("y", path("x"));
  fs::create_symlink("x", path("y"));
  write_classes("images", {"a", "b"});
  const auto recipe = recipe_of("images");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"predict", trained_.model, path("x")},
           {"map", trained_.model, path("x") + ":3"},
           {"map", trained_.model, path("x")},
           {"eval", trained_.model, "--data", path("x")},
           {"eval", path("x")},
           {"check", path("x")},
           {"check", recipe, "--set", "data.train=" + path("x")},
           {"map", trained_.model, trained_.file("test") + ":3", "--png", path("x")},
           {"train", recipe, "--out", path("x")}}) {
    const auto result = run(words);
    EXPECT_TRUE(result.code == 3 || result.code == 5) << result.code << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr(path("x")));
    EXPECT_THAT(result.out + result.err, HasSubstr("Too many levels of symbolic links"));
  }
  fs::create_directory_symlink("..", path("images/b/up"));
  const auto found = run({"check", recipe});
  EXPECT_EQ(found.code, 3);
  EXPECT_THAT(found.out, HasSubstr("images/b/up: a link to a folder that it lies in"));
  fs::remove(path("images/b/up"));
  fs::create_symlink(path("x"), path("images/b/c.png"));
  EXPECT_THAT(run({"train", recipe, "--out", path("run")}).err, HasSubstr("images/b/c.png"));
}

TEST_F(HandedOver, ControlCharactersInNamesAreEscaped) {
  write_classes("images", {"calm", "a\x1b[31m\nb"});
  const auto recipe = recipe_of("images");
  const auto raw = testing::AnyOf(HasSubstr("\x1b"), HasSubstr("31m\n"));
  const auto escaped = HasSubstr("a\\x1b[31m\\nb");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"check", recipe},
           {"train", recipe, "--out", path("run")},
           {"eval", path("run"), "--data", path("images")},
           {"predict", path("run"), path("images/a\x1b[31m\nb/a.png")},
           {"map", path("run"), path("images/a\x1b[31m\nb/a.png")},
           {"predict", path("run"), path("none/a\x1b[31m\nb")},
           {"train", path("none/a\x1b[31m\nb.toml")}}) {
    const auto result = run(words);
    EXPECT_THAT(result.out + result.err, escaped) << words[0];
    EXPECT_THAT(result.out + result.err, Not(raw)) << words[0];
  }
  const auto seen =
      json::parse(run({"predict", path("run"), path("images/calm/a.png"), "--json"}).out);
  const std::vector<std::string> names{seen["top"][0]["class"], seen["top"][1]["class"]};
  EXPECT_THAT(names, testing::Contains("a\x1b[31m\nb"));
}

TEST_F(HandedOver, CheckVerifiesEveryFileOfAModel) {
  fs::copy(trained_.model, path("run"), fs::copy_options::recursive);
  auto result = run({"check", path("run")});
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* name : {"/best/recipe.toml", "/best/classes.json", "/best/model.safetensors",
                           "/last-00000007/state.json"})
    EXPECT_THAT(result.out, HasSubstr("verified\t" + path("run") + name + "\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("no checksum")));
  const auto checked = json::parse(run({"check", path("run"), "--json"}).out);
  EXPECT_EQ(checked["folders"][0]["files"]["recipe.toml"], "verified");
  // Another mean changes every answer.
  auto recipe = read_bytes(path("run/best/recipe.toml"));
  const size_t mean = recipe.find("mean = [0.");
  ASSERT_NE(mean, std::string::npos) << recipe;
  recipe[mean + 10] = recipe[mean + 10] == '9' ? '8' : '9';
  write_bytes(path("run/best/recipe.toml"), recipe);
  for (const char* verb : {"check", "eval", "summary"}) {
    result = run({verb, path("run")});
    EXPECT_EQ(result.code, 4) << verb;
    EXPECT_THAT(result.err, HasSubstr("best/recipe.toml: has the checksum")) << verb;
  }
}

/// A mapping of a tensor file's tensors onto themselves.
std::string identity_map(const std::string& tensors) {
  const auto bytes = read_bytes(tensors);
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  std::string text = "recipe = \"recipe.toml\"\n";
  const auto header = json::parse(bytes.substr(8, size));
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__")
      text += "[[tensor]]\nto = \"" + name + "\"\nfrom = \"" + name + "\"\n";
  return text + "[[file]]\nfrom = \"classes.json\"\nto = \"classes.json\"\n";
}

TEST_F(HandedOver, ImportReplacesOnlyByForceAndOnlyAModel) {
  write_classes("images", {"a", "b"});
  ASSERT_EQ(run({"train", recipe_of("images"), "--out", path("run")}).code, 0);
  const auto best = path("run/best");
  write_bytes(path("map.toml"), identity_map(best + "/model.safetensors"));
  fs::copy(best + "/recipe.toml", path("recipe.toml"));
  const std::vector<std::string> words{"import", path("map.toml"), best + "/model.safetensors",
                                       "--out", path("model")};
  auto forced = words;
  forced.emplace_back("--force");
  auto result = run(words);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(run({"check", path("model")}).code, 0);
  result = run(words);
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--force"));
  EXPECT_EQ(run(forced).code, 0);
  write_bytes(path("model/notes"), "a user's");
  result = run(forced);
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("'notes'"));
  EXPECT_EQ(read_bytes(path("model/notes")), "a user's");
}

}  // namespace
}  // namespace heed::test
