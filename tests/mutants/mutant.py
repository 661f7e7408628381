"""What a mutant is: a world, what is changed in it, and what is run there."""

import ctypes
from dataclasses import dataclass, field


@dataclass
class Change:
    what: str = ""
    names: list = field(default_factory=list)  # one of them, or a changed file, must stand in the message
    refuse: bool = False                       # whether the program may not take it

    def add(self, more):
        self.what += ("; " if self.what else "") + more.what
        self.names += more.names
        self.refuse |= more.refuse


@dataclass
class Mutant:
    world: str   # the folder that it begins with
    words: list  # of the command line
    files: dict  # name -> its bytes
    change: Change
    trains: bool = False


class _Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_128bits.restype = _Hash
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def checksum(data):
    """As safetensors files of Heed have it of the files beside them."""
    found = _xxhash.XXH3_128bits(data, len(data))
    return f"{found.high:016x}{found.low:016x}"
