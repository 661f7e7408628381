// heed bench: how fast this machine computes, beside what it could at most.
#include <ATen/Context.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench_attention.h"
#include "bench_decode.h"
#include "bench_goals.h"
#include "bench_mechanisms.h"
#include "bench_train.h"
#include "heed/core/error.h"
#include "heed/tasks/recipes.h"
#include "verbs.h"

namespace heed::cli {
namespace {

nlohmann::ordered_json json_of(const AttentionRow& row) {
  return {{"work", row.work},
          {"direction", row.direction},
          {"L", row.length},
          {"D", row.width},
          {"B", row.batch},
          {"H", row.heads},
          {"threads", row.threads},
          {"ms", row.ms},
          {"spread", row.spread},
          {"rounds", row.rounds},
          {"gflops", row.gflops},
          {"limit", row.limit},
          {"of_limit", row.of_limit},
          {"unfused_ms", row.unfused_ms},
          {"against_unfused", row.against_unfused}};
}

void print_header() {
  std::printf("%-20s %-9s %6s %5s %4s %4s %8s %10s %8s %8s %9s %16s\n", "work", "direction", "L",
              "D", "B", "H", "threads", "ms", "spread", "GFLOPS", "of limit", "against unfused");
}

void print_row(const AttentionRow& row) {
  std::printf("%-20s %-9s %6ld %5ld %4ld %4ld %8d %10.3f %7.1f%% %8.1f %9.2f %15.2fx\n",
              row.work.c_str(), row.direction.c_str(), static_cast<long>(row.length),
              static_cast<long>(row.width), static_cast<long>(row.batch),
              static_cast<long>(row.heads), row.threads, row.ms, 100 * row.spread, row.gflops,
              row.of_limit, row.against_unfused);
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const MechanismRow& row) {
  return {{"work", row.work},
          {"direction", row.direction},
          {"Lq", row.queries},
          {"Lk", row.keys},
          {"D", row.width},
          {"B", row.batch},
          {"H", row.heads},
          {"threads", row.threads},
          {"ms", row.ms},
          {"spread", row.spread},
          {"beside", row.beside},
          {"beside_ms", row.beside_ms},
          {"of_beside", row.of_beside}};
}

void print_row(const MechanismRow& row) {
  std::printf("%-24s %-9s %6ld %6ld %4ld %4ld %4ld %8d %10.3f %7.1f%% %10.3f %10.3f  %s\n",
              row.work.c_str(), row.direction.c_str(), static_cast<long>(row.queries),
              static_cast<long>(row.keys), static_cast<long>(row.width),
              static_cast<long>(row.batch), static_cast<long>(row.heads), row.threads, row.ms,
              100 * row.spread, row.beside_ms, row.of_beside, row.beside.c_str());
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const DecodeRow& row) {
  return {{"batch", row.batch},      {"beams", row.beams},
          {"threads", row.threads},  {"ms", row.ms},
          {"spread", row.spread},    {"tokens_per_second", row.tokens_per_second},
          {"limit", row.limit},      {"limited_by", row.limited_by},
          {"of_limit", row.of_limit}};
}

void print_row(const DecodeRow& row) {
  std::printf("%6ld %6ld %8d %10.3f %7.1f%% %10.0f %10.0f %9.2f  %s\n",
              static_cast<long>(row.batch), static_cast<long>(row.beams), row.threads, row.ms,
              100 * row.spread, row.tokens_per_second, row.limit, row.of_limit,
              row.limited_by.c_str());
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const TrainRow& row) {
  nlohmann::ordered_json shares;
  for (const auto& [name, share] : row.shares) shares[name] = share;
  auto batches = nlohmann::ordered_json::array();
  for (const auto& sizes : row.batches) {
    auto batch = nlohmann::ordered_json::object();
    for (const auto& [name, size] : sizes) batch[name] = size;
    batches.push_back(batch);
  }
  return {{"threads", row.threads},
          {"steps", row.steps},
          {"ms", row.ms},
          {"spread", row.spread},
          {"units_per_second", row.units_per_second},
          {"shares", shares},
          {"gflops", row.gflops},
          {"limit", row.limit},
          {"of_limit", row.of_limit},
          {"peak_memory_mib", row.peak_memory_mib},
          {"batches", batches}};
}

void print_row(const TrainRow& row) {
  std::printf("%d threads: %.1f ms a step (spread %.1f %%, %ld steps), %.0f a second\n",
              row.threads, row.ms, 100 * row.spread, static_cast<long>(row.steps),
              row.units_per_second);
  for (const auto& [name, share] : row.shares) {
    std::printf("  %-16s %5.1f %%\n", name.c_str(), 100 * share);
  }
  std::printf("  products: %.1f GFLOPS over the whole step, %.2f of SGEMM's %.1f\n", row.gflops,
              row.of_limit, row.limit);
  std::printf("  peak memory: %ld MiB\n", static_cast<long>(row.peak_memory_mib));
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const GoalRow& row) {
  nlohmann::ordered_json json = {{"what", row.what},
                                 {"threads", row.threads},
                                 {"measured", row.measured},
                                 {"value", row.value},
                                 {"sense", row.at_least ? "at least" : "at most"},
                                 {"floor", row.floor},
                                 {"goal", row.goal},
                                 {"limit", nullptr},
                                 {"met", row.met()},
                                 {"ms", row.ms},
                                 {"beside_ms", row.beside_ms}};
  if (row.limit) json["limit"] = *row.limit;
  return json;
}

void print_row(const GoalRow& row) {
  const std::string limit = row.limit ? std::to_string(*row.limit).substr(0, 6) : "-";
  std::printf("%-72s %7d %9.4f  %-8s %7.3f %7.3f %7s  %-3s  %s\n", row.what.c_str(), row.threads,
              row.value, row.at_least ? "at least" : "at most", row.floor, row.goal, limit.c_str(),
              row.met() ? "yes" : "no", row.measured.c_str());
  std::fflush(stdout);
}

/// What every bench takes.
template <class Bench>
void add_options(CLI::App* verb, Bench& bench, bool& json) {
  verb->add_flag("--json", json, "Print one JSON object a case");
  verb->add_option("--threads", bench.threads, "Numbers of threads")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb->add_option("--seconds", bench.seconds, "Time for a case; five rounds in any case")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

/// A row as the user asked for it; standard output is seen at once.
template <class Row>
void show(const Row& row, bool json) {
  if (json) {
    std::cout << json_of(row).dump() << std::endl;
  } else {
    print_row(row);
  }
}

void add_attention(CLI::App& bench) {
  auto* verb = bench.add_subcommand(
      "attention", "Attention, forward and in training, against SGEMM and LibTorch's operators");
  verb->footer(
      "of limit: operations a second as a part of OpenBLAS SGEMM's with as many threads (1024 x "
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
  verb->callback([options, json] {
    if (options->device != "cpu" && !at::globalContext().hasCUDA())
      throw UsageError("bench: --device " + options->device + ": no CUDA device can be used here");
    if (!*json) print_header();
    const size_t all = options->threads.size() * options->lengths.size() * 4;
    size_t count = 0;
    bench_attention(*options, [&](const AttentionRow& row) {
      const bool terminal = isatty(STDERR_FILENO) != 0;
      std::fprintf(stderr, terminal ? "\r%zu of %zu cases\r" : "%zu of %zu cases\n", ++count, all);
      show(row, *json);
    });
  });
}

void add_mechanisms(CLI::App& bench) {
  auto* verb = bench.add_subcommand(
      "mechanisms", "Each mechanism beside plain attention, LibTorch's formula or its limit");
  verb->footer("of it: the time as a part of that beside it, measured in turns.");
  auto options = std::make_shared<MechanismBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->callback([options, json] {
    if (!*json)
      std::printf("%-24s %-9s %6s %6s %4s %4s %4s %8s %10s %8s %10s %10s  %s\n", "work",
                  "direction", "Lq", "Lk", "D", "B", "H", "threads", "ms", "spread", "beside ms",
                  "of it", "beside");
    bench_mechanisms(*options, [&](const MechanismRow& row) { show(row, *json); });
  });
}

void add_decode(CLI::App& bench) {
  auto* verb = bench.add_subcommand("decode", "Tokens a second that a model writes");
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
  verb->add_option("--beams", options->beams, "Hypotheses a line")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
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
  verb->callback([options, json] {
    if (!*json) {
      std::printf("%6s %6s %8s %10s %8s %10s %10s %9s  %s\n", "batch", "beams", "threads", "ms",
                  "spread", "tokens/s", "limit", "of limit", "limited by");
    }
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
  auto task = flags.recipe.empty() ? synthetic_task() : nullptr;
  TrainOptions options;
  if (!task) {
    RecipeFile file = RecipeFile::read(flags.recipe);
    for (const auto& assignment : flags.set) file.set(assignment);
    const auto recipe = read_any_recipe(file);
    options = std::visit([](const auto& own) { return own.train; }, recipe);
    task = make_task(recipe);
  }
  for (const int threads : flags.bench.threads) {
    show(bench_train(*task, options, threads, flags.bench.seconds), flags.json);
  }
}

void add_training(CLI::App& bench) {
  auto* verb = bench.add_subcommand("train", "Where the time of a training step goes");
  verb->footer(
      "Without a recipe: a Transformer of the preset small on random pairs of 16 tokens. With one, "
      "its data and model;\nnothing is saved. Parts are parted: what the loss multiplies is the "
      "loss's.");
  auto flags = std::make_shared<TrainingFlags>();
  add_options(verb, flags->bench, flags->json);
  verb->add_option("recipe", flags->recipe, "A recipe file")->type_name("RECIPE");
  verb->add_option("--set", flags->set, "Set a key of the recipe: train.batch=2048")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->callback([flags] { run_bench_train(*flags); });
}

void add_goals(CLI::App& bench) {
  auto* verb = bench.add_subcommand("goals", "Each promised figure beside its floor and its limit");
  verb->footer(
      "floor: what must be reached. goal: what is aimed at. limit: what arithmetic or the machine "
      "allows.");
  auto options = std::make_shared<GoalBench>();
  auto json = std::make_shared<bool>(false);
  add_options(verb, *options, *json);
  verb->add_option("--only", options->only, "Cases whose name holds this");
  verb->callback([options, json] {
    if (!*json)
      std::printf("%-72s %7s %9s  %-8s %7s %7s %7s  %-3s  %s\n", "what", "threads", "value",
                  "must be", "floor", "goal", "limit", "met", "measured");
    bench_goals(*options, [&](const GoalRow& row) { show(row, *json); });
  });
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* verb = app.add_subcommand("bench", "Measure speed on this machine");
  verb->require_subcommand(1);
  add_attention(*verb);
  add_mechanisms(*verb);
  add_decode(*verb);
  add_training(*verb);
  add_goals(*verb);
}

}  // namespace heed::cli
