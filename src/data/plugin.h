// Plug-ins: libraries beside libheed.so that are opened when they are first wanted.
#pragma once

namespace heed::data {

struct Plugin {
  const char* file;     ///< "heed_sentencepiece.so"
  const char* entry;    ///< its only symbol, a function that gives its table
  const char* what;     ///< "tokenizers of kind unigram and bpe", which need it
  const char* runtime;  ///< Debian's package without which it cannot be opened
  const char* build;    ///< Debian's package with which Heed builds it
  int flags;            ///< of dlopen, beside RTLD_NOW | RTLD_LOCAL
};

/// The address of the plug-in's entry. It is looked for beside this library, beside the program, and in the library
/// folder that goes with the program's; nowhere else: what lies there runs. Throws FileError that says where was looked and what to
/// install.
void* open_plugin(const Plugin& plugin);

/// Says that a plug-in's table is of another version.
[[noreturn]] void refuse_version(const Plugin& plugin);

}  // namespace heed::data
