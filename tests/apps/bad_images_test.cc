// Images that cannot be read, as a user meets them: exit code 3, the file, the record that names it.
#include <gmock/gmock.h>
#include <zlib.h>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "data/samples.h"
#include "files.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BadImages : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = train_once("classify", write_small_set); }

  /// What predict says to the file by itself, behind a good one, and to a record that names it.
  void expect_refused(const std::string& name, const Bytes& bytes, const std::string& why) const {
    folder_.write(name, bytes);
    const auto file = (folder_.path() / name).string();
    const auto alone = run({"predict", trained_.model, file});
    EXPECT_EQ(alone.code, 3) << alone.err;
    EXPECT_THAT(alone.err, AllOf(HasSubstr(file), HasSubstr(why)));
    const auto behind =
        run({"predict", trained_.model, (folder_.path() / "good.png").string(), file});
    EXPECT_EQ(behind.code, 3) << behind.err;
    EXPECT_THAT(behind.err, AllOf(HasSubstr(file), HasSubstr(why)));
    EXPECT_THAT(behind.out, HasSubstr("good.png")) << "what stands before is answered";
    const std::string list = "image,label\ngood.png,0\n" + name + ",1\n";
    const auto table = folder_.write("list.csv", Bytes(list.begin(), list.end())).string();
    const auto named = run({"predict", trained_.model, table});
    EXPECT_EQ(named.code, 3) << named.err;
    EXPECT_THAT(named.err,
                AllOf(HasSubstr(table + ":3: image: "), HasSubstr(file), HasSubstr(why)));
    EXPECT_THAT(named.out, HasSubstr("good.png")) << "what stands before is answered";
    const auto measured = run({"eval", trained_.model, "--data", table});
    EXPECT_EQ(measured.code, 3) << measured.err;
    EXPECT_THAT(measured.err, HasSubstr(":3: image: "));
  }

  static inline Trained trained_;
  TempFolder folder_;
};

TEST_F(BadImages, AreRefusedByFileAndRecord) {
  folder_.write("good.png", plain_png({1, 12, 12}, 99));
  expect_refused("ink.jpg", jpeg({8, 8, 4, Bytes(256, 9)}), "CMYK");
  auto cut = jpeg({16, 16, 1, Bytes(256, 77)});
  cut.resize(cut.size() - 9);
  expect_refused("cut.jpg", cut, "damaged");
  Bytes huge = {0x89, 'P', 'N', 'G',  '\r', '\n', 0x1a, '\n', 0,    0, 0, 13, 'I', 'H', 'D',
                'R',  0,   0,   0x75, 0x30, 0,    0,    0x75, 0x30, 8, 2, 0,  0,   0};
  const auto sum = crc32(0, huge.data() + 12, 17);
  for (int shift = 24; shift >= 0; shift -= 8) huge.push_back(static_cast<uint8_t>(sum >> shift));
  huge.insert(huge.end(), {0, 0, 1, 0, 'I', 'D', 'A', 'T'});  // and what is not there
  expect_refused("huge.png", huge, "raise input.max_pixels");
  expect_refused("photo.webp", {'R', 'I', 'F', 'F', 1, 2, 3, 4, 'W', 'E', 'B', 'P'}, "WebP");
}

TEST_F(BadImages, TheLimitOfPixelsIsAnOption) {
  folder_.write("good.png", plain_png({1, 12, 12}, 99));
  const auto file = (folder_.path() / "good.png").string();
  const auto refused = run({"predict", trained_.model, file, "--set", "input.max_pixels=100"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("12 x 12"));
  EXPECT_EQ(run({"predict", trained_.model, file, "--set", "input.max_pixels=144"}).code, 0);
}

}  // namespace
}  // namespace heed::test
