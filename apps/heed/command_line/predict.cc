#include "command_line.h"

namespace heed::cli {

void add_predict(CLI::App& app) {
  auto* verb = app.add_subcommand("predict", "Answer inputs: a line in, a line out, in order");
  auto flags = std::make_shared<PredictFlags>();
  add_model(*verb, flags->model);
  verb->add_option("input", flags->inputs,
                   "Files of records as the model's recipe reads them (.txt: a text a line), image "
                   "files, IDX prefixes or PREFIX:INDEX, files of stories, pipes; '-': standard "
                   "input, for images their names; how many images to draw, or CLASS, CLASS:N")
      ->type_name("INPUT|-");
  verb->add_option("--top", flags->top, "Classes or items in JSON, best first")
      ->check(whole_number(1, 1000000000))
      ->type_name("K");
  verb->add_option("--refuse", flags->refuse,
                   "Answer \"refused\" where the probability of the best class is below this")
      ->check(share())
      ->type_name("P");
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  verb->add_option("--with", flags->with,
                   "Another model of the same vocabularies; all write together")
      ->type_name("MODEL")
      ->allow_extra_args(false);
  verb->add_option("--prefix", flags->prefix,
                   "A file with a line an input, with which what is written begins")
      ->type_name("FILE");
  verb->add_option("--target", flags->target,
                   "Score these texts, a line an input, instead of writing some")
      ->type_name("FILE");
  verb->add_option(
          "--output", flags->output,
          "A folder into which masks are written, a PNG an image, by the image's name; of images "
          "that are drawn: the PNG that has them all")
      ->type_name("PATH");
  verb->add_option(
          "--withhold", flags->withhold,
          "A TOML file of patterns and classifiers: answers that one of them applies to are "
          "held back")
      ->type_name("FILE");
  verb->add_option("--withheld-log", flags->withheld_log,
                   "Add a line of JSON to this file for each answer that is held back")
      ->type_name("FILE");
  verb->add_option("--figures", flags->figures,
                   "Draw boxes or masks on each image, as NAME.png in this folder")
      ->type_name("FOLDER");
  verb->add_flag("--track", flags->track,
                 "Inputs are frames, or folders of them: the boxes of one object get one number");
  verb->add_option("--track-overlap", flags->track_overlap,
                   "Least IoU of a box with where its object is expected; default: 0.3")
      ->check(share())
      ->type_name("IOU");
  verb->add_option("--track-age", flags->track_age,
                   "Frames that an object may be missing; default: 5")
      ->check(whole_number(0, 1000000000))
      ->type_name("N");
  verb->add_flag("--json", flags->json, "Print a line of JSON an input");
  on_run(*verb, flags);
  verb->footer(R"(
A line in gives a line out, in order; a line feed in an answer is written \n, a carriage return
\r, and --json has the text itself. An image is turned as its EXIF orientation says, made grey or
coloured, and resized to what the model reads, as training does.

With --refuse an answer of a lower probability is written "refused", in --json as {"refused": true, "probability": ..}
without a class.

An answer that is held back is written as "withheld by RULE", in --json as {"withheld": true, "by": "RULE"}.

Examples:
  heed predict models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k > answers.txt
  heed predict models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k --top 3 --json > answers.jsonl
  echo 'my card was swallowed' | heed predict models/banking77 --json
  heed predict models/mnist-generation 64 --output digits.png
  echo 'ein hund läuft' | heed predict models/multi30k-de-en --set head.generate.beam_size=8 --json)");
}

}  // namespace heed::cli
