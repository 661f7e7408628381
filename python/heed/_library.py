"""Finds and loads libheed.so."""

import os
import re
from pathlib import Path

import torch

_HOW = (
    "In Heed's folder, build it with this torch and say where it is:\n"
    f"    cmake -G Ninja -S . -B build/python -DCMAKE_BUILD_TYPE=Release -DHEED_TESTS=OFF "
    f"-DCMAKE_PREFIX_PATH={Path(torch.__file__).parent}\n"
    "    cmake --build build/python --target heed\n"
    "    export HEED_LIBRARY=$PWD/build/python/libheed.so"
)


def _candidates():
    given = os.environ.get("HEED_LIBRARY")
    if given:
        yield Path(given)
        return
    yield Path(__file__).parent / "libheed.so"
    for folder in ("/usr/local/lib", "/usr/lib"):
        yield Path(folder) / "libheed.so"


def _numbers(version):
    """"2.9.0" of "2.9.0+cpu"."""
    return re.match(r"[0-9.]*", version).group()


def _built_with(file):
    """The LibTorch that the library says it was built with; None where it does not. It is not loaded: a library of
    another LibTorch ends the interpreter instead of raising."""
    found = re.search(rb"heed: built with LibTorch ([0-9.]+)", file.read_bytes())
    return found.group(1).decode() if found else None


def _check_version(file):
    built_with = _built_with(file)
    if built_with is not None and built_with != _numbers(torch.__version__):
        raise ImportError(
            f"heed: {file} was built with LibTorch {built_with}, and this is torch {torch.__version__}. {_HOW}"
        )


def _load():
    tried = []
    for file in _candidates():
        tried.append(str(file))
        if not file.exists():
            continue
        _check_version(file)
        try:
            torch.ops.load_library(str(file))
        except OSError as error:
            raise ImportError(
                f"heed: {file} does not load into torch {torch.__version__}: {error}\n"
                f"It was probably built with another torch. {_HOW}"
            ) from error
        return file
    raise ImportError(f"heed: libheed.so is not at {', '.join(tried)}. {_HOW}")


path = _load()
