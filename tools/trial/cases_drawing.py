"""Images that are drawn: what `heed predict` may be asked for, and what it says of the rest."""

import zlib

from case import Case


def is_png(name):
    def check(result, world, scratch):
        file = scratch / name
        if not file.exists() or not file.read_bytes().startswith(b"\x89PNG"):
            return f"no image {name}"
        return "" if zlib.crc32(file.read_bytes()) else "an empty image"

    return check


def cases():
    model = "predict {w}/m/drawn "
    yield Case("predict draws images", model + "3 2", 0, r"(?s)\d\n.*\d\n.*\d\n.*\d\n.*\d\n")
    yield Case("predict --json of drawn images", model + "1 --json", 0, '"levels":')
    yield Case("predict draws by lines", model + "-", 0, r"\d\n.*\d", stdin=b"1\n2\n")
    yield Case("predict --output of drawn images", model + "5 --output {s}/sheet.png", 0, "", leaves=("sheet.png",),
               check=is_png("sheet.png"))
    yield Case("predict goes on from an image", model + "{w}/set:3", 0, r"set:3\t\d")
    yield Case("predict of a line that asks for nothing", model + "-", 3, r"standard input:2: expected a number", stdin=b"1\nx\n")
    yield Case("predict of no images", model + "0", 2, "expected 1 to 1000000 images")
    yield Case("predict of too many images", model + "1000001", 2, "expected 1 to 1000000 images")
    yield Case("predict of an image that is not there", model + "cat", 2, "there is no such image")
    yield Case("predict of both kinds", model + "2 {w}/set:3", 2, "answered apart")
    yield Case("predict --output of drawn images into no PNG", model + "2 --output {s}/sheet", 2, r"\.png")
    yield Case("predict --output into no folder", model + "2 --output {s}/none/sheet.png", 5, "none")
    yield Case("predict --output over the image that is read", model + "{s}/box0.png --output {s}/box0.png", 2, "written over",
               prepare=lambda world, scratch: (scratch / "box0.png").write_bytes((world / "box0.png").read_bytes()))
    yield Case("predict --top of drawn images", model + "2 --top 2 --json", 2, "--top")
    yield Case("map of a drawn image's patches", "map {w}/m/drawn {w}/set:0 --json", 0, '"nats"')
    yield Case("explain of an image that is drawn", "explain {w}/m/drawn {w}/set:0", 2, "no number")
    yield Case("patches that do not divide the image", "check {w}/drawn.toml --set head.patch=[3,2]", 4, r"head\.patch")
    yield Case("too many different patches", "check {w}/drawn.toml --set head.levels=256", 4, "different patches")
    yield Case("an encoder before images that are drawn", "check {w}/drawn.toml --set encoder.kind=image", 4, r"encoder\.")
    yield Case("a class that no image has", "check {w}/drawn.toml --set head.column=colour", (3, 4), "colour")
