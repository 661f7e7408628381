"""recipes/data/debian_synopses joins what apt knows into pairs, and counts what it leaves out or cuts."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "recipes" / "data" / "debian_synopses"


def package(name, key, source=None):
    """A paragraph of Packages."""
    return f"Package: {name}\nVersion: 1\n" + (f"Source: {source} (2)\n" if source else "") + \
        f"Description: short\nDescription-md5: {key}\nTag: one,\n two\n\n"


def translation(name, key, synopsis, *lines):
    return f"Package: {name}\nDescription-md5: {key}\nDescription-en: {synopsis}\n" + \
        "".join(f" {line}\n" for line in lines) + "\n"


class DebianSynopses(unittest.TestCase):
    def make(self, text, *flags):
        """{split: lines} and what was counted, {words: number}."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, SCRIPT, folder, *flags], input=text, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            files = {name: pathlib.Path(folder, name + ".tsv").read_text().splitlines()
                     for name in ("train", "valid", "test")}
        counts = {what: int(count) for count, what in (line.split(" ", 1) for line in done.stderr.splitlines())}
        return files, counts

    def test_descriptions_are_joined_by_their_sum_and_become_one_line(self):
        files, counts = self.make(package("ed", "k1") + package("bare", "k2") +
                                  translation("ed", "k1", "line editor", "A small,", "  * old", ".", "editor."))
        self.assertEqual(sum(files.values(), []), ["A small, * old editor.\tline editor"])
        self.assertEqual(counts["packages"], 2)
        self.assertEqual(counts["left out: without a long description"], 1)

    def test_the_first_of_equal_descriptions_is_taken(self):
        files, counts = self.make(package("b", "k1") + package("a", "k2") + translation("b", "k1", "of b", "Same text.") +
                                  translation("a", "k2", "of a", "same", "TEXT."))
        self.assertEqual(sum(files.values(), []), ["same TEXT.\tof a"])
        self.assertEqual(counts["left out: the description of another package"], 1)

    def test_a_family_stands_in_one_split_and_is_limited(self):
        text = "".join(package(f"p{i}", f"k{i}", f"gcc-{i}") + translation(f"p{i}", f"k{i}", "s", f"Text {i}.")
                       for i in range(60))
        files, counts = self.make(text, "--family", "40")
        self.assertEqual(sorted(map(len, files.values())), [0, 0, 40])
        self.assertEqual(counts["families"], 1)
        self.assertEqual(counts["left out: more than 40 of a family"], 20)

    def test_every_split_has_its_share(self):
        text = "".join(package(name := "p" + chr(97 + i // 26) + chr(97 + i % 26), name) +
                       translation(name, name, "s", f"Text {i}.") for i in range(600))
        files, _ = self.make(text)
        self.assertEqual(sum(map(len, files.values())), 600)
        self.assertTrue(2 <= len(files["valid"]) <= 30 and 8 <= len(files["test"]) <= 50, files)

    def test_long_descriptions_are_cut_and_counted(self):
        files, counts = self.make(package("a", "k1") + translation("a", "k1", "one two", "Zero one two three."),
                                  "--words", "3")
        self.assertEqual(sum(files.values(), []), ["Zero one two\tone two"])
        self.assertEqual(counts["cut to 3 words"], 1)
        self.assertEqual(counts["synopsis stands in its description"], 1)

    def test_what_is_no_list_of_packages_is_named(self):
        for text, words in ((package("a", "k1") + "no field\n", "line 8: expected 'Field: value'"), (" continues\n", "line 1"),
                            ("Version: 1\n", "expected paragraphs that name a package, given one of version")):
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([sys.executable, SCRIPT, folder], input=text, capture_output=True, text=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertEqual(list(pathlib.Path(folder).iterdir()), [])


if __name__ == "__main__":
    unittest.main()
