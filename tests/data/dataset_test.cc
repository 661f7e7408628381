#include "heed/data/dataset.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iostream>
#include <numeric>
#include <set>

#include "data/samples.h"
#include "shared_data.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::gzip;
using test::idx;
using test::message_of;
using test::plain_png;
using test::TempFolder;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class E = DataError>
std::string open_error(const std::filesystem::path& path, const ImageOptions& options = {}) {
  return message_of<E>([&] { open_images(path, options); });
}

/// `labels.size()` images of 2 x 3 whose values are all their number.
std::filesystem::path write_idx(const TempFolder& folder, const Bytes& labels) {
  Bytes values;
  for (size_t i = 0; i < labels.size(); ++i)
    values.insert(values.end(), 6, static_cast<uint8_t>(i));
  const auto count = static_cast<uint32_t>(labels.size());
  folder.write("some-images-idx3-ubyte", idx({count, 2, 3}, values));
  folder.write("some-labels-idx1-ubyte.gz", gzip(idx({count}, labels)));
  return folder.path() / "some";
}

TEST(IdxDataset, OpensByPrefix) {
  const TempFolder folder;
  const Images images = open_images(write_idx(folder, {1, 0, 2, 1}));
  EXPECT_EQ(images->size(), 4);
  EXPECT_EQ(images->shape(), (ImageShape{1, 2, 3}));
  EXPECT_THAT(images->classes(), ElementsAre("0", "1", "2"));
  EXPECT_THAT(images->image(3).values, Each(3));
  EXPECT_EQ(images->label(2), 2);
  EXPECT_THAT(images->name(2), HasSubstr("record 2"));
  EXPECT_THAT(message_of<UsageError>([&] { images->image(4); }), HasSubstr("0 .. 3"));
  EXPECT_THAT(message_of<UsageError>([&] { images->label(-1); }), HasSubstr("record -1"));
}

TEST(IdxDataset, ResizesAndConverts) {
  const TempFolder folder;
  const Images images = open_images(write_idx(folder, {0, 1}),
                                    {.size = {5, 4}, .channels = 3, .classes = {"a", "b"}});
  EXPECT_EQ(images->shape(), (ImageShape{3, 5, 4}));
  EXPECT_EQ(images->image(1).shape, (ImageShape{3, 5, 4}));
  EXPECT_THAT(images->image(1).values, Each(1));
  EXPECT_THAT(images->classes(), ElementsAre("a", "b"));
}

TEST(IdxDataset, RefusesLabelsThatDoNotFit) {
  const TempFolder folder;
  const auto prefix = write_idx(folder, {0, 1, 7, 1});
  EXPECT_THAT(open_error(prefix), AllOf(HasSubstr("labels-idx1-ubyte.gz"), HasSubstr("record 2"),
                                        HasSubstr("label 7"), HasSubstr("no record has label 2")));
  EXPECT_THAT(open_error(prefix, {.classes = {"a", "b"}}),
              AllOf(HasSubstr("record 2"), HasSubstr("names 2 classes")));
  folder.write("some-labels-idx1-ubyte", idx({3}, Bytes{0, 1, 2}));  // plain wins over packed
  EXPECT_THAT(open_error(prefix), AllOf(HasSubstr("3 labels"), HasSubstr("4 images")));
}

TEST(IdxDataset, AbsentFilesAreNamed) {
  const TempFolder folder;
  EXPECT_THAT(open_error<FileError>(folder.path() / "train"),
              AllOf(HasSubstr("train-images-idx3-ubyte"), HasSubstr(folder.path().string())));
  write_idx(folder, {0});
  EXPECT_THAT(open_error(folder.path()), HasSubstr("prefix, " + (folder.path() / "some").string()));
}

TEST(ImageOptions, AreChecked) {
  EXPECT_THAT(open_error<UsageError>("x", {.size = {5}}), HasSubstr("input.size"));
  EXPECT_THAT(open_error<UsageError>("x", {.size = {5, 0}}), HasSubstr("input.size"));
  EXPECT_THAT(open_error<UsageError>("x", {.channels = 2}), HasSubstr("input.channels"));
}

TEST(FolderDataset, ClassesAndImagesAreSorted) {
  const TempFolder folder;
  folder.write("shoe/b.PNG", plain_png({1, 4, 5}, 2));
  folder.write("shoe/a.png", plain_png({1, 4, 5}, 1));
  folder.write("bag/deep/er/c.jpeg", test::jpeg({4, 5, 1, Bytes(20, 3)}));
  folder.write("bag/.hidden", Bytes{1});
  folder.write(".hidden/x", Bytes{1});
  const Images images = open_images(folder.path());
  EXPECT_THAT(images->classes(), ElementsAre("bag", "shoe"));
  ASSERT_EQ(images->size(), 3);
  EXPECT_EQ(images->shape(), (ImageShape{1, 4, 5}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_THAT(images->image(i).values, Each(i == 0 ? 3 : i));
    EXPECT_EQ(images->label(i), i == 0 ? 0 : 1);
  }
  EXPECT_EQ(images->name(0), (folder.path() / "bag/deep/er/c.jpeg").string());
}

TEST(FolderDataset, GivenClassesFixTheLabels) {
  const TempFolder folder;
  folder.write("a/1.png", plain_png({1, 4, 5}, 1));
  folder.write("b/1.png", plain_png({1, 4, 5}, 2));
  const Images images = open_images(folder.path(), {.classes = {"b", "a"}});
  EXPECT_EQ(images->label(0), 0);
  EXPECT_THAT(images->image(0).values, Each(2));
  EXPECT_THAT(open_error(folder.path(), {.classes = {"a"}}), HasSubstr("not one of the classes"));
  EXPECT_THAT(open_error(folder.path(), {.classes = {"a", "b", "c"}}),
              HasSubstr("class 'c' is missing"));
}

TEST(FolderDataset, MixedSizesNameBothFiles) {
  const TempFolder folder;
  folder.write("a/1.png", plain_png({1, 4, 5}, 1));
  folder.write("a/2.png", plain_png({1, 5, 4}, 1));
  EXPECT_THAT(open_error(folder.path()),
              AllOf(HasSubstr("a/1.png has 1 x 4 x 5"), HasSubstr("a/2.png has 1 x 5 x 4"),
                    HasSubstr("input.size")));
  EXPECT_EQ(open_images(folder.path(), {.size = {6, 6}})->image(1).shape, (ImageShape{1, 6, 6}));
}

TEST(FolderDataset, MixedChannelsNameBothFiles) {
  const TempFolder folder;
  folder.write("a/1.png", plain_png({3, 4, 4}, 9));
  folder.write("b/2.png", plain_png({1, 4, 4}, 9));
  EXPECT_THAT(open_error(folder.path(), {.size = {4, 4}}),
              AllOf(HasSubstr("a/1.png"), HasSubstr("b/2.png"), HasSubstr("input.channels")));
  for (const int64_t channels : {1, 3}) {
    const Images images = open_images(folder.path(), {.channels = channels});
    EXPECT_EQ(images->shape(), (ImageShape{channels, 4, 4}));
    EXPECT_THAT(images->image(0).values, Each(9));
    EXPECT_THAT(images->image(1).values, Each(9));
  }
}

TEST(FolderDataset, NamesWhatIsNoImage) {
  {
    const TempFolder folder;
    EXPECT_THAT(open_error(folder.path()), HasSubstr("one folder per class"));
    folder.write("a/1.png", plain_png({1, 4, 4}, 9));
    std::filesystem::create_directory(folder.path() / "empty");
    EXPECT_THAT(open_error(folder.path()), HasSubstr("class 'empty' has no images"));
  }
  {
    const TempFolder folder;
    folder.write("a/1.png", plain_png({1, 4, 4}, 9));
    folder.write("a/notes.txt", Bytes{1});
    EXPECT_THAT(open_error(folder.path()), HasSubstr("a/notes.txt: not named as an image"));
  }
  {
    const TempFolder folder;
    folder.write("a/1.png", plain_png({1, 4, 4}, 9));
    folder.write("labels.csv", Bytes{1});
    EXPECT_THAT(open_error(folder.path()), HasSubstr("labels.csv: lies beside"));
  }
  {
    const TempFolder folder;
    folder.write("a/1.png", plain_png({1, 4, 4}, 9));
    folder.write("a/2.png", Bytes{'n', 'o'});
    EXPECT_THAT(open_error(folder.path()), HasSubstr("a/2.png: not a PNG or JPEG"));
  }
}

TEST(FolderDataset, AFileThatChangesIsAnError) {
  const TempFolder folder;
  folder.write("a/1.png", plain_png({1, 4, 4}, 9));
  folder.write("a/2.png", plain_png({1, 4, 4}, 9));
  const Images images = open_images(folder.path());
  folder.write("a/2.png", plain_png({1, 4, 5}, 9));
  EXPECT_THAT(message_of<DataError>([&] { images->image(1); }), HasSubstr("a/2.png has 1 x 4 x 5"));
  std::filesystem::remove(folder.path() / "a/2.png");
  EXPECT_THROW(images->image(1), FileError);
}

TEST(Views, SubsetRenumbers) {
  const TempFolder folder;
  const Images all = open_images(write_idx(folder, {0, 1, 2, 3}));
  const Images some = subset(all, {3, 1});
  EXPECT_EQ(some->size(), 2);
  EXPECT_THAT(some->image(0).values, Each(3));
  EXPECT_EQ(some->label(1), 1);
  EXPECT_EQ(some->name(1), all->name(1));
  EXPECT_THROW(some->image(2), UsageError);
  EXPECT_THROW(subset(all, {4}), UsageError);
}

TEST(Views, HoldOutSplitsByTheSeed) {
  const TempFolder folder;
  Bytes labels(100);
  std::iota(labels.begin(), labels.end(), uint8_t{0});
  const Images all = open_images(write_idx(folder, labels));
  const auto records = [](const Images& images) {
    std::vector<int64_t> seen;
    for (int64_t i = 0; i < images->size(); ++i) seen.push_back(images->label(i));
    return seen;
  };
  const auto [rest, held] = hold_out(all, 0.2, 7);
  const auto a = records(rest), b = records(held);
  EXPECT_THAT(b, SizeIs(20));
  EXPECT_TRUE(std::is_sorted(a.begin(), a.end()));
  EXPECT_TRUE(std::is_sorted(b.begin(), b.end()));
  std::set<int64_t> both(a.begin(), a.end());
  both.insert(b.begin(), b.end());
  EXPECT_THAT(both, SizeIs(100));
  EXPECT_EQ(records(hold_out(all, 0.2, 7).second), b);
  EXPECT_NE(records(hold_out(all, 0.2, 8).second), b);
  EXPECT_EQ(hold_out(all, 1e-9, 7).second->size(), 1);
  EXPECT_EQ(hold_out(all, 1 - 1e-9, 7).first->size(), 1);
  EXPECT_THROW(hold_out(all, 0, 7), UsageError);
  EXPECT_THROW(hold_out(all, 1, 7), UsageError);
  EXPECT_THROW(hold_out(subset(all, {0}), 0.5, 7), DataError);
}

TEST(Check, CountsWhatIsGood) {
  const TempFolder folder;
  const ImageReport report = check_images(write_idx(folder, {1, 0, 1}));
  EXPECT_EQ(report.records, 3);
  EXPECT_EQ(report.shape, (ImageShape{1, 2, 3}));
  EXPECT_THAT(report.per_class, ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(report.mean[0], 1.0 / 255);
  EXPECT_NEAR(report.std[0], std::sqrt(2.0 / 3) / 255, 1e-12);
  EXPECT_EQ(report.problem_count, 0);
}

TEST(Check, ReportsEveryProblemOfAFolder) {
  const TempFolder folder;
  folder.write("a/0.png", Bytes{'n', 'o'});
  folder.write("a/1.png", plain_png({1, 4, 4}, 9));
  folder.write("a/2.png", plain_png({1, 4, 5}, 9));
  folder.write("a/notes.txt", Bytes{1});
  Bytes cut = plain_png({1, 4, 4}, 9);
  cut.erase(cut.end() - 15, cut.end());
  folder.write("b/3.png", cut);
  folder.write("b/4.png", plain_png({1, 4, 4}, 11));
  folder.write("stray", Bytes{1});
  std::filesystem::create_directory(folder.path() / "empty");
  const ImageReport report = check_images(folder.path());
  EXPECT_EQ(report.records, 2);
  EXPECT_THAT(report.per_class, ElementsAre(1, 1, 0));
  EXPECT_EQ(report.problem_count, 6);
  EXPECT_THAT(report.problems,
              ::testing::UnorderedElementsAre(HasSubstr("a/0.png: not a PNG"),
                                              HasSubstr("a/2.png has 1 x 4 x 5"),
                                              HasSubstr("notes.txt"), HasSubstr("b/3.png"),
                                              HasSubstr("stray"), HasSubstr("class 'empty'")));
  EXPECT_DOUBLE_EQ(report.mean[0], 10.0 / 255);
  EXPECT_THAT(check_images(folder.path(), {}, 2).problems, SizeIs(2));
  EXPECT_EQ(check_images(folder.path(), {}, 2).problem_count, 6);
}

TEST(Check, ReportsEveryProblemOfIdx) {
  const TempFolder folder;
  const auto prefix = write_idx(folder, {0, 9, 1, 8});
  const ImageReport report = check_images(prefix);
  EXPECT_EQ(report.records, 2);
  EXPECT_THAT(report.problems,
              ElementsAre(HasSubstr("record 1: label 9"), HasSubstr("record 3: label 8")));
  folder.write("some-images-idx3-ubyte", Bytes{1, 2, 3, 4});
  folder.write("some-labels-idx1-ubyte.gz", Bytes{1, 2});
  EXPECT_THAT(check_images(prefix).problems, ElementsAre(HasSubstr("labels"), HasSubstr("images")));
  EXPECT_THROW(check_images("/nowhere/train"), FileError);
}

/// Real files, where this machine has them.
void expect_mnist_like(const std::filesystem::path& folder, double mean, double deviation,
                       const std::vector<int64_t>& test_labels) {
  const ImageReport train = check_images(folder / "train");
  EXPECT_THAT(train.problems, IsEmpty());
  EXPECT_EQ(train.records, 60000);
  EXPECT_EQ(train.shape, (ImageShape{1, 28, 28}));
  EXPECT_NEAR(train.mean[0], mean, 5e-5);
  EXPECT_NEAR(train.std[0], deviation, 5e-5);
  const ImageReport test = check_images(folder / "t10k");
  EXPECT_THAT(test.problems, IsEmpty());
  EXPECT_EQ(test.per_class, test_labels);
}

TEST(RealData, Mnist) {
  const auto folder = test::shared_data() / "mnist";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no MNIST in " << folder;
  expect_mnist_like(folder, 0.1307, 0.3081,
                    {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009});
}

TEST(RealData, FashionMnist) {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "install dataset-fashion-mnist";
  expect_mnist_like(folder, 0.2860, 0.3530, std::vector<int64_t>(10, 1000));
}

TEST(RealData, PhotographsInJpeg) {
  const auto folder = test::shared_data() / "bccd";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no blood-cell images in " << folder;
  int64_t images = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jpg") continue;
    EXPECT_EQ(read_image(entry.path()).shape, (ImageShape{3, 480, 640})) << entry.path();
    ++images;
  }
  EXPECT_EQ(images, 364);
}

}  // namespace
}  // namespace heed::data
