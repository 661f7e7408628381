// Boxes of objects: how they are written, Pascal VOC's XML and COCO's JSON.
#include <gmock/gmock.h>

#include "data/coco.h"
#include "data/record_samples.h"
#include "data/voc.h"
#include "heed/data/boxes.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::message_of;
using test::names_of;
using test::row_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ObjectBox, IsWrittenAndReadAgain) {
  const ObjectBox box{"traffic light", 0.25, 1, 30, 40.5, true, true};
  EXPECT_EQ(to_text(box), "traffic light 0.25 1 30 40.5 crowd difficult");
  EXPECT_EQ(parse_box(to_text(box)), box);
  EXPECT_EQ(parse_box(" cell 4\t1  2 3 4 "), (ObjectBox{"cell 4", 1, 2, 3, 4}));
  EXPECT_THAT(split_boxes("a 0 0 1 1; b 0 0 2 2 ;"), ElementsAre("a 0 0 1 1", "b 0 0 2 2"));
  EXPECT_THAT(split_boxes(" "), ElementsAre());
}

TEST(ObjectBox, RefusesWhatIsNone) {
  const auto refusal = [](const std::string& text) {
    return message_of<DataError>([&] { parse_box(text); });
  };
  EXPECT_THAT(refusal("cat 1 2 3"), HasSubstr("'cat' is no number"));
  EXPECT_THAT(refusal("1 2 3 4"), HasSubstr("no class"));
  EXPECT_THAT(refusal("cat 1 2 1 4"), HasSubstr("no area"));
  EXPECT_THAT(refusal("cat 1 4 3 2"), HasSubstr("no area"));
  EXPECT_THAT(refusal("cat 1 2 nan 4"), HasSubstr("'nan' is no number"));
  EXPECT_THAT(refusal(""), HasSubstr("expected \"class x0 y0 x1 y1\""));
  EXPECT_THAT(message_of<DataError>([] {
                check_inside({"cat", 0, 0, 11, 5}, 10, 5);
              }),
              HasSubstr("outside of the image, which is 10 x 5"));
}

std::string object(const std::string& name, const std::string& box, const std::string& more = "") {
  return "<object>\n<name>" + name + "</name>" + more + "<bndbox>" + box + "</bndbox></object>\n";
}
constexpr const char* kSides = "<xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>8</ymax>";
std::string annotation(const std::string& objects) {
  return "<annotation><filename>a.png</filename>\n<size><width>20</width><height>10</height></"
         "size>\n" +
         objects + "</annotation>";
}

TEST(RecordVoc, PixelsCountFromOneAndTheLastBelongsToTheObject) {
  const auto found = parse_voc(
      annotation(object("red cell", kSides,
                        "<difficult>1</difficult><part><name>head</name><bndbox><xmin>1</xmin></"
                        "bndbox></part>") +
                 object("b&amp;c", "<xmin>20</xmin><ymin>10</ymin><xmax>20</xmax><ymax>10</ymax>")),
      "a.xml");
  EXPECT_EQ(found.filename, "a.png");
  EXPECT_EQ(found.width, 20);
  ASSERT_EQ(found.boxes.size(), 2u);
  EXPECT_EQ(found.boxes[0], (ObjectBox{"red cell", 0, 1, 10, 8, false, true}));
  EXPECT_EQ(found.boxes[1], (ObjectBox{"b&c", 19, 9, 20, 10})) << "one pixel";
}

TEST(RecordVoc, RefusesWithLineAndField) {
  const auto refusal = [](const std::string& xml) {
    return message_of<DataError>([&] { parse_voc(xml, "a.xml"); });
  };
  EXPECT_THAT(refusal(annotation("<object>")), HasSubstr("a.xml:3: broken XML"));
  EXPECT_THAT(refusal("<html/>"), HasSubstr("a.xml:1: the element 'html'"));
  EXPECT_THAT(refusal("<!DOCTYPE annotation [<!ENTITY a 'b'>]><annotation/>"),
              HasSubstr("document type"));
  EXPECT_THAT(refusal(""), HasSubstr("broken XML"));
  EXPECT_THAT(refusal("<annotation/>"), HasSubstr("no 'filename'"));
  EXPECT_THAT(refusal(annotation(object("x", "<xmin>1</xmin>"))),
              HasSubstr("a.xml:3: no 'bndbox/ymin'"));
  EXPECT_THAT(refusal(annotation("\n" + object("x", "<xmin>y</xmin>"))),
              HasSubstr("a.xml:5: 'bndbox/xmin': expected a number, given 'y'"));
  EXPECT_THAT(
      refusal(annotation(object("x", "<xmin>5</xmin><ymin>2</ymin><xmax>4</xmax><ymax>8</ymax>"))),
      AllOf(HasSubstr("a.xml:4"), HasSubstr("no area")));
  EXPECT_THAT(
      refusal(annotation(object("x", "<xmin>0</xmin><ymin>2</ymin><xmax>4</xmax><ymax>8</ymax>"))),
      AllOf(HasSubstr("a.xml:4"), HasSubstr("outside of the image, which is 20 x 10")));
  EXPECT_THAT(
      refusal(annotation(object("x", "<xmin>1</xmin><ymin>2</ymin><xmax>21</xmax><ymax>8</ymax>"))),
      HasSubstr("outside of the image"));
  EXPECT_THAT(refusal(annotation(object("x", std::string(kSides) + "<xmin>2</xmin>"))),
              HasSubstr("'bndbox/xmin' twice"));
  EXPECT_THAT(refusal(annotation("<object>" + std::string(kSides) + "</object>")),
              HasSubstr("no 'name'"));
}

/// A folder as VOC lays it out, with two images.
class VocFolder : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b"}) {
      folder_.write(std::string("JPEGImages/") + name + ".png", test::plain_png({1, 10, 20}, 5));
      auto xml = annotation(object("x", kSides));
      if (*name == 'b') xml.replace(xml.find("a.png"), 1, "b");
      write(std::string("Annotations/") + name + ".xml", xml);
    }
  }
  void write(const std::string& name, const std::string& text) {
    folder_.write(name, Bytes(text.begin(), text.end()));
  }
  RecordsPtr open(const std::string& name,
                  const RecordOptions& options = {.format = RecordFormat::voc}) {
    return open_records({folder_.path() / name}, options);
  }
  test::TempFolder folder_;
};

TEST_F(VocFolder, AnImageSetNamesAnnotations) {
  write("ImageSets/Main/train.txt", "b\na \n");
  const auto all = open("ImageSets/Main/train.txt");
  EXPECT_THAT(names_of(*all), ElementsAre("image", "boxes[]"));
  ASSERT_EQ(all->size(), 2);
  EXPECT_THAT(row_of(*all, 0), ElementsAre("../JPEGImages/b.png", "x 0 1 10 8"));
  EXPECT_TRUE(all->place(0).ends_with("Annotations/b.xml:1")) << all->place(0);
  EXPECT_TRUE(all->place(1).ends_with("Annotations/a.xml:1")) << all->place(1);
}

TEST_F(VocFolder, SoDoFoldersAndFiles) {
  EXPECT_EQ(open("Annotations")->size(), 2);
  EXPECT_EQ(open("Annotations/a.xml", {})->size(), 1) << "by its name";
}

TEST_F(VocFolder, RefusesWhatIsNotThere) {
  const auto refusal = [&](const std::string& name) {
    return message_of<DataError>([&] { open(name); });
  };
  write("ImageSets/Main/train.txt", "a\nc\n");
  EXPECT_THAT(refusal("ImageSets/Main/train.txt"),
              AllOf(HasSubstr("train.txt:2: 'c'"), HasSubstr("c.xml")));
  write("ImageSets/Main/cat_train.txt", "a 1\nb -1\n");
  EXPECT_THAT(refusal("ImageSets/Main/cat_train.txt"), HasSubstr("expected a line a name"));
  write("list.txt", "a\n");
  EXPECT_THAT(refusal("list.txt"), HasSubstr("beside Annotations"));
  write("Annotations/d.xml", annotation(""));
  std::filesystem::remove(folder_.path() / "JPEGImages/a.png");
  EXPECT_THAT(refusal("Annotations/d.xml"),
              AllOf(HasSubstr("d.xml: 'filename': there is no image"), HasSubstr("data.images")));
  EXPECT_THAT(
      message_of<UsageError>([&] { open("x.csv", {.format = RecordFormat::csv, .images = "y"}); }),
      HasSubstr("has no folder of images"));
}

constexpr const char* kCoco = R"({"info": {}, "images": [
 {"id": 7, "file_name": "b.png", "width": 20, "height": 10}, {"id": 3, "file_name": "a.png", "width": 20, "height": 10}],
"annotations": [
 {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2.5, 3, 4], "area": 5, "iscrowd": 0},
 {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 20.4, 10], "iscrowd": 1}],
"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "traffic light"}]})";

TEST(RecordCoco, AnImageIsARecord) {
  const test::TempFolder folder;
  const std::string_view json = kCoco;
  const auto file =
      folder.write("annotations/instances_val2017.json", Bytes(json.begin(), json.end()));
  for (const char* name : {"a.png", "b.png"})
    folder.write(std::string("val2017/") + name, test::plain_png({1, 10, 20}, 5));
  const auto all = open_records({file}, {.format = RecordFormat::coco});
  EXPECT_THAT(names_of(*all), ElementsAre("image", "boxes[]", "id"));
  ASSERT_EQ(all->size(), 2);
  EXPECT_THAT(row_of(*all, 0), ElementsAre("../val2017/b.png",
                                           "traffic light 1 2.5 4 6.5|cat 0 0 20 10 crowd", "7"));
  EXPECT_THAT(row_of(*all, 1), ElementsAre("../val2017/a.png", "", "3"));
  const auto elsewhere = (folder.path() / "val2017").string();
  EXPECT_EQ(open_records({file}, {.format = RecordFormat::coco, .images = elsewhere})->text(0, 0),
            elsewhere + "/b.png");
  std::filesystem::remove(folder.path() / "val2017/a.png");
  EXPECT_THAT(message_of<DataError>([&] { open_records({file}, {.format = RecordFormat::coco}); }),
              HasSubstr("'file_name' of image 3: there is no image"));
}

TEST(RecordCoco, RefusesWithTheKey) {
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string json = kCoco;
    json.replace(json.find(from), from.size(), to);
    return message_of<DataError>([&] { parse_coco(json, "x.json"); });
  };
  EXPECT_THAT(changed("\"annotations\": [", "\"annotations\": ]"),
              HasSubstr("x.json:3: expected COCO's JSON"));
  EXPECT_THAT(changed("\"annotations\"", "\"other\""), HasSubstr("no 'annotations'"));
  EXPECT_THAT(changed("\"image_id\": 7", "\"image_id\": 8"),
              HasSubstr("annotations[0]: 'image_id': the file has no such image"));
  EXPECT_THAT(changed("\"category_id\": 2", "\"category_id\": 9"),
              HasSubstr("annotations[0]: 'category_id'"));
  EXPECT_THAT(changed("[1, 2.5, 3, 4]", "[1, 2.5, 0, 4]"),
              HasSubstr("annotations[0]: 'bbox' has no area"));
  EXPECT_THAT(changed("[1, 2.5, 3, 4]", "[1, 2.5, 3]"),
              HasSubstr("annotations[0]: 'bbox': expected [x, y, width, height]"));
  EXPECT_THAT(changed("[1, 2.5, 3, 4]", "[18, 2.5, 3, 4]"),
              HasSubstr("outside of its image, which is 20 x 10"));
  EXPECT_THAT(changed("\"id\": 3", "\"id\": 7"),
              HasSubstr("images[1]: 'id': this image is there twice"));
  EXPECT_THAT(changed("\"width\": 20", "\"width\": \"20\""),
              HasSubstr("images[0]: 'width': expected a whole number"));
  EXPECT_THAT(changed("\"name\": \"cat\"", "\"name\": \"\""), HasSubstr("categories[0]: 'name'"));
}

}  // namespace
}  // namespace heed::data
