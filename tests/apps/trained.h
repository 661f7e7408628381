// A small model that many tests read and one trains.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace heed::test {

/// What `heed train` made of a recipe. Other tests use it at the same time: read it only.
struct Trained {
  std::filesystem::path folder;  ///< where the recipe and its data lie
  std::string recipe, model;
  std::string out, err;  ///< what the program said, with --json

  std::string file(const std::string& name) const { return (folder / name).string(); }
};

/// The model `name` of the recipe small.toml that `prepare` writes, with its data, into the folder
/// it is given; `more` goes to `heed train`. ctest runs every test in a process of its own, so the
/// first process that asks trains and the others wait: the model lies in made/ beside the test
/// program until this or heed is built anew. Throws where training fails, and keeps nothing then.
Trained train_once(const std::string& name,
                   const std::function<void(const std::filesystem::path&)>& prepare,
                   const std::vector<std::string>& more = {});

}  // namespace heed::test
