"""What a path may lead to, in every place where one is read."""

import gzip
import os
import socket
import threading

from case import Case


def bytes_of(data):
    def prepare(world, scratch):
        (scratch / "given").write_bytes(data)
    return prepare


def of(call):
    return lambda world, scratch: call(scratch / "given")


def packed(data, cut=0):
    whole = gzip.compress(data)
    return lambda world, scratch: (scratch / "given.gz").write_bytes(whole[: len(whole) - cut])


def unix_socket(path):
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))


def pipe_of(data):
    """A FIFO with one writer, who writes what `data` gives and goes away."""
    def prepare(world, scratch):
        os.mkfifo(scratch / "given")
        def write():
            try:
                with open(scratch / "given", "wb") as out:
                    out.write(data)
            except OSError:
                pass
        threading.Thread(target=write, daemon=True).start()
    return prepare


# Kind: (how it comes to be, its path, codes that are right). 2, 3, 4 and 5 are answers; the message names the path.
KINDS = {
    "nothing": (None, "{s}/given", (2, 3, 4, 5)),
    "a folder": (of(lambda p: p.mkdir()), "{s}/given", (2, 3, 4, 5)),
    "an empty file": (bytes_of(b""), "{s}/given", (2, 3, 4, 5)),
    "a link to itself": (of(lambda p: p.symlink_to("given")), "{s}/given", (2, 3, 4, 5)),
    "a link to nothing": (of(lambda p: p.symlink_to("gone")), "{s}/given", (2, 3, 4, 5)),
    "a socket": (of(unix_socket), "{s}/given", (2, 3, 4, 5)),
    "a NUL": (bytes_of(b"a\0b\n"), "{s}/given", (2, 3, 4, 5)),
    "Latin-1": (bytes_of("größe\n".encode("latin-1")), "{s}/given", (2, 3, 4, 5)),
    "UTF-16": (bytes_of("text\nword\n".encode("utf-16")), "{s}/given", (2, 3, 4, 5)),
    "random bytes": (bytes_of(bytes((i * 7919 + i * i) % 256 for i in range(5000))), "{s}/given", (2, 3, 4, 5)),
    "a gzip that is cut": (packed(b"text,side\n" * 1000, 12), "{s}/given.gz", (2, 3, 4, 5)),
    "an endless device": (None, "/dev/zero", (2, 3, 4, 5, 6)),
    "the null device": (None, "/dev/null", (0, 2, 3, 4, 5)),
    "an empty pipe": (pipe_of(b""), "{s}/given", (0, 2, 3, 4, 5)),
    "a path through a file": (bytes_of(b"x"), "{s}/given/more", (2, 3, 4, 5)),
    "a name of 300 letters": (None, "{s}/" + "x" * 300, (2, 3, 4, 5)),
    "a name with a line feed": (None, "{s}/a\nb", (2, 3, 4, 5)),
    "a name that is no UTF-8": (None, b"{s}/\xff\xfe", (2, 3, 4, 5)),
}

# Place: (the words before, those behind, which kinds are fine there as input for one's own reading).
CSV = "--set data.format=csv"
PLACES = {
    "the recipe of train": (["train"], ["--out", "{s}/run"]),
    "the recipe of check": (["check"], []),
    "the recipe of summary": (["summary"], []),
    "the model of predict": (["predict"], ["{w}/records.csv"]),
    "the model of check": (["check", "{w}/class.toml", "--set"], []),
    "eval --data of a table": (["eval", "{w}/m/number", "--set", "data.format=csv", "--data"], []),
    "eval --data of images": (["eval", "{w}/m/image", "--data"], []),
    "eval --data of a language model": (["eval", "{w}/m/corpus", "--data"], []),
    "eval --data of stories": (["eval", "{w}/m/stories", "--data"], []),
    "eval --data of a series": (["eval", "{w}/m/forecast", "--data"], []),
    "eval --data of events": (["eval", "{w}/m/items", "--data"], []),
    "predict of words": (["predict", "{w}/m/tags", "--set", "data.format=conll"], []),
    "predict of a translator": (["predict", "{w}/m/translation"], []),
    "predict of images": (["predict", "{w}/m/image"], []),
    "predict --prefix": (["predict", "{w}/m/translation", "{w}/a", "--prefix"], []),
    "score": (["score"], ["--reference", "{w}/a"]),
    "score --reference": (["score", "{w}/a", "--reference"], []),
    "the map of import": (["import"], ["{w}/m/class/best/model.safetensors", "--out", "{s}/o"]),
    "the tensors of import": (["import", "{w}/class.toml"], ["--out", "{s}/o"]),
}


def cases():
    for place, (before, behind) in PLACES.items():
        for kind, (prepare, path, codes) in KINDS.items():
            if place == "the model of check" or (place.startswith("predict") and kind == "an empty file"):
                continue
            if "import" in place and kind in ("a socket", "an empty pipe", "a link to nothing"):
                continue
            fine = kind in ("an empty file", "the null device", "an empty pipe", "Latin-1", "a NUL")
            more = (0,) if place.startswith(("predict", "score")) and fine else ()
            yield Case(f"{kind} as {place}", [*before, path, *behind], tuple(codes) + more,
                       prepare=prepare, memory=0)
