#include "train/json_log.h"

#include <gmock/gmock.h>

#include "core/folder_test_helpers.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using test::TemporaryFolder;

TEST(JsonLog, AppendsAndDropsWhatComesAfterTheCheckpoint) {
  const TemporaryFolder here;
  const auto path = here / "log.jsonl";
  {
    JsonLog log(path, 0);
    for (int step : {1, 2, 3}) log.write({{"step", step}, {"loss", 0.5}});
    log.sync();
  }
  EXPECT_EQ(test::read_bytes(path),
            "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3,\"loss\":0.5}\n");
  JsonLog(path, 2).write({{"step", 3}, {"loss", 0.25}});
  EXPECT_EQ(test::read_bytes(path),
            "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3,\"loss\":0.25}\n");
  JsonLog(path, 0);
  EXPECT_EQ(test::read_bytes(path), "");
}

TEST(JsonLog, DropsALineThatAKillCutOff) {
  const TemporaryFolder here;
  const auto path = here / "log.jsonl";
  test::write_bytes(path, "{\"step\":1}\n{\"step\":2,\"lo");
  JsonLog(path, 10).write({{"step", 2}});
  EXPECT_EQ(test::read_bytes(path), "{\"step\":1}\n{\"step\":2}\n");
}

TEST(JsonLog, RefusesWhatIsNoLog) {
  const TemporaryFolder here;
  for (const char* bad :
       {"hello\n", "[1]\n", "{}\n", "{\"step\":\"1\"}\n", "\n", "{\"step\":-1}\n"}) {
    test::write_bytes(here / "log", std::string("{\"step\":1}\n") + bad);
    try {
      JsonLog log(here / "log", 5);
      ADD_FAILURE() << "accepted " << bad;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("log:2: "));
    }
  }
  JsonLog log(here / "new", 0);
  EXPECT_THROW(log.write({{"loss", 1}}), UsageError);
}

}  // namespace
}  // namespace heed
