"""Words, flags and their order: what a new user mistypes."""

import re
import signal

from case import Case

VERBS = {"train": "recipe", "eval": "model", "predict": "model", "map": "model", "check": "recipe", "summary": "model",
         "import": "map", "export": "model", "score": "predicted", "audit": "model"}


def usage(name, command, says, code=2, **more):
    return Case(name, command, code, says, **more)


def of_verbs():
    for verb, first in VERBS.items():
        yield usage(f"{verb} alone", verb, first)
        yield Case(f"{verb} --help", f"{verb} --help", 0, "Usage: heed " + verb)
        yield usage(f"{verb} with an unknown flag", f"{verb} x --nonsense", "--nonsense")
        yield usage(f"{verb} with an empty argument", [verb, ""], "empty")
        if verb not in ("import", "export"):  # which print nothing
            yield Case(f"{verb} --json without more", f"{verb} --json", 2, first)
    for verb in ("train", "eval", "predict", "map", "check", "summary"):
        yield usage(f"{verb} --set without a value", f"{verb} x --set", "--set")
        yield Case(f"{verb} --set of no assignment", f"{verb} {'{w}/class.toml' if verb in ('train', 'check') else '{w}/m/class'}"
                   + (" {w}/records.csv:1" if verb == "map" else "") + " --set nonsense", 2, "--set nonsense")
        yield Case(f"{verb} --set the same key twice",
                   f"{verb} {'{w}/class.toml' if verb in ('train', 'check') else '{w}/m/class'}"
                   + (" {w}/records.csv:1" if verb == "map" else "") + " --set seed=1 --set seed=2", 2, "seed")


def of_the_program():
    yield usage("nothing", "", "Usage")
    yield Case("--help", "--help", 0, "Exit codes")
    yield Case("-h behind a verb", "env -h", 0, "Usage: heed env")
    yield Case("--version", "--version", 0, r"heed \d+\.\d+")
    yield usage("a verb in capitals", "TRAIN x", "unknown verb 'TRAIN'")
    yield usage("a mistyped verb", "trian x", "did you mean 'train'")
    yield usage("two verbs", "env env", "env")
    yield usage("a flag alone", "--json", "--json")
    yield usage("a file where a verb is wanted", "{w}/class.toml", "unknown verb")
    yield usage("a verb that is no UTF-8", [b"tr\xffin", "x"], r"tr\\xffin")
    yield usage("a flag that is no UTF-8", ["env", b"--\xff\xfe"], r"\\xff")
    yield usage("a verb with a line feed and an escape", ["tr\n\x1b[31m"], r"\\n\\x1b")
    yield usage("a word of 100,000 letters", ["x" * 100000], "unknown verb")
    yield usage("1,000 flags", ["env"] + ["--json"] * 1000, "", code=(0, 2))
    yield usage("-- before a flag", "env -- --json", "--json")
    yield usage("a flag's value is a flag", "train {w}/class.toml --out --json", "the flag --json", code=2)
    yield Case("env", "env", 0, "threads")
    yield Case("env --json", "env --json", 0, "threads")
    yield usage("env with an argument", "env x", "x")


def of_threads():
    for what, given in {"0": "0", "-1": "-1", "a word": "two", "a fraction": "1.5", "empty": "", "too many": "100000",
                        "beyond 64 bits": "99999999999999999999", "hexadecimal": "0x2", "a blank before": " 2"}.items():
        yield usage(f"--threads {what}", ["env", f"--threads={given}"], "--threads|threads")
        yield Case(f"HEED_NUM_THREADS {what}", "env", 0 if given == "" else 2, "" if given == "" else "HEED_NUM_THREADS",
                   env={"HEED_NUM_THREADS": given})
    yield Case("--threads twice", "env --threads 1 --threads 2", 2, "--threads")
    yield Case("--threads before the verb", "--threads 1 env", 0, "threads")
    yield Case("--threads beats a wrong variable", "env --threads 1", 0, "", env={"HEED_NUM_THREADS": "abc"})
    yield Case("OMP_NUM_THREADS of two levels", "env", 0, "", env={"OMP_NUM_THREADS": "2,1"})
    yield Case("OMP_NUM_THREADS wrong", "env", 2, "OMP_NUM_THREADS", env={"OMP_NUM_THREADS": "many"})


def of_processes():
    train = "train {w}/class.toml --out {s}/m"
    yield usage("launch alone", "launch", "expected -- and what each process runs")
    yield Case("launch --help", "launch --help", 0, "Usage: heed launch")
    yield usage("launch of none", "launch -n 0 -- env", "whole number from 1 to 1024")
    yield Case("launch of two", "launch -n 2 -- env", 0, "world_size +2")
    yield usage("launch of a mistyped verb", "launch -n 2 -- trian x", "did you mean 'train'")
    yield usage("a rank without a size", train, "WORLD_SIZE is not set", env={"RANK": "0"})
    yield usage("a rank that is none", train, "RANK: expected a whole number", env={"RANK": "x", "WORLD_SIZE": "2"})
    yield usage("a rank above the size", train, "expected a rank below it", env={"RANK": "2", "WORLD_SIZE": "2"})
    yield usage("ranks that nobody brings together", train, "MASTER_ADDR is not set", env={"RANK": "0", "WORLD_SIZE": "2"})
    yield Case("env says what a launcher left", "env", 0, "WORLD_SIZE is not set", env={"RANK": "0"})


def of_recipe():
    yield Case("recipe of one input", "recipe text", 2, "kinds of an input and a head")
    yield Case("recipe of both", "recipe series forecast", 0, "forecast")
    yield Case("recipe with an encoder", "recipe series forecast --encoder series", 0, "series")
    yield usage("recipe of an unknown input", "recipe txet class", "did you mean 'text'", code=(2, 4))
    yield usage("recipe of an unknown head", "recipe text clas", "did you mean 'class'", code=(2, 4))
    yield usage("recipe of a head as an input", "recipe class", "class", code=(2, 4))
    yield usage("recipe of an unknown encoder", "recipe text class --encoder tex", "tex", code=(2, 4))
    yield usage("recipe of three", "recipe text class number", "number")
    yield Case("recipe --reference", "recipe --reference", 0, r"\| key|\|")
    yield usage("recipe --reference with an input", "recipe text --reference", "--reference|reference")
    yield usage("recipe alone", "recipe", "", code=(0, 2))
    yield usage("recipe --json", "recipe text --json", "--json")


def of_flags_that_do_nothing():
    yield usage("predict --top without --json", "predict {w}/m/class {w}/records.csv --top 2", "--json")
    yield usage("predict --top 0", "predict {w}/m/class {w}/records.csv --json --top 0", "--top")
    yield usage("predict --top of a number", "predict {w}/m/number {w}/records.csv --json --top 2", "--top")
    yield usage("predict --top of a translator", "predict {w}/m/translation {w}/a --json --top 2", "--top")
    yield usage("predict --refuse of a number", "predict {w}/m/number {w}/records.csv --refuse 0.5", "--refuse")
    yield usage("predict --refuse above 1", "predict {w}/m/class {w}/records.csv --refuse 1.5", "--refuse")
    yield Case("predict --refuse", "predict {w}/m/class {w}/records.csv --refuse 1", 0, "refused")
    yield usage("eval --refuse of a number", "eval {w}/m/number --data {w}/records.csv --refuse 0.5", "--refuse")
    yield usage("eval --noise of a language model", "eval {w}/m/corpus --data {w}/corpus.txt --noise", "--noise")
    yield usage("eval --noise with --output", "eval {w}/m/class --data {w}/records.csv --noise --output {s}/o", "--output")
    yield usage("eval --background without --noise", "eval {w}/m/sound --background {w}/sound1.wav", "give --noise")
    yield usage("eval --background of a model of texts", "eval {w}/m/class --data {w}/records.csv --noise --background {w}/sound1.wav",
                "hears no recordings")
    yield Case("eval --background", "eval {w}/m/sound --data {w}/sounds.csv --noise --background {w}/sound1.wav", 0, "background")
    yield Case("eval --background of no recording", "eval {w}/m/sound --data {w}/sounds.csv --noise --background {w}/a", 3, "not a recording")
    yield usage("predict --refuse of no number", "predict {w}/m/class {w}/records.csv --refuse nan", "--refuse")
    yield Case("eval --noise", "eval {w}/m/class --data {w}/records.csv --noise", 0, "dropped_words")
    yield usage("predict --prefix of a classifier", "predict {w}/m/class {w}/records.csv --prefix {w}/a", "--prefix")
    yield usage("predict --target of a classifier", "predict {w}/m/class {w}/records.csv --target {w}/a", "--target")
    yield usage("predict --with of a classifier", "predict {w}/m/class {w}/records.csv --with {w}/m/class", "--with")
    yield usage("predict --prefix and --target", "predict {w}/m/translation {w}/a --prefix {w}/b --target {w}/b",
                "--prefix and --target")
    yield usage("predict --target of a language model", "predict {w}/m/corpus {w}/a --target {w}/b", "--target")
    yield usage("eval --output of a language model", "eval {w}/m/corpus --data {w}/corpus.txt --output {s}/o", "--output")
    yield usage("eval --png of nothing to draw", "eval {w}/m/corpus --data {w}/corpus.txt --png {s}/o.png", "--png")
    yield usage("map --view of an unknown word", "map {w}/m/class {w}/records.csv:2 --view token", "did you mean 'tokens'?")
    yield usage("map --view without files", "map {w}/m/class {w}/records.csv:2 --view overview", "--png")
    yield usage("map --view with --json", "map {w}/m/class {w}/records.csv:2 --view tokens --json", "--view")
    yield usage("map --sinks of another view", "map {w}/m/class {w}/records.csv:2 --view tokens --sinks", "--sinks")
    yield usage("map --pdf and --html to one file", "map {w}/m/class {w}/records.csv:2 --pdf {s}/o --html {s}/o", "written twice")
    yield usage("map --colour with --json", "map {w}/m/class {w}/records.csv:2 --json --colour 256", "--colour")
    yield usage("map --record onto its input", "map {w}/m/class {w}/records.csv:2 --record {w}/records.csv", "is read")
    yield usage("map --record with --colour", "map {w}/m/class {w}/records.csv:2 --record {s}/o --colour 256", "--colour")
    yield Case("map --record", "map {w}/m/class {w}/records.csv:2 --record {s}/o.safetensors", 0, "wrote")
    yield usage("look alone", "look", "model")
    yield usage("serve alone", "serve", "models")
    yield Case("serve --help", "serve --help", 0, "Usage: heed serve")
    yield usage("serve --host of others without a key", "serve {w}/m/class --host 0.0.0.0 --port 0", "--key-file")
    yield usage("serve of a model twice", "serve {w}/m/class {w}/m/class --port 0", "two models are called")
    yield usage("serve --wait for ever", "serve {w}/m/class --wait 100", "--wait")
    yield Case("look --help", "look --help", 0, "Usage: heed look")
    yield usage("look --host of others without a key", "look {w}/m/class --host 0.0.0.0", "--key-file")
    yield usage("look --host of a name", "look {w}/m/class --host example.org", "no address")
    yield usage("look --port that is none", "look {w}/m/class --port 65536", "--port")
    yield usage("look --key-file of an empty file", "look {w}/m/class --key-file /dev/null", "", code=(2, 5))
    yield Case("look --key-file that is not there", "look {w}/m/class --key-file {s}/key", 5, "key")
    yield Case("look at weights as if they were maps", "look {w}/m/class/best/model.safetensors", 4, "heed map --record")
    yield Case("look at a model that is not there", "look {w}/m/nothing", (4, 5), "nothing")
    yield Case("look until SIGTERM", "look {w}/m/class --port 0", 143, "http://127.0.0.1:", signal=signal.SIGTERM, after=8)
    yield usage("map --target of a classifier", "map {w}/m/class {w}/records.csv:2 --target x", "--target")
    yield usage("map --alignment of a classifier", "map {w}/m/class {w}/records.csv:2 --alignment", "--alignment")
    yield usage("map --layer that is not there", "map {w}/m/class {w}/records.csv:2 --layer 9", "layer '9' is not in the model, which has: layer 1")
    yield usage("map --layer 0", "map {w}/m/class {w}/records.csv:2 --layer 0", "layer '0' is not in the model")
    yield usage("map --head that is not there", "map {w}/m/class {w}/records.csv:2 --head 3", r"head 3 is not in layer 1, which has heads 1\.\.2")
    yield usage("map --head of a word", "map {w}/m/class {w}/records.csv:2 --head one", "--head")
    yield usage("explain --method of an unknown word", "explain {w}/m/class {w}/records.csv:2 --method rolout", "did you mean 'rollout'?")
    yield usage("explain --baseline of a method without", "explain {w}/m/class {w}/records.csv:2 --method raw --baseline mean", "--baseline")
    yield usage("explain --heads and --method", "explain {w}/m/class {w}/records.csv:2 --heads zero --method raw", "--method")
    yield usage("explain --patch without --against", "explain {w}/m/class {w}/records.csv:2 --patch stream", "--against")
    yield usage("explain --data without --heads", "explain {w}/m/class {w}/records.csv:2 --data {w}/records.csv", "--data")
    yield usage("explain --edge of three numbers", "explain {w}/m/class {w}/records.csv:2 --edge 1:1:1", "4 numbers")
    yield usage("explain --edge that is not there", "explain {w}/m/class {w}/records.csv:2 --edge 9:1:1:1", "layer: expected 1 to")
    yield usage("explain --target of no class", "explain {w}/m/class {w}/records.csv:2 --target nothing", "no class 'nothing'")
    yield usage("explain --tokens of a class", "explain {w}/m/class {w}/records.csv:2 --tokens 1:2", "--tokens")
    yield usage("explain --orders too few", "explain {w}/m/class {w}/records.csv:2 --orders 3", "--orders")
    yield usage("map --colour unknown", "map {w}/m/class {w}/records.csv:2 --colour rainbow", "unknown colours 'rainbow'; known: auto")
    yield usage("set of training on a model", "predict {w}/m/class {w}/records.csv --set train.epochs=3", "train.epochs")
    yield usage("set of out on a model", "eval {w}/m/class --data {w}/records.csv --set out=x", "out")
    yield usage("set of drawing without sample", "predict {w}/m/translation {w}/a --set head.generate.top_k=5", "top_k",
                code=4)
    yield usage("set of beams with sample", "predict {w}/m/corpus {w}/a --set head.generate.beam_size=3", "beam_size", code=4)
    yield usage("set of another width", "predict {w}/m/class {w}/records.csv --set encoder.width=16", "width|weights",
                code=4)
    yield usage("set of another seed on a model", "predict {w}/m/class {w}/records.csv --set seed=2", "seed")


def of_recipes_that_contradict_themselves():
    other = r"unknown key '{key}', which is there only where {path} is {value}"
    for name, recipe, change, key, path, value in (
            ("a language model's", "translation", "head.encoder_layers=0", "cross_attention", "head.encoder_layers", r"above 0 \(it is 0\)"),
            ("a fold's", "class", "data.fold=1", "fold", "data.folds", r"above 0 \(it is 0\)"),
            ("a schedule's", "class", "train.schedule.min_lr=0.1", "min_lr", "train.schedule.kind", '"cosine"'),
            ("a begun model's", "class", "model.layer_decay=0.5", "layer_decay", "model.from", "given"),
            ("another head's", "class", "head.scheme='iob2'", "scheme", "head.kind", '"tags"')):
        says = other.format(key=key, path=re.escape(path), value=value)
        for verb in ("check", "train", "summary"):
            yield usage(f"{verb} with {name} key", f"{verb} {{w}}/{recipe}.toml --set {change}", says, code=4)
    long = "train.schedule.warmup=10000"
    for verb, rest in (("check", ""), ("train", " --out {s}/run")):
        yield usage(f"{verb} with a warmup longer than all epochs", f"{verb} {{w}}/class.toml --set {long}{rest}",
                    r"train\.schedule\.warmup = 10000 is longer than the whole run of 6 steps \(2 epochs of 3\)", code=4)
        yield Case(f"{verb} with a warmup longer than max_steps", f"{verb} {{w}}/class.toml --set {long} --set train.max_steps=2{rest}",
                   0, r"note: train\.schedule\.warmup = 10000 is longer than the whole run of 2 steps")
        for what, test in (("the same file", "{w}/records.csv"), ("a path to it", "{w}/../world/records.csv"), ("its records", "{s}/part.csv")):
            yield Case(f"{verb} where the test data is {what}", f"{verb} {{w}}/class.toml --set data.test={test}{rest}", 0,
                       r"note: data\.test: all of it is in data\.train, too", prepare=part_of_records)
        yield Case(f"{verb} where valid and test are train", f"{verb} {{w}}/translation.toml --set data.valid=['{{w}}/a','{{w}}/b'] "
                   f"--set data.test=['{{w}}/a','{{w}}/b']{rest}".replace("'", "\\'"), 0, r"note: data\.valid: all.*note: data\.test: all")


def of_audits():
    for cell in ("class", "document", "labels", "embedding", "translation", "gru"):
        data = "{w}/a" if cell in ("translation", "gru") else "{w}/records.csv"
        yield Case(f"audit of {cell}", f"audit {{w}}/m/{cell} --swap {{w}}/lists.toml --data {data} --heads 3", 0, "words: ")
        yield Case(f"audit of {cell}, JSON", f"audit {{w}}/m/{cell} --swap {{w}}/lists.toml --data {data} --heads 0 --json", 0, '"groups"')
    for cell, says in (("image", "reads no"), ("number", "reads no"), ("masked", "--pairs"), ("corpus", "--pairs"),
                       ("forecast", "forecast"), ("tags", "tags")):
        yield usage(f"audit of {cell}", f"audit {{w}}/m/{cell} --swap {{w}}/lists.toml --data {{w}}/records.csv", says)
    pairs = "--pairs {w}/records.csv --columns text,pair"
    for cell in ("class", "masked"):
        yield Case(f"audit of pairs, {cell}", f"audit {{w}}/m/{cell} {pairs} --kind colour", 0, "red")
    yield usage("audit of pairs of an unknown column", "audit {w}/m/class --pairs {w}/records.csv --columns text,pear", "pair", code=3)
    yield usage("audit with lists that are data", "audit {w}/m/class --swap {w}/records.csv --data {w}/records.csv", "records.csv:1", code=4)
    yield usage("audit without data", "audit {w}/m/class --swap {w}/lists.toml", "--data")
    yield usage("audit --heads -1", "audit {w}/m/class --swap {w}/lists.toml --heads -1", "--heads")
    yield usage("audit of an unknown head", "audit {w}/m/class --swap {w}/lists.toml --data {w}/records.csv --of x", "--of")
    predict = "predict {w}/m/class {w}/records.csv --withhold "
    yield Case("predict --withhold", predict + "{w}/filter.toml --withheld-log {s}/log", 0, "", leaves=("log",))
    yield Case("predict --withhold --json", predict + "{w}/filter.toml --json", 0, "")
    yield usage("predict --withhold of what is no filter", predict + "{w}/records.csv", "records.csv:1", code=4)
    yield usage("predict --withhold of other lists", predict + "{w}/lists.toml", "unknown key", code=4)
    yield usage("predict --withheld-log alone", "predict {w}/m/class {w}/records.csv --withheld-log {s}/log", "--withhold")
    gap = "check {w}/class.toml --set gap.lists={w}/lists.toml "
    yield Case("check with a gap", gap + "--set gap.group=words", 0, "")
    yield usage("check with a gap of no group", gap, "words, here", code=4)
    yield usage("check with a gap of an image", "check {w}/image.toml --set gap.lists={w}/lists.toml", "gap.lists", code=4)


def part_of_records(world, scratch):
    lines = (world / "records.csv").read_text().splitlines(keepends=True)
    (scratch / "part.csv").write_text("".join(lines[:1] + lines[5:9]))


def cases():
    for group in (of_verbs, of_the_program, of_threads, of_processes, of_recipe, of_flags_that_do_nothing, of_recipes_that_contradict_themselves,
                  of_audits):
        yield from group()
