// heed_manual FOLDER: writes manual pages and completions, in the folders below share/ where they are installed.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "command_line/command_line.h"
#include "manual.h"

namespace heed::cli {

/// No verb runs here.
void run_verb(const char*, const void*) {}

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  if (!(out << text).flush()) throw std::runtime_error("cannot write " + file.string());
}

void write_all(const std::filesystem::path& folder) {
  CLI::App app;
  declare(app, kHeed);
  const auto manual = manual_of(app);
  write(folder / "man/man1/heed.1", man_page(manual));
  for (const auto& verb : manual.verbs)
    write(folder / ("man/man1/heed-" + verb.name + ".1"), man_page(manual, verb));
  write(folder / "bash-completion/completions/heed", bash_completion(manual));
  write(folder / "zsh/site-functions/_heed", zsh_completion(manual));
  write(folder / "fish/vendor_completions.d/heed.fish", fish_completion(manual));
}

}  // namespace
}  // namespace heed::cli

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("heed_manual FOLDER");
    heed::cli::write_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "heed_manual: error: " << error.what() << '\n';
    return 1;
  }
}
