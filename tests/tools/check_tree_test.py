"""tools/check_tree.py finds each thing that it looks for, and nothing in a tree that keeps the rules."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).parents[2] / "tools" / "check_tree.py"
FLOORS = "heed_floor(core)\nheed_floor(kernels LINK heed_core)\nheed_floor(ops TORCH LINK heed_kernels)\n"


class CheckTree(unittest.TestCase):
    def check(self, files, floors=FLOORS):
        """The exit code and what is printed for a tree of {path: text}."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"CMakeLists.txt": floors, **files}.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
        return done.returncode, done.stdout

    def assert_found(self, path, text, *words, floors=FLOORS):
        code, output = self.check({path: text}, floors)
        self.assertEqual(code, 1, output)
        for word in (f"{path}:", *words):
            self.assertIn(word, output)

    def test_a_tree_that_keeps_the_rules(self):
        code, output = self.check({
            "include/heed/core/error.h": "#include <string>\n",
            "include/heed/ops/attend.h": '#include <torch/types.h>\n#include "heed/core/error.h"\n',
            "src/ops/attend.cc": '#include "heed/ops/attend.h"\n#include "kernels/attend.h"\n',
            "tests/core/error_test.cc": '#include <gtest/gtest.h>\n#include "heed/core/error.h"\n',
            "apps/heed/main.cc": '#include "ops/call.h"\n'})
        self.assertEqual((code, output), (0, ""))

    def test_includes_that_point_up(self):
        self.assert_found("src/kernels/attend.cc", '\n#include "ops/call.h"\n', ":2:", "kernels includes ops/call.h")
        self.assert_found("include/heed/core/error.h", '#include "heed/ops/attend.h"\n', "core includes heed/ops/attend.h")
        self.assert_found("tests/core/error_test.cc", '#include "kernels/attend.h"\n', "floor kernels")

    def test_floors_that_stand_on_what_is_above(self):
        self.assert_found("CMakeLists.txt", "heed_floor(core LINK heed_ops)\nheed_floor(ops)\n", "core stands on ops")

    def test_libtorch_below_ops(self):
        self.assert_found("src/kernels/attend.cc", "#include <ATen/core/Tensor.h>\n", "without LibTorch")
        self.assert_found("src/core/error.cc", "  #  include <torch/torch.h>\n", "without LibTorch")

    def test_public_headers_that_lean_on_private_ones(self):
        self.assert_found("include/heed/ops/attend.h", '#include "ops/call.h"\n', "private ops/call.h")
        self.assert_found("include/heed/ops/attend.h", "#include <nlohmann/json.hpp>\n", "nlohmann/json.hpp")

    def test_long_files(self):
        self.assert_found("src/core/long.cc", "\n" * 501, "501 lines")
        self.assertEqual(self.check({"src/core/long.cc": "// Longer than 500 lines because of a table.\n" * 501})[0], 0)

    def test_a_tree_without_floors(self):
        self.assertEqual(self.check({}, floors="")[0], 1)


if __name__ == "__main__":
    unittest.main()
