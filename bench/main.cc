// heed_bench: how fast this machine computes, beside what it could at most.
#include <ATen/Context.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "bench_attention.h"
#include "bench_decode.h"
#include "bench_explain.h"
#include "bench_features.h"
#include "bench_goals.h"
#include "bench_images.h"
#include "bench_lens.h"
#include "bench_linear.h"
#include "bench_load.h"
#include "bench_mechanisms.h"
#include "bench_rows.h"
#include "bench_sentences.h"
#include "bench_tokens.h"
#include "bench_train.h"
#include "core/training_memory.h"
#include "frame/frame.h"
#include "frame/torch.h"
#include "frame/waiting.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/tasks/supervised.h"

namespace heed::cli {
namespace {

void on_run(CLI::App* verb, const std::function<void()>& body) {
  verb->callback([body] { with_torch(body); });
}

/// What every bench takes.
template <class Bench>
void add_options(CLI::App* verb, Bench& bench, bool& json) {
  verb->add_flag("--json", json, "Print one JSON object a case");
  verb->add_option("--threads", bench.threads, "Numbers of threads")
      ->delimiter(',')
      ->check(whole_number(1, most_threads()))
      ->capture_default_str();
  verb->add_option(
          "--seconds", bench.seconds,
          "Time measured for a case; five rounds in any case, and as long again to warm up")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

void add_attention(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "attention", "Attention, forward and in training, against SGEMM and LibTorch's operators");
  verb->footer(
      "of limit: operations per second as a part of OpenBLAS SGEMM's with as many threads (1024 x "
      "1024 "
      "matrices), measured\nin turns with ours. against unfused: how many times faster than "
      "softmax(q k^T) v by LibTorch's operators.");
  auto options = std::make_shared<AttentionBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--length", options->lengths, "Lengths L of queries and keys")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--dim", options->width, "Width D of a head")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  verb->add_option("--device", options->device, "Where the tensors are: cpu, cuda, cuda:1, ...")
      ->check(CLI::Validator(
          [](std::string& given) {
            const bool known = given == "cpu" || given == "cuda" || given.rfind("cuda:", 0) == 0;
            return known ? std::string() : "expected cpu or cuda, given '" + given + "'";
          },
          "DEVICE"))
      ->capture_default_str();
  on_run(verb, [options, json] {
    if (options->device != "cpu" && !at::globalContext().hasCUDA())
      throw UsageError("--device " + options->device + ": no CUDA device can be used here");
    say_blas();
    if (!*json) print_attention_header();
    const size_t all = options->threads.size() * options->lengths.size() * 4;
    size_t count = 0;
    bench_attention(*options, [&](const AttentionRow& row) {
      const bool terminal = isatty(STDERR_FILENO) != 0;
      std::fprintf(stderr, terminal ? "\r%zu of %zu cases\r" : "%zu of %zu cases\n", ++count, all);
      show(row, *json);
    });
  });
}

void add_mechanisms(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "mechanisms", "Each mechanism beside plain attention, LibTorch's formula or its limit");
  verb->footer("of it: the time as a part of that beside it, measured in turns.");
  auto options = std::make_shared<MechanismBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  on_run(verb, [options, json] {
    if (!*json) print_mechanism_header();
    bench_mechanisms(*options, [&](const MechanismRow& row) { show(row, *json); });
  });
}

void add_decode(CLI::App& app) {
  auto* verb = app.add_subcommand("decode", "Tokens a second that a model writes");
  verb->footer(
      "limit: a step's weights read once over the bandwidth of memory, or its products over SGEMM, "
      "whichever takes\nlonger. Weights that stay in a cache may be faster than the first.");
  auto options = std::make_shared<DecodeBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("model", options->model,
                   "Folder of a translator; default: a new Transformer of the preset small, 8000 "
                   "pieces")
      ->type_name("MODEL");
  verb->add_option("--batch", options->batches, "Lines at a time")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  verb->add_option("--beam-size", options->beam_sizes, "Hypotheses a line")
      ->delimiter(',')
      ->check(whole_number(1, 256))
      ->capture_default_str();
  verb->add_option(
          "--input", options->input,
          "File of lines to read, the first as many as a batch has; default: random tokens")
      ->type_name("FILE");
  verb->add_option("--source", options->source, "Tokens of a random source line")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  verb->add_option("--target", options->target, "Tokens that a line is answered by")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  on_run(verb, [options, json] {
    say_blas();
    if (!*json) print_decode_header();
    bench_decode(*options, [&](const DecodeRow& row) { show(row, *json); });
  });
}

struct TrainingFlags {
  TrainBench bench;
  std::string recipe;
  std::vector<std::string> set;
  bool json = false;
};

void run_bench_train(const TrainingFlags& flags) {
  keep_training_memory();
  auto task = flags.recipe.empty() ? synthetic_task() : nullptr;
  TrainOptions options;
  if (!task) {
    RecipeFile file = RecipeFile::read(flags.recipe);
    for (const auto& assignment : flags.set) file.set(assignment);
    auto recipe = Recipe::read(file);
    options = recipe.train;
    task = make_task(std::move(recipe));
  }
  const auto processes = join_processes();
  if (processes->are_several()) task->share_with(*processes);
  if (processes->is_first()) say_blas();
  for (const int threads : flags.bench.threads) {
    const auto row = bench_train(*task, options, threads, flags.bench.seconds, *processes);
    if (processes->is_first()) show(row, flags.json);
  }
}

void add_training(CLI::App& app) {
  auto* verb = app.add_subcommand("train", "Where the time of a training step goes");
  verb->footer(
      "Without a recipe: a Transformer of the preset small on random pairs of 16 tokens. With one, "
      "its data and model;\nnothing is saved. Processes that a launcher started train as one "
      "(docs/processes.md). Parts are parted: what the loss multiplies is the loss's.");
  auto flags = std::make_shared<TrainingFlags>();
  add_options(verb, flags->bench, flags->json);
  verb->add_option("recipe", flags->recipe, "A recipe file")->type_name("RECIPE");
  verb->add_option("--set", flags->set, "Set a key of the recipe: train.batch=2048")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  on_run(verb, [flags] { run_bench_train(*flags); });
}

void add_goals(CLI::App& app) {
  auto* verb = app.add_subcommand("goals", "Each promised number beside its floor and its limit");
  verb->footer(
      "floor: what must be reached. goal: what is aimed at. limit: what arithmetic or the machine "
      "allows.");
  auto options = std::make_shared<GoalBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--only", options->only, "Cases whose name holds this");
  on_run(verb, [options, json] {
    say_blas();
    if (!*json) print_goal_header();
    bench_goals(*options, [&](const GoalRow& row) { show(row, *json); });
  });
}

void add_lens(CLI::App& app) {
  auto* verb =
      app.add_subcommand("lens", "Pictures of maps beside the forward pass, and recording");
  verb->footer(
      "The columns are those of goals; ms and beside_ms are in --json. Overviews of 100,000 "
      "tokens: "
      "heed_bench lens --length\n100000 --only overview --threads 2 (15 minutes).");
  auto options = std::make_shared<LensBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--length", options->lengths, "Lengths L of queries and keys")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--only", options->only, "Cases whose name holds this");
  on_run(verb, [options, json] {
    if (!*json) print_goal_header();
    bench_lens(*options, [&](const GoalRow& row) { show(row, *json); });
  });
}

void add_load(CLI::App& app) {
  auto* verb = app.add_subcommand("load", "Small steps by several threads on a busy machine");
  verb->footer(
      "of first: the time as a part of that with the first number of threads, measured in turns. "
      "Under a quota of\n"
      "processor time: systemd-run --scope -p CPUQuota=100% heed_bench load --load 0");
  auto options = std::make_shared<LoadBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--load", options->loads, "Other programs that want a processor all the time")
      ->delimiter(',')
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  on_run(verb, [options, json] {
    if (!*json) print_load_header();
    bench_load(*options, [&](const LoadRow& row) { show(row, *json); });
  });
}

void add_linear(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "linear", "Linear layers of evaluation, weights packed before, against OpenBLAS");
  verb->footer(
      "of SGEMM: operations per second as a part of OpenBLAS SGEMM's with as many threads (1024 x "
      "1024 matrices).\ntimes blas: how many times faster than LibTorch's linear. All in turns.");
  auto options = std::make_shared<LinearBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--rows", options->rows, "Rows that are multiplied together")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  on_run(verb, [options, json] {
    say_blas();
    if (!*json) print_linear_header();
    bench_linear(*options, [&](const LinearRow& row) { show(row, *json); });
  });
}

void add_sentences(CLI::App& app) {
  auto* verb = app.add_subcommand("sentences", "Sentences to vectors by a model, when asked to");
  verb->footer(
      "Reads numbers from standard input: how many sentences are given at once, 0: all. For each "
      "all of FILE is embedded and the seconds are printed, tokenizer included. "
      "bench/peers/embed.py asks in turns.");
  auto options = std::make_shared<SentencesBench>();
  verb->add_option("model", options->model, "A model whose head gives vectors")->required();
  verb->add_option("file", options->file, "A sentence a line (.txt)")->required();
  verb->add_option("--threads", options->threads, "Number of threads")
      ->check(whole_number(1, most_threads()))
      ->capture_default_str();
  on_run(verb, [options] { bench_sentences(*options); });
}

void add_explain(CLI::App& app) {
  auto* verb = app.add_subcommand("explain", "Explanations of a model's answer, when asked to");
  verb->footer(
      "Reads lines from standard input: a method, its steps and its budget. For each the answer to "
      "INPUT is explained and the seconds are printed. bench/peers/explain.py asks in turns.");
  auto options = std::make_shared<ExplainBench>();
  verb->add_option("model", options->model, "A model")->required();
  verb->add_option("input", options->input, "As `heed explain` takes it")->required();
  verb->add_option("--threads", options->threads, "Number of threads")
      ->check(whole_number(1, most_threads()))
      ->capture_default_str();
  on_run(verb, [options] { bench_explain(*options); });
}

void add_tokens(CLI::App& app) {
  auto* verb = app.add_subcommand("tokens", "What a tokenizer.json makes of texts, as JSON");
  verb->footer(
      "Reads lines of JSON from standard input, a text or a list of two. "
      "bench/peers/tokenizer_texts.py compares them with "
      "those of the library tokenizers.");
  auto file = std::make_shared<std::string>();
  verb->add_option("tokenizer", *file, "tokenizer.json, or the folder that it lies in")->required();
  on_run(verb, [file] { bench_tokens(*file); });
}

void add_images(CLI::App& app) {
  auto* verb = app.add_subcommand("images", "What Heed makes of image files, as bytes");
  verb->footer(
      "Reads lines of JSON from standard input (bench/bench_images.h). bench/peers/pillow.py "
      "compares "
      "them with Pillow's.");
  on_run(verb, [] { bench_images(); });
}

void add_features(CLI::App& app) {
  auto* verb = app.add_subcommand("features", "What a front end makes of a recording, as .npy");
  verb->footer(
      "(bands, frames) on standard output, or without --input the samples. bench/peers/features.py "
      "compares them with what others make of these samples.");
  auto bench = std::make_shared<FeaturesBench>();
  verb->add_option("recording", bench->recording, "WAV, FLAC, OGG, MP3")->required();
  verb->add_option("--input", bench->input,
                   "Keys of [input] as TOML: 'features = \"mfcc\"', a line each");
  verb->add_option("--sampling-rate", bench->sampling_rate, "Of the samples; 0: as they are")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  on_run(verb, [bench] { bench_features(*bench); });
}

void add_verbs(CLI::App& app) {
  add_attention(app);
  add_mechanisms(app);
  add_decode(app);
  add_training(app);
  add_goals(app);
  add_lens(app);
  add_load(app);
  add_linear(app);
  add_sentences(app);
  add_explain(app);
  add_tokens(app);
  add_images(app);
  add_features(app);
}

}  // namespace
}  // namespace heed::cli

int main(int argc, char** argv) {
  heed::cli::start_asleep(argv);
  return heed::cli::run(argc, argv,
                        {.name = "heed_bench",
                         .description = "How fast Heed computes on this machine.",
                         .footer = "",
                         .add_verbs = heed::cli::add_verbs});
}
