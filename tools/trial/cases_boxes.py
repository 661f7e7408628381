"""Boxes: files that cannot be right, and what `heed predict` does with boxes."""

import json

from case import Case

OBJECT = "<object><name>white</name><bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>6</xmax><ymax>5</ymax></bndbox></object>"


def voc(objects, image="box0.png"):
    size = "<size><width>8</width><height>8</height></size>"
    return f"<annotation><filename>{image}</filename>{size}{objects}</annotation>"


def coco(box, category=1):
    return json.dumps({"images": [{"id": 1, "file_name": "box0.png", "width": 8, "height": 8}],
                       "categories": [{"id": 1, "name": "white"}],
                       "annotations": [{"id": 1, "image_id": 1, "category_id": category, "bbox": box}]})


def put(name, text):
    def prepare(world, scratch):
        (scratch / name).write_text(text)
        (scratch / "box0.png").write_bytes((world / "box0.png").read_bytes())

    return prepare


def records(cell):
    return f"image,boxes\nbox0.png,{cell}\n"


# What is wrong: (the file, its text, the format, what is said).
WRONG = {
    "a box outside its image": ("x.csv", records("white 1 1 9 5"), "csv", r"x\.csv:2: column 'boxes'.*outside of the image"),
    "a box of no area": ("x.csv", records("white 1 1 1 5"), "csv", r"x\.csv:2.*no area"),
    "a box of a class that is not known": ("x.csv", records("whit 1 1 4 5"), "csv", r"x\.csv:2: the class 'whit'.*white"),
    "a box of three numbers": ("x.csv", records("white 1 1 4"), "csv", r"x\.csv:2.*no number"),
    "no boxes": ("x.csv", "image,boxen\nbox0.png,\n", "csv", "boxes"),
    "an image that is not there": ("x.csv", "image,boxes\nother.png,white 1 1 4 5\n", "csv", "other.png"),
    "XML that is broken": ("x.xml", voc("<object>"), "voc", r"x\.xml:1: broken XML"),
    "XML with entities": ("x.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "voc", "document type"),
    "XML of something else": ("x.xml", "<html/>", "voc", "expected 'annotation'"),
    "a box of VOC at 0": ("x.xml", voc(OBJECT.format(0)), "voc", r"x\.xml:1: 'bndbox'.*outside"),
    "a box of VOC turned round": ("x.xml", voc(OBJECT.format(7)), "voc", "no area"),
    "VOC without its image": ("x.xml", voc(OBJECT.format(2), "gone.png"), "voc", "'filename': there is no image"),
    "JSON that is broken": ("x.json", "{", "coco", r"x\.json:1: expected COCO's JSON"),
    "a box of COCO outside": ("x.json", coco([1, 1, 9, 2]), "coco", r"annotations\[0\]: 'bbox' lies outside"),
    "a box of COCO of no area": ("x.json", coco([1, 1, 0, 2]), "coco", r"annotations\[0\]: 'bbox' has no area"),
    "a category of COCO that is not there": ("x.json", coco([1, 1, 2, 2], 2), "coco", "'category_id'"),
}


def cases():
    for name, (file, text, form, says) in WRONG.items():
        # An image that is not there is a file that cannot be read, where no annotation vouches for it.
        codes = (3, 5) if name == "an image that is not there" else 3
        yield Case(f"eval of {name}", f"eval {{w}}/m/boxes --set data.format={form} --data {{s}}/{file}", codes, says,
                   prepare=put(file, text))
    for name, file, text, form in (("VOC", "x.xml", voc(OBJECT.format(2)), "voc"), ("COCO", "x.json", coco([2, 1, 4, 4]), "coco")):
        yield Case(f"eval of {name}", f"eval {{w}}/m/boxes --set data.format={form} --data {{s}}/{file}", 0, "ap50",
                   prepare=put(file, text))
    image = "predict {w}/m/boxes {w}/box0.png --set head.threshold=0 "
    yield Case("predict of boxes", image, 0, " at ")
    yield Case("predict --figures", image + "--figures {s}/drawn", 0, "", leaves=("drawn",),
               check=lambda result, world, scratch: None if (scratch / "drawn" / "box0.png").exists() else "no figure")
    yield Case("predict --figures in a file", image + "--figures {w}/records.csv", 2, "name a folder")
    yield Case("predict --figures of classes", "predict {w}/m/class {w}/records.csv --figures {s}/drawn", 2, "find boxes")
    yield Case("predict --track", image + "--track --json", 0, '"id"')
    yield Case("predict --track of a folder without images", "predict {w}/m/boxes {w}/m --track", 3, "no frame")
    yield Case("predict --track of classes", "predict {w}/m/class {w}/records.csv --track", 2, "find boxes")
    yield Case("predict --track-age alone", image + "--track-age 3", 2, "add --track")
    yield Case("predict --track-overlap of 2", image + "--track --track-overlap 2", 2, "track-overlap")
    yield Case("map --target of a dense head", "map {w}/m/boxes {w}/box0.png --target 1", 2, "--target")
    yield Case("images beside what is no VOC", "check {w}/boxes.toml --set data.images={w}", 4, "images")
