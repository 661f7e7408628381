#include "heed/data/sequence_loader.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "data/samples.h"
#include "heed/core/random.h"
#include "shared_data.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::HasSubstr;

TokenizerPtr bytes() {
  return train_tokenizer({.kind = TokenizerKind::bytes}, [](std::string&) { return false; });
}

/// Pairs of random lengths whose texts tell their number.
TextPairsPtr corpus(int64_t size, int64_t longest = 12) {
  Random random(7);
  std::vector<std::string> sources, targets;
  for (int64_t i = 0; i < size; ++i) {
    const auto text = std::to_string(i);
    sources.push_back(text);
    sources.back().append(random.below(static_cast<uint32_t>(longest)), 'a');
    targets.push_back(text);
    targets.back().append(random.below(static_cast<uint32_t>(longest)), 'b');
  }
  return text_pairs(sources, targets, "corpus");
}

SequenceLoader loader(const SequenceOptions& options, int64_t size = 500) {
  return SequenceLoader(corpus(size), bytes(), bytes(), options);
}

std::vector<SequenceBatch> epoch(SequenceLoader& loader) {
  std::vector<SequenceBatch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<int64_t> records(const std::vector<SequenceBatch>& batches) {
  std::vector<int64_t> seen;
  for (const auto& batch : batches) {
    const auto* first = batch.indices.data_ptr<int64_t>();
    seen.insert(seen.end(), first, first + batch.indices.numel());
  }
  return seen;
}

bool same(const SequenceBatch& a, const SequenceBatch& b) {
  return torch::equal(a.source, b.source) && torch::equal(a.source_lengths, b.source_lengths) &&
         torch::equal(a.target, b.target) && torch::equal(a.labels, b.labels) &&
         torch::equal(a.target_lengths, b.target_lengths) && torch::equal(a.indices, b.indices);
}

constexpr SequenceOptions kShuffled{
    .tokens = 200, .shuffle_buffer = 120, .shuffle = true, .seed = 3};

TEST(SequenceLoader, LaysTokensOut) {
  SequenceLoader l(text_pairs({"ab", "c"}, {"x", "yz"}, "p"), bytes(), bytes(), {});
  const auto batch = l.next();
  ASSERT_TRUE(batch);
  const auto tensor = [](std::vector<std::vector<int64_t>> rows) {
    std::vector<torch::Tensor> made;
    for (auto& row : rows) made.push_back(torch::tensor(row));
    return torch::stack(made);
  };
  const int64_t a = 4 + 'a', b = 4 + 'b', c = 4 + 'c', x = 4 + 'x', y = 4 + 'y', z = 4 + 'z';
  EXPECT_TRUE(torch::equal(batch->source, tensor({{a, b, 3}, {c, 3, 0}})));
  EXPECT_TRUE(torch::equal(batch->source_lengths, torch::tensor({3, 2}, torch::kLong)));
  EXPECT_TRUE(torch::equal(batch->target, tensor({{2, x, 0}, {2, y, z}})));
  EXPECT_TRUE(torch::equal(batch->labels, tensor({{x, 3, -100}, {y, z, 3}})));
  EXPECT_TRUE(torch::equal(batch->target_lengths, torch::tensor({2, 3}, torch::kLong)));
  EXPECT_TRUE(torch::equal(batch->indices, torch::tensor({0, 1}, torch::kLong)));
  EXPECT_EQ(l.counts().source_tokens, 5);
  EXPECT_EQ(l.counts().target_tokens, 5);
  EXPECT_FALSE(l.next());
  SequenceLoader plain(text_pairs({"ab"}, {"x"}, "p"), bytes(), bytes(), {.source_end = false});
  EXPECT_TRUE(torch::equal(plain.next()->source, tensor({{a, b}})));
}

TEST(SequenceLoader, TargetsBeginWithWhatTheOptionsSay) {
  auto plain = loader({.tokens = 200}, 20), other = loader({.tokens = 200, .target_begin = 65}, 20);
  const auto first = epoch(plain), second = epoch(other);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    auto target = first[i].target.clone();
    EXPECT_TRUE((target.select(1, 0) == 2).all().item<bool>());
    target.select(1, 0).fill_(65);
    EXPECT_TRUE(torch::equal(second[i].target, target));
    EXPECT_TRUE(torch::equal(second[i].labels, first[i].labels));
  }
  EXPECT_THAT(message_of<UsageError>([] { loader({.target_begin = 260}); }),
              HasSubstr("target_begin: expected a number below the 260 of"));
}

TEST(SequenceLoader, EveryPairOnceWithinTheLimits) {
  for (const bool shuffle : {false, true}) {
    SequenceOptions options = kShuffled;
    options.shuffle = shuffle, options.pairs = 9;
    SequenceLoader l = loader(options);
    for (int64_t e = 0; e < 3; ++e) {
      const auto batches = epoch(l);
      EXPECT_EQ(static_cast<int64_t>(batches.size()), l.batches());
      EXPECT_EQ(l.cursor(), (Cursor{e + 1, 0}));
      auto seen = records(batches);
      std::sort(seen.begin(), seen.end());
      ASSERT_EQ(seen.size(), 500u);
      for (int64_t i = 0; i < 500; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], i);
      for (const auto& b : batches) {
        EXPECT_LE(b.source.numel() + b.target.numel(), 200);
        EXPECT_LE(b.source.size(0), 9);
        EXPECT_EQ(b.source.size(1), b.source_lengths.max().item<int64_t>());
        EXPECT_EQ(b.target.size(1), b.target_lengths.max().item<int64_t>());
      }
    }
  }
}

TEST(SequenceLoader, BatchesHoldTheTextsOfTheirPairs) {
  SequenceLoader l = loader(kShuffled);
  const auto t = bytes();
  for (const auto& b : epoch(l)) {
    for (int64_t i = 0; i < b.indices.size(0); ++i) {
      const auto row = b.source[i];
      const std::vector<int64_t> ids(row.data_ptr<int64_t>(),
                                     row.data_ptr<int64_t>() + row.numel());
      const auto text = t->decode(ids);
      EXPECT_EQ(std::stoll(text), b.indices[i].item<int64_t>());
      EXPECT_EQ(static_cast<int64_t>(text.size()) + 1, b.source_lengths[i].item<int64_t>());
    }
  }
}

TEST(SequenceLoader, OrderIsDrawnFromSeedAndEpoch) {
  SequenceLoader a = loader(kShuffled), b = loader(kShuffled);
  SequenceOptions other = kShuffled;
  other.seed = 4;
  SequenceLoader c = loader(other);
  const auto first = epoch(a), second = epoch(a);
  const auto again = epoch(b);
  EXPECT_NE(records(first), records(second));
  EXPECT_NE(records(first), records(epoch(c)));
  ASSERT_EQ(first.size(), again.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(same(first[i], again[i]));
}

TEST(SequenceLoader, StreamedCorporaGiveTheSameBatches) {
  SequenceOptions streamed = kShuffled;
  streamed.memory = 0;
  for (const int64_t buffer : {1, 120, 499, 500, 1000}) {
    SequenceOptions kept = kShuffled;
    kept.shuffle_buffer = streamed.shuffle_buffer = buffer;
    SequenceLoader a = loader(kept), b = loader(streamed);
    for (int e = 0; e < 3; ++e) {
      const auto x = epoch(a), y = epoch(b);
      ASSERT_EQ(x.size(), y.size());
      for (size_t i = 0; i < x.size(); ++i) ASSERT_TRUE(same(x[i], y[i])) << buffer;
    }
  }
}

TEST(SequenceLoader, ResumesAnywhere) {
  for (const int64_t memory : {0, 1}) {
    SequenceOptions options = kShuffled;
    options.memory = memory;
    SequenceLoader whole = loader(options);
    std::vector<SequenceBatch> all;
    for (int e = 0; e < 3; ++e)
      for (auto& batch : epoch(whole)) all.push_back(std::move(batch));
    const int64_t each = whole.batches();
    SequenceLoader l = loader(options);
    for (const int64_t at : {2 * each + 1, each / 2, 0 * each, each, each - 1, 3 * each - 1}) {
      l.seek({at / each, at % each});
      for (auto i = static_cast<size_t>(at); i < std::min(all.size(), static_cast<size_t>(at) + 20);
           ++i) {
        auto batch = l.next();
        if (!batch) batch = l.next();
        ASSERT_TRUE(batch && same(*batch, all[i])) << at << ' ' << i;
      }
    }
    l.seek({0, each});
    EXPECT_FALSE(l.next());
    EXPECT_EQ(l.cursor(), (Cursor{1, 0}));
    EXPECT_THAT(message_of<UsageError>([&] { l.seek({0, each + 1}); }), HasSubstr("0 .. "));
    EXPECT_THROW(l.seek({-1, 0}), UsageError);
  }
}

TEST(SequenceLoader, LeavesOutOnlyWhatItIsToldTo) {
  const auto pairs = text_pairs({"aaaa", "", "b", "c", "dd"}, {"x", "y", "yyyyy", "", "z"}, "p");
  const auto message = [&](SequenceOptions options) {
    return message_of<DataError>([&] { SequenceLoader(pairs, bytes(), bytes(), options); });
  };
  EXPECT_THAT(message({}), HasSubstr("p:2: the source has no token"));
  EXPECT_THAT(
      message({.max_source_length = 4, .skip_empty = true}),
      HasSubstr("p:1: the source has 5 tokens and the target 2; max_source_length allows 4"));
  EXPECT_THAT(
      message({.max_target_length = 5, .skip_empty = true}),
      HasSubstr("p:3: the source has 2 tokens and the target 6; max_target_length allows 5"));
  EXPECT_THAT(message({.tokens = 7, .skip_empty = true}),
              HasSubstr("p:3: the source has 2 tokens and the target 6; a batch may have 7"));
  SequenceLoader l(
      pairs, bytes(), bytes(),
      {.max_source_length = 4, .max_target_length = 5, .skip_too_long = true, .skip_empty = true});
  EXPECT_EQ(l.counts().pairs, 1);
  EXPECT_EQ(l.counts().left_out_empty, 2);
  EXPECT_EQ(l.counts().left_out_longer, 2);
  EXPECT_EQ(l.next()->indices.item<int64_t>(), 4);
  EXPECT_THAT(message({.tokens = 2, .skip_too_long = true, .skip_empty = true}),
              HasSubstr("p: no pair is left: 2 have an empty side, 3 are too long"));
}

TEST(SequenceLoader, NoticesACorpusThatChanges) {
  const test::TempFolder folder;
  const auto write = [&](const char* name, int lines) {
    std::string text;
    for (int i = 0; i < lines; ++i) text += "line " + std::to_string(i) + '\n';
    return folder.write(name, test::Bytes(text.begin(), text.end()));
  };
  const auto a = write("a", 100), b = write("b", 100);
  SequenceLoader l(open_text_pairs(a, b), bytes(), bytes(), {.tokens = 100, .memory = 0});
  write("a", 50), write("b", 50);
  EXPECT_THAT(message_of<DataError>([&] { l.next(); }), HasSubstr("changed while it is used"));
  EXPECT_EQ(l.cursor(), (Cursor{0, 0}));
}

TEST(SequenceLoader, StopsAtAnyMoment) {
  SequenceOptions options = kShuffled;
  options.memory = 0;
  for (int taken = 0; taken < 60; taken += 7) {
    SequenceLoader l = loader(options);
    for (int i = 0; i < taken; ++i) l.next();
    SequenceLoader moved = std::move(l);
    moved.next();
  }
}

TEST(SequenceLoader, RefusesWhatMakesNoSense) {
  const auto refused = [](const SequenceOptions& options) {
    return message_of<UsageError>([&] { loader(options); });
  };
  EXPECT_THAT(refused({.tokens = 1}), HasSubstr("tokens: expected from 2 to 1000000000, given 1"));
  EXPECT_THAT(refused({.pairs = -1}), HasSubstr("pairs"));
  EXPECT_THAT(refused({.max_source_length = -1}), HasSubstr("max_source_length"));
  EXPECT_THAT(refused({.shuffle_buffer = 0}), HasSubstr("shuffle_buffer"));
  EXPECT_THAT(refused({.memory = -1}), HasSubstr("memory"));
  const auto bare = vocabulary_tokenizer("a\nb\n</s>\n", "v");
  EXPECT_THAT(message_of<UsageError>([&] { SequenceLoader(corpus(3), bytes(), bare, {}); }),
              HasSubstr("targets has no <s>"));
}

TEST(PadSequences, FillsUp) {
  const auto [tokens, lengths] = pad_sequences({{1, 2}, {}, {3}}, 9);
  EXPECT_TRUE(torch::equal(tokens, torch::tensor({1, 2, 9, 9, 3, 9}, torch::kLong).view({3, 2})));
  EXPECT_TRUE(torch::equal(lengths, torch::tensor({2, 0, 1}, torch::kLong)));
  EXPECT_EQ(pad_sequences({}, 0).first.sizes(), (std::vector<int64_t>{0, 0}));
}

TEST(SequenceLoaderOnData, PadsLittleOfMulti30k) {
  const auto folder = test::shared_data() / "multi30k";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const auto files = std::vector{folder / "val.de.gz", folder / "val.en.gz"};
  const auto words =
      train_tokenizer({.kind = TokenizerKind::words}, lines_of({files[0], files[1]}));
  SequenceLoader l(open_text_pairs(files[0], files[1]), words, words,
                   {.tokens = 2000, .shuffle = true});
  EXPECT_EQ(l.counts().pairs, 1014);
  int64_t padded = 0;
  for (const auto& batch : epoch(l)) padded += batch.source.numel() + batch.target.numel();
  EXPECT_LT(static_cast<double>(padded),
            1.2 * static_cast<double>(l.counts().source_tokens + l.counts().target_tokens));
}

}  // namespace
}  // namespace heed::data
