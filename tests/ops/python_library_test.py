"""The Python package refuses a libheed.so of another LibTorch before it loads it: python_library_test.py LIBHEED VERSION."""

import importlib.util
import os
import sys
import types
import unittest
from pathlib import Path

LIBRARY, VERSION = sys.argv.pop(1), sys.argv.pop(1)
PACKAGE = Path(__file__).parents[2] / "python" / "heed" / "_library.py"


def imported(torch_version):
    """The module as a Python with that torch imports it; loading is only counted."""
    torch = types.ModuleType("torch")
    torch.__version__, torch.__file__ = torch_version, "/torch/__init__.py"
    loaded = []
    torch.ops = types.SimpleNamespace(load_library=loaded.append)
    sys.modules["torch"] = torch
    spec = importlib.util.spec_from_file_location("library", PACKAGE)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return loaded


class Library(unittest.TestCase):
    def setUp(self):
        os.environ["HEED_LIBRARY"] = LIBRARY

    def test_the_same_version_is_loaded(self):
        self.assertEqual(imported(VERSION + "+cpu"), [LIBRARY])

    def test_another_version_is_named_and_not_loaded(self):
        with self.assertRaisesRegex(ImportError, rf"built with LibTorch {VERSION}, and this is torch 99.1.0\+cu"):
            imported("99.1.0+cu130")

    def test_a_library_that_says_nothing_is_tried(self):
        os.environ["HEED_LIBRARY"] = str(PACKAGE)
        self.assertEqual(imported("99.1.0"), [str(PACKAGE)])


if __name__ == "__main__":
    unittest.main()
