#include "bench_rows.h"

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

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
  return {{"batch", row.batch},      {"beam_size", row.beam_size},
          {"threads", row.threads},  {"ms", row.ms},
          {"spread", row.spread},    {"tokens_per_second", row.tokens_per_second},
          {"limit", row.limit},      {"limited_by", row.limited_by},
          {"of_limit", row.of_limit}};
}

void print_row(const DecodeRow& row) {
  std::printf("%6ld %9ld %8d %10.3f %7.1f%% %10.0f %10.0f %9.2f  %s\n",
              static_cast<long>(row.batch), static_cast<long>(row.beam_size), row.threads, row.ms,
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
          {"waiting", row.waiting ? nlohmann::ordered_json(*row.waiting) : nullptr},
          {"workers", row.workers ? nlohmann::ordered_json(*row.workers) : nullptr},
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
  if (row.waiting)
    std::printf("  waiting for other processes: %.2f %% of it\n", 100 * *row.waiting);
  if (row.workers)
    std::printf("  workers that read ahead: %.2f %% of its processor time\n", 100 * *row.workers);
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

nlohmann::ordered_json json_of(const LoadRow& row) {
  return {{"work", row.work}, {"load", row.load},     {"threads", row.threads},
          {"ms", row.ms},     {"spread", row.spread}, {"of_first", row.of_first}};
}

void print_row(const LoadRow& row) {
  std::printf("%-6s %5d %8d %10.3f %7.1f%% %9.2f\n", row.work.c_str(), row.load, row.threads,
              row.ms, 100 * row.spread, row.of_first);
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const LinearRow& row) {
  return {{"rows", row.rows},
          {"depth", row.depth},
          {"columns", row.columns},
          {"threads", row.threads},
          {"us", row.us},
          {"spread", row.spread},
          {"gflops", row.gflops},
          {"of_sgemm", row.of_peak},
          {"blas_us", row.blas_us},
          {"times_blas", row.times_blas},
          {"bfloat16_us", row.bfloat16_us}};
}

void print_row(const LinearRow& row) {
  std::printf("%6ld %6ld %8ld %8d %10.1f %7.1f%% %8.1f %9.2f %10.1f %10.2fx %12.1f\n",
              static_cast<long>(row.rows), static_cast<long>(row.depth),
              static_cast<long>(row.columns), row.threads, row.us, 100 * row.spread, row.gflops,
              row.of_peak, row.blas_us, row.times_blas, row.bfloat16_us);
  std::fflush(stdout);
}

template <class Row>
void show_as(const Row& row, bool json) {
  if (json) {
    std::cout << json_of(row).dump() << std::endl;
  } else {
    print_row(row);
  }
}

}  // namespace

void print_attention_header() {
  std::printf("%-20s %-9s %6s %5s %4s %4s %8s %10s %8s %8s %9s %16s\n", "work", "direction", "L",
              "D", "B", "H", "threads", "ms", "spread", "GFLOPS", "of limit", "against unfused");
}

void print_mechanism_header() {
  std::printf("%-24s %-9s %6s %6s %4s %4s %4s %8s %10s %8s %10s %10s  %s\n", "work", "direction",
              "Lq", "Lk", "D", "B", "H", "threads", "ms", "spread", "beside ms", "of it", "beside");
}

void print_decode_header() {
  std::printf("%6s %9s %8s %10s %8s %10s %10s %9s  %s\n", "batch", "beam_size", "threads", "ms",
              "spread", "tokens/s", "limit", "of limit", "limited by");
}

void print_goal_header() {
  std::printf("%-72s %7s %9s  %-8s %7s %7s %7s  %-3s  %s\n", "what", "threads", "value", "must be",
              "floor", "goal", "limit", "met", "measured");
}

void print_load_header() {
  std::printf("%-6s %5s %8s %10s %8s %9s\n", "work", "load", "threads", "ms", "spread", "of first");
}

void print_linear_header() {
  std::printf("%6s %6s %8s %8s %10s %8s %8s %9s %10s %11s %12s\n", "rows", "depth", "columns",
              "threads", "us", "spread", "GFLOPS", "of SGEMM", "blas us", "times blas",
              "bfloat16 us");
}

void show(const AttentionRow& row, bool json) { show_as(row, json); }
void show(const MechanismRow& row, bool json) { show_as(row, json); }
void show(const DecodeRow& row, bool json) { show_as(row, json); }
void show(const TrainRow& row, bool json) { show_as(row, json); }
void show(const GoalRow& row, bool json) { show_as(row, json); }
void show(const LoadRow& row, bool json) { show_as(row, json); }
void show(const LinearRow& row, bool json) { show_as(row, json); }

}  // namespace heed::cli
