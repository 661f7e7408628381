// The rows of heed_bench, as the user asked for them: tables or JSON.
#pragma once

#include "bench_attention.h"
#include "bench_decode.h"
#include "bench_goals.h"
#include "bench_linear.h"
#include "bench_load.h"
#include "bench_mechanisms.h"
#include "bench_train.h"

namespace heed::cli {

void print_attention_header();
void print_mechanism_header();
void print_decode_header();
void print_goal_header();
void print_load_header();
void print_linear_header();

/// A line of the table, or a JSON object; standard output is seen at once.
void show(const AttentionRow& row, bool json);
void show(const MechanismRow& row, bool json);
void show(const DecodeRow& row, bool json);
void show(const TrainRow& row, bool json);
void show(const GoalRow& row, bool json);
void show(const LoadRow& row, bool json);
void show(const LinearRow& row, bool json);

}  // namespace heed::cli
