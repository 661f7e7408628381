"""Finds and loads libheed.so."""

import os
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


def _load():
    tried = []
    for file in _candidates():
        tried.append(str(file))
        if not file.exists():
            continue
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
