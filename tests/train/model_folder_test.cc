#include "heed/train/model_folder.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <torch/nn.h>

#include "core/folder_test_helpers.h"
#include "heed/core/error.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using testing::HasSubstr;

ModelFiles example(float value, bool state = false) {
  ModelFiles files;
  files.recipe = "task = \"classify\"\n";
  files.tensors = {{"layer.weight", at::full({3, 2}, value)}, {"layer.bias", at::zeros({3})}};
  files.metrics = R"({"accuracy": 0.5})";
  files.others = {{"classes.txt", "shoe\nbag\n"}};
  if (state) files.state = TrainState{{{"adam.step", at::full({}, 7)}}, R"({"step": 7})"};
  return files;
}

float value_of(const ModelFiles& files) { return files.tensors.at(0).second[0][0].item<float>(); }

template <class Call>
void throws_model_error(const Call& call, const std::vector<std::string>& says) {
  try {
    call();
    ADD_FAILURE() << "no error; expected: " << says.front();
  } catch (const ModelError& error) {
    for (const auto& text : says) EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(ModelFolder, RoundTrip) {
  const TemporaryFolder here;
  save_model(here / "m", example(2, true));
  const ModelFiles back = load_model(here / "m", WithState::yes);
  EXPECT_EQ(back.recipe, example(2).recipe);
  EXPECT_EQ(back.metrics, example(2).metrics);
  EXPECT_EQ(back.others, example(2).others);
  EXPECT_EQ(back.tensors[1].first, "layer.bias");
  EXPECT_EQ(value_of(back), 2);
  ASSERT_TRUE(back.state);
  EXPECT_EQ(back.state->values, R"({"step": 7})");
  EXPECT_EQ(back.state->tensors[0].second.item<float>(), 7);
  EXPECT_FALSE(load_model(here / "m").state);
}

TEST(ModelFolder, ASavedModelReplacesTheWholeOldOne) {
  const TemporaryFolder here;
  save_model(here / "m", example(1, true));
  ModelFiles plain = example(2);
  plain.others.clear();
  save_model(here / "m", plain);
  EXPECT_EQ(value_of(load_model(here / "m")), 2);
  EXPECT_FALSE(fs::exists(here / "m" / "state.json"));
  EXPECT_FALSE(fs::exists(here / "m" / "classes.txt"));
}

TEST(ModelFolder, AFolderOfOtherThingsIsNotReplaced) {
  const TemporaryFolder here;
  fs::create_directory(here / "home");
  save_model(here / "home", example(1));  // an empty folder is
  fs::remove_all(here / "home");
  fs::create_directory(here / "home");
  test::write_bytes(here / "home" / "thesis.tex", "years");
  EXPECT_THROW(save_model(here / "home", example(1)), UsageError);
  EXPECT_EQ(test::read_bytes(here / "home" / "thesis.tex"), "years");
}

TEST(ModelFolder, OtherFilesHavePlainNames) {
  const TemporaryFolder here;
  for (const char* name : {"", "..", "a/b", "/etc/passwd", "recipe.toml", "state.json"}) {
    ModelFiles files = example(1);
    files.others.emplace(name, "x");
    EXPECT_THROW(save_model(here / "m", files), UsageError) << name;
  }
  EXPECT_TRUE(fs::is_empty(here.path()));
}

TEST(ModelFolder, MissingAndDamagedFilesAreNamed) {
  const TemporaryFolder here;
  const auto load = [&] { load_model(here / "m", WithState::yes); };
  for (const char* name :
       {"recipe.toml", "model.safetensors", "metrics.json", "state.safetensors", "state.json"}) {
    save_model(here / "m", example(1, true));
    fs::remove(here / "m" / name);
    throws_model_error(load, {"lacks", name});
    save_model(here / "n", example(1));  // the damaged folder still counts as a model
    fs::remove_all(here / "m");
  }
  for (const char* name : {"recipe.toml", "metrics.json", "state.json", "classes.txt",
                           "model.safetensors", "state.safetensors"}) {
    save_model(here / "m", example(1, true));
    std::string bytes = test::read_bytes(here / "m" / name);
    bytes[bytes.size() - 2] ^= 1;
    test::write_bytes(here / "m" / name, bytes);
    throws_model_error(load, {name, "checksum"});
  }
  save_model(here / "m", example(1));
  throws_model_error(load, {"lacks state.safetensors"});
  fs::remove(here / "m" / "classes.txt");
  EXPECT_THROW(load_model(here / "m"), FileError);
}

/// As it was written before recipe and metrics had checksums.
void write_old_folder(const fs::path& folder, const ModelFiles& files) {
  fs::create_directory(folder);
  test::write_bytes(folder / "recipe.toml", files.recipe);
  test::write_bytes(folder / "metrics.json", files.metrics);
  write_safetensors(folder / "model.safetensors", files.tensors);
}

TEST(ModelFolder, AFolderWithoutChecksumsOpens) {
  const TemporaryFolder here;
  write_old_folder(here / "m", example(3));
  const auto back = load_model(here / "m");
  EXPECT_EQ(back.recipe, example(3).recipe);
  EXPECT_EQ(value_of(back), 3);
  test::write_bytes(here / "m" / "metrics.json", "{");
  throws_model_error([&] { load_model(here / "m"); }, {"metrics.json", "not valid JSON"});
}

TEST(ModelFolder, VerifyingSaysWhatWasVerified) {
  const TemporaryFolder here;
  using enum FileState;
  save_model(here / "m", example(1, true));
  test::write_bytes(here / "m" / "notes", "a user's");
  const std::vector<std::pair<std::string, FileState>> all{
      {"classes.txt", verified},       {"metrics.json", verified},
      {"model.safetensors", verified}, {"notes", foreign},
      {"recipe.toml", verified},       {"state.json", verified},
      {"state.safetensors", verified}};
  EXPECT_EQ(verify_model(here / "m"), all);
  test::write_bytes(here / "m" / "recipe.toml", "task = \"classifY\"\n");
  throws_model_error([&] { verify_model(here / "m"); }, {"recipe.toml", "checksum", "--set"});
  write_old_folder(here / "old", example(1));
  const std::vector<std::pair<std::string, FileState>> old{
      {"metrics.json", no_checksum}, {"model.safetensors", verified}, {"recipe.toml", no_checksum}};
  EXPECT_EQ(verify_model(here / "old"), old);
}

TEST(ModelFolder, WhatCannotBeReadBackReplacesNothing) {
  const TemporaryFolder here;
  save_model(here / "m", example(1));
  auto files = example(2);
  files.recipe = "classes = [\"\xff\"]\n";
  throws_model_error([&] { save_model(here / "m", files); }, {"recipe.toml", "not TOML"});
  files = example(2);
  files.metrics = "{\"accuracy\": ";
  throws_model_error([&] { save_model(here / "m", files); }, {"metrics.json", "not valid JSON"});
  EXPECT_EQ(value_of(load_model(here / "m")), 1);
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(ModelFolder, AFullDiskKeepsTheOldModel) {
  const TemporaryFolder here;
  save_model(here / "m", example(1, true));
  const int status = test::status_of(test::in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit bytes{300, 300};  // recipe and metrics fit, the tensors do not
    setrlimit(RLIMIT_FSIZE, &bytes);
    try {
      save_model(here / "m", example(2, true));
    } catch (const FileError& error) {
      return std::string(error.what()).find("model.safetensors") == std::string::npos ? 8 : 7;
    }
    return 9;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(value_of(load_model(here / "m", WithState::yes)), 1);
  EXPECT_EQ(test::hidden_entries(here.path()), 0);
}

TEST(RunFolder, KeepsBestAndTheLastN) {
  const TemporaryFolder here;
  RunFolder run(here / "new" / "run", 2);
  EXPECT_FALSE(run.newest());
  throws_model_error([&] { find_model(run.path()); }, {"is no model", "best/"});
  run.save_last(100, example(100, true));
  EXPECT_EQ(find_model(run.path()).filename(), "last-00000100");
  run.save_best(example(1));
  for (const int step : {200, 1000, 900000000}) run.save_last(step, example(float(step), true));
  EXPECT_EQ(run.newest()->filename(), "last-900000000");
  EXPECT_EQ(value_of(load_model(*run.newest(), WithState::yes)), 900000000);
  EXPECT_FALSE(fs::exists(run.path() / "last-00000200"));
  EXPECT_TRUE(fs::exists(run.path() / "last-00001000"));
  EXPECT_EQ(value_of(load_model(run.path())), 1) << "a run stands for its best model";
}

TEST(RunFolder, SavingAStepAgainReplacesIt) {
  const TemporaryFolder here;
  RunFolder run(here / "run", 1);
  run.save_last(5, example(1, true));
  run.save_last(5, example(2, true));
  EXPECT_EQ(value_of(load_model(*run.newest())), 2);
}

TEST(RunFolder, OneProcessAtATime) {
  const TemporaryFolder here;
  {
    const RunFolder run(here / "run", 1);
    EXPECT_THROW(RunFolder(here / "run", 1), UsageError);
  }
  const RunFolder again(here / "run", 1);
  EXPECT_THROW(RunFolder(here / "other", 0), UsageError);
}

TEST(RunFolder, RemovesWhatAKilledRunLeftAndNothingElse) {
  const TemporaryFolder here;
  { RunFolder(here / "run", 3).save_last(1, example(1)); }
  for (const char* name :
       {".best.partial-1_2_3_4", ".last-00000002.partial-9_9_9_9", ".last-00000001.old-7_1_1_0"}) {
    fs::create_directory(here / "run" / name);
    test::write_bytes(here / "run" / name / "model.safetensors", "half");
  }
  fs::rename(here / "run" / "last-00000001", here / "run" / ".last-00000004.ready-5_1_1_0");
  test::write_bytes(here / "run" / ".heed-partial-1_2_3_4", "half a log");
  test::write_bytes(here / "run" / ".hidden", "a user's");
  for (const char* name : {".notes.old-2020", ".notes.partial-1_2_3_4", ".best.old-2020"})
    fs::create_directory(here / "run" / name);
  const RunFolder run(here / "run", 3);
  EXPECT_EQ(value_of(load_model(here / "run" / "last-00000004")), 1);
  EXPECT_EQ(test::hidden_entries(here / "run"), 4);
  EXPECT_FALSE(fs::exists(here / "run" / "notes"));
  EXPECT_FALSE(fs::exists(here / "run" / "best"));
}

TEST(RunFolder, GoesWithoutAModelInIt) {
  const TemporaryFolder here;
  {
    const RunFolder run(here / "new" / "run", 1);
    test::write_bytes(run.log(), "{\"step\": 1}\n");
  }
  EXPECT_FALSE(fs::exists(here / "new"));
  fs::create_directory(here / "mine");
  { const RunFolder run(here / "mine" / "run", 1); }
  EXPECT_TRUE(fs::is_empty(here / "mine"));
  {
    const RunFolder run(here / "mine" / "run", 1);
    test::write_bytes(run.path() / "notes", "a user's");
  }
  EXPECT_TRUE(fs::exists(here / "mine" / "run" / "notes"));
  { RunFolder(here / "kept", 1).save_last(1, example(1)); }
  EXPECT_TRUE(fs::exists(here / "kept" / "last-00000001"));
}

TEST(RunFolder, IsNoFolderOfOtherThings) {
  const TemporaryFolder here;
  check_run_folder(here / "absent", false);
  check_run_folder(here.path(), true);
  { RunFolder(here / "run", 1).save_last(1, example(1)); }
  check_run_folder(here / "run", true);
  EXPECT_THROW(check_run_folder(here / "run", false), UsageError);
  fs::create_directory(here / "killed");
  test::write_bytes(here / "killed" / "log.jsonl", R"({"step":1,"epoch":1,"loss":2.5,"lr":0.1,)"
                                                   R"("gradient_norm":1})"
                                                   "\n");
  fs::create_directory(here / "killed" / ".best.partial-1_2_3_4");
  check_run_folder(here / "killed", false);
  fs::create_directories(here / "home" / ".notes.old-2020");
  for (const bool resume : {false, true})
    EXPECT_THROW(check_run_folder(here / "home", resume), UsageError);
  EXPECT_TRUE(fs::exists(here / "home" / ".notes.old-2020"));
  EXPECT_THROW(check_run_folder(here / "killed" / "log.jsonl", true), UsageError);
}

TEST(RunFolder, ALogOfAUserIsNoLogOfARun) {
  const TemporaryFolder here;
  const auto log = here / "log.jsonl";
  for (const char* text :
       {"", "{\"step\":1,\"epo", "{\"step\":7,\"epoch\":1,\"train\":{\"loss\":1}}\n",
        "{\"step\":7,\"changed\":{}}\n{\"step\":8}\n"}) {
    test::write_bytes(log, text);
    check_run_folder(here.path(), false);
  }
  for (const char* text : {"{\"step\":1,\"reward\":3}\n", "{\"event\":\"login\"}\n", "notes\n",
                           "notes", "[1]\n", "\n", "7\n"}) {
    test::write_bytes(log, text);
    EXPECT_THROW(check_run_folder(here.path(), false), UsageError) << text;
    EXPECT_THROW(check_run_folder(here.path(), true), UsageError) << text;
    EXPECT_EQ(test::read_bytes(log), text);
  }
}

TEST(RunFolder, WhatAUserPutIntoModelsStays) {
  const TemporaryFolder here;
  RunFolder run(here / "run", 2);
  run.save_best(example(1));
  run.save_last(1, example(1));
  const auto best = here / "run" / "best";
  test::write_bytes(best / "notes", "mine");
  fs::create_directories(best / "plots" / "old");
  test::write_bytes(best / "plots" / "old" / "one.png", "png");
  fs::create_symlink("nowhere", best / "link");
  test::write_bytes(here / "run" / "last-00000001" / "why.txt", "the one that I keep");
  for (int step = 2; step < 6; ++step) {
    run.save_best(example(static_cast<float>(step)));
    run.save_last(step, example(static_cast<float>(step)));
  }
  EXPECT_EQ(value_of(load_model(best)), 5);
  EXPECT_EQ(foreign_files(best), (std::vector<std::string>{"link", "notes", "plots"}));
  EXPECT_EQ(test::read_bytes(best / "notes"), "mine");
  EXPECT_EQ(test::read_bytes(best / "plots" / "old" / "one.png"), "png");
  EXPECT_EQ(fs::read_symlink(best / "link"), "nowhere");
  std::vector<std::string> steps;
  for (const auto& folder : run.checkpoints()) steps.push_back(folder.filename().string());
  EXPECT_EQ(steps, (std::vector<std::string>{"last-00000001", "last-00000004", "last-00000005"}));
  EXPECT_EQ(test::read_bytes(here / "run" / "last-00000001" / "why.txt"), "the one that I keep");
}

TEST(FindModel, SaysWhatIsWrong) {
  const TemporaryFolder here;
  EXPECT_THROW(find_model(here / "none"), FileError);
  EXPECT_THROW(find_model(here / "no" / "ne"), FileError);
  test::write_bytes(here / "file", "x");
  throws_model_error([&] { find_model(here / "file"); }, {"is a file"});
}

/// Two linear layers and buffers of a floating and a whole type.
struct Example : torch::nn::Module {
  Example() {
    first = register_module("first", torch::nn::Linear(3, 4));
    second = register_module("second", torch::nn::Linear(4, 2));
    mask = register_buffer("mask", torch::tensor({0.0f, -INFINITY}));
    count = register_buffer("count", torch::tensor(5));
  }
  torch::nn::Linear first{nullptr}, second{nullptr};
  at::Tensor mask, count;
};

TEST(ModuleTensors, SaveAndLoad) {
  const TemporaryFolder here;
  const Example from;
  write_safetensors(here / "a", named_tensors(from));
  Example to;
  to.count.fill_(0);
  load_into(to, read_safetensors(here / "a").tensors, here / "a");
  for (const auto& item : from.named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), to.named_parameters()[item.key()])) << item.key();
  }
  EXPECT_TRUE(at::equal(to.mask, from.mask));
  EXPECT_EQ(to.count.item<int64_t>(), 5);
  EXPECT_TRUE(to.first->weight.requires_grad());
}

TEST(ModuleTensors, WhatDoesNotFitIsNamedAndNothingIsCopied) {
  Example module;
  const at::Tensor before = module.first->weight.detach().clone();
  const auto refuses = [&](const std::function<void(NamedTensors&)>& change,
                           const std::vector<std::string>& says) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : named_tensors(module)) {
      tensors.emplace_back(name, tensor.is_floating_point() ? tensor + 1 : tensor.clone());
    }
    change(tensors);
    throws_model_error([&] { load_into(module, tensors, "m/model.safetensors"); }, says);
    EXPECT_TRUE(at::equal(module.first->weight, before));
  };
  const auto set = [](const char* name, const at::Tensor& value) {
    return [=](NamedTensors& tensors) {
      for (auto& [key, tensor] : tensors) {
        if (key == name) tensor = value;
      }
    };
  };
  refuses([](auto& t) { t.erase(t.begin() + 3); },
          {"m/model.safetensors", "second.bias", "expected Float (2)", "no such tensor"});
  refuses([](auto& t) { t.emplace_back("third.bias", at::ones({7})); },
          {"third.bias", "expected no such tensor", "found Float (7)"});
  refuses([](auto& t) { t.push_back(t[0]); }, {"first.weight", "two"});
  refuses(set("second.weight", at::ones({4, 2})),
          {"second.weight", "Float (2, 4)", "Float (4, 2)"});
  refuses(set("second.weight", at::ones({2, 4}, at::kDouble)), {"Float (2, 4)", "Double (2, 4)"});
  refuses(set("count", at::ones({}, at::kInt)), {"count", "Long ()", "Int ()"});
  refuses(set("second.bias", torch::tensor({NAN, 1.0f})), {"second.bias", "1 NaN"});
  refuses(set("second.bias", torch::tensor({INFINITY, 1.0f})), {"second.bias", "1 infinite"});
  refuses(set("mask", torch::tensor({NAN, NAN})), {"mask", "2 NaN"});
}

}  // namespace
}  // namespace heed
