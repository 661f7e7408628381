#include "command_line.h"

namespace heed::cli {

void add_quantize(CLI::App& app) {
  auto* verb = app.add_subcommand("quantize", "Write a model with smaller weights");
  auto flags = std::make_shared<QuantizeFlags>();
  add_model(*verb, flags->model);
  verb->add_option("folder", flags->folder, "Folder to write, new or empty")
      ->required()
      ->type_name("FOLDER");
  verb->add_option("--weights", flags->weights, "What weights of layers become")
      ->check(CLI::IsMember({"int8", "bfloat16"}))
      ->capture_default_str();
  verb->add_option("--data", flags->data,
                   "Data to measure the change on, as the recipe's data.valid names it (several "
                   "files are several flags), and for vectors texts; default: data.valid")
      ->type_name("PATH")
      ->allow_extra_args(false);
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  on_run(*verb, flags);
  verb->footer(R"(
Linear layers and the output matrix of a model that writes become whole numbers of 8 bits with a scale a row; what
they multiply is rounded to 8 bits, too, and summed in 32, with the same bits on every processor. With --weights bfloat16
the weights lose 16 of 32 bits, products and sums stay float32: half the memory, and nearly float32's answers. Weights with less than
64 rows or columns, tables that are looked up, norms and biases stay float32. The folder is read by every verb but,
of int8, those that train or export.

Printed, and kept in FOLDER/quantize.json: every metric before and behind (NAME, NAME_int8 or NAME_bfloat16); of 64 examples or some more how far
outputs lie apart (outputs: the root of the mean square, of theirs; same_largest: the share of answers that stay; cosine of
vectors) and which share of attention moved (maps: the mean; most_maps: of the attention that moved most).

Examples:
  heed quantize models/fashion-mnist-demo fashion-int8 --data /usr/share/datasets/fashion-mnist/t10k
  heed quantize models/fashion-mnist-demo fashion-bfloat16 --weights bfloat16)");
}

}  // namespace heed::cli
