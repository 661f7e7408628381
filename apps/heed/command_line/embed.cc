#include "command_line.h"

namespace heed::cli {

void add_embed(CLI::App& app) {
  auto* verb = app.add_subcommand("embed", "A vector an input, or the inputs nearest to others");
  auto flags = std::make_shared<EmbedFlags>();
  add_model(*verb, flags->model);
  verb->add_option("input", flags->inputs,
                   "What heed predict takes: files of records (.txt: a text a line), pipes, '-': "
                   "standard input")
      ->type_name("INPUT|-");
  verb->add_option("--output", flags->output,
                   "Write the vectors, a row an input: .npy (NumPy), .safetensors (embeddings), or "
                   ".jsonl")
      ->type_name("FILE");
  verb->add_option("--search", flags->search,
                   "For each input list the records of this file that are nearest")
      ->type_name("FILE");
  verb->add_option("--top", flags->top, "How many of them; default: 5")
      ->check(whole_number(1, 1000000000))
      ->type_name("K");
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  verb->add_flag("--json", flags->json, "With --search: print a line of JSON an input");
  on_run(*verb, flags);
  verb->footer(R"(
The model has a head 'embedding'. Without --output and --search a line of JSON is printed for each
input. --search prints K lines an input, the nearest first: cosine, place and text, with an empty line
behind each input's. All vectors of FILE, or of what --output writes, are held in memory.

Examples:
  echo 'a dog runs on the beach' | heed embed models/multi30k-embedding
  zcat multi30k/test_2016_flickr.en.gz > captions.txt
  heed embed models/multi30k-embedding captions.txt --output captions.npy
  echo 'a dog runs on the beach' | heed embed models/multi30k-embedding --search captions.txt --top 3)");
}

}  // namespace heed::cli
