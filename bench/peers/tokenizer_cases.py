"""Writes tests/data/json_tokenizer_cases.jsonl: what tokenizers says of small files, one for every component.

python bench/peers/tokenizer_cases.py > tests/data/json_tokenizer_cases.jsonl      needs tokenizers==0.23.3
"""

import json

from tokenizers import Tokenizer

U = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]]}
CH = {"type": "FixedLength", "length": 1}
T1 = "Aé e\u0301\u0327 \ufb01 \u212b\u1e9b\u0323 \u1100\u1161\u11a8 \uac01"
T2 = " \t\u00a0 İSTANBUL ΣΑΣ ß\x00\u200b\ufffd\x07\ue000中文\u3000x\u1885 \u0890!"
T3 = "it's 12٣½ 、a_b--c…\u166d $5+\u2003 I'LL \n\n  y"
T4 = "アbcд1あ 中ー a"
cases = []


def run(j, texts, pair=False):
    full = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": U,
    }
    full.update(j)
    t = Tokenizer.from_str(json.dumps(full))
    for x in texts:
        e = t.encode(*x) if isinstance(x, list) else t.encode(x)
        exp = [[i, k, a, b] for i, k, (a, b) in zip(e.ids, e.tokens, e.offsets)]
        case = dict(parts=j, text=x, tokens=exp)
        if isinstance(x, list):
            case["types"] = e.type_ids
        case["decoded"] = t.decode(e.ids, skip_special_tokens=False)
        cases.append(case)


def norm(n, texts=None):
    run({"normalizer": n, "pre_tokenizer": CH}, texts or [T1, T2])


for n in "NFC NFD NFKC NFKD Lowercase StripAccents Nmt ByteLevel".split():
    norm({"type": n})
for kw in [(True, True, None, True), (True, False, False, False), (False, True, True, False)]:
    norm(
        {
            "type": "BertNormalizer",
            "clean_text": kw[0],
            "handle_chinese_chars": kw[1],
            "strip_accents": kw[2],
            "lowercase": kw[3],
        },
        [T2, "\x00HeLLo\tWorld"],
    )
norm({"type": "Strip", "strip_left": True, "strip_right": False}, ["  a b \u3000"])
norm({"type": "Strip", "strip_left": True, "strip_right": True}, ["\u2003é \n", "  "])
norm({"type": "Prepend", "prepend": "\u2581x"}, ["éa", ""])
norm({"type": "Replace", "pattern": {"String": "ab"}, "content": "\u2581"}, ["xababé.ab"])
norm({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, ["a   b  c "])
norm({"type": "Replace", "pattern": {"Regex": "a*"}, "content": "-"}, ["baac"])


def pre(p, texts=None):
    run({"pre_tokenizer": p}, texts or [T3])


for p in "BertPreTokenizer Whitespace WhitespaceSplit".split():
    pre({"type": p})
pre({"type": "UnicodeScripts"}, [T4, "  a"])
for b in "Removed Isolated MergedWithPrevious MergedWithNext Contiguous".split():
    pre({"type": "Punctuation", "behavior": b}, ["-a--b,-"])
    for inv in (False, True):
        pre({"type": "Split", "pattern": {"Regex": "\\d{2}|\\s"}, "behavior": b, "invert": inv}, ["12345 a  67"])
pre({"type": "Split", "pattern": {"String": ".."}, "behavior": "Isolated", "invert": False}, ["a...b.."])
pre({"type": "Digits", "individual_digits": True})
pre({"type": "Digits", "individual_digits": False})
pre({"type": "CharDelimiterSplit", "delimiter": "é"}, ["éaéébé"])
pre({"type": "FixedLength", "length": 3}, ["aé中bcdé"])
for s in "first never always".split():
    for sp in (True, False):
        pre(
            {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": s, "split": sp}, ["Hey  you é", " \u2581a"]
        )
pre({"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, [T3, "é"])
pre({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}, ["a é"])
pre(
    {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Digits", "individual_digits": True},
            {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": True},
        ],
    },
    ["ab 1c", "x"],
)
# regexes
for rx, tx in [
    ("(?i:'s|k)|a{2,3}?", "KaaaSK'ſ\u212a'S"),
    ("\\s+(?!\\S)|\\s+", "a   b  "),
    ("(?<!a)b|(?<=x|yz)c", "ab bb xc yzc zc"),
    ("[^\\s\\p{L}&&[^b]]+", "a b1c!"),
    ("[a-c&&[^b]]+", "abcac"),
    ("x*+x|y", "xxxy"),
    ("(?>a|ab)c|\\bd\\b", "abc ac d dd"),
    ("^a|b$", "ab\nab\nab"),
    ("\\R|\\h+|\\p{^Lu}{2,}?", "A\r\nF0xyzQ"),
    ("(?:ab){,2}c", "ababababc"),
    ("\\x41|\\x{4e2d}|\\u00e9", "Aé中"),
    ("[[:alpha:]_]+|[[:^space:]]", "ab_1 é"),
    (".", "a\n\u2028b"),
    ("(?m:.)+", "a\nb"),
    ("a|", "ba"),
    ("\\p{Han}+|\\p{Lu}", "漢字A𮯰"),
    ("\\Aa|a\\z|\\Ga", "aaxa"),
    ("(a(?i)b)|c(?i)d", "aBabCdcD"),
    ("a{2}?b", "aab b"),
    ("[]a]", "]a"),
    ("\\d+(?=\\D)", "12a34"),
]:
    pre({"type": "Split", "pattern": {"Regex": rx}, "behavior": "Isolated", "invert": False}, [tx])
# models
V = dict(a=0, b=1, c=2, ab=3, abc=4, **{"[UNK]": 5, "##b": 6, "##c": 7, "##bc": 8, "é": 9, "aé": 10})
WS = {"type": "WhitespaceSplit"}
run({"pre_tokenizer": WS, "model": {"type": "WordLevel", "vocab": V, "unk_token": "[UNK]"}}, ["ab x abc é"])
run(
    {
        "pre_tokenizer": WS,
        "model": {
            "type": "WordPiece",
            "vocab": V,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 4,
        },
    },
    ["abc abbc abcc ax aé ##b bbbbb é"],
)
B = dict(a=0, b=1, c=2, ab=3, bc=4, abc=5, **{"<unk>": 6})
for fuse in (True, False):
    run(
        {
            "pre_tokenizer": WS,
            "model": {
                "type": "BPE",
                "vocab": B,
                "merges": ["b c", "a b", "a bc"],
                "unk_token": "<unk>",
                "fuse_unk": fuse,
            },
        },
        ["abc xyabc ab cabx é"],
    )
run({"pre_tokenizer": WS, "model": {"type": "BPE", "vocab": B, "merges": [["a", "b"], ["b", "c"]]}}, ["abc xaxbc"])
run({"pre_tokenizer": WS, "model": {"type": "BPE", "vocab": B, "merges": [], "ignore_merges": True}}, ["abc ab abx"])
F = dict(B, **{"<0xC3>": 7, "<0xA9>": 8, "<0x78>": 9})
run(
    {
        "pre_tokenizer": WS,
        "model": {
            "type": "BPE",
            "vocab": F,
            "merges": [["a", "b"]],
            "unk_token": "<unk>",
            "byte_fallback": True,
            "fuse_unk": True,
        },
    },
    ["abéx yéyb"],
)
W = {"l": 0, "o": 1, "w</w>": 2, "lo": 3, "low</w>": 4, "w": 5, "o</w>": 6, "@@o": 7}
run(
    {
        "pre_tokenizer": WS,
        "model": {"type": "BPE", "vocab": W, "merges": [["l", "o"], ["lo", "w</w>"]], "end_of_word_suffix": "</w>"},
        "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
    },
    ["low lo wlow"],
)
run(
    {
        "pre_tokenizer": WS,
        "model": {
            "type": "BPE",
            "vocab": {"a": 0, "##b": 1, "ab": 2, "##c": 3, "abc": 4},
            "merges": [["a", "##b"], ["ab", "##c"]],
            "continuing_subword_prefix": "##",
        },
    },
    ["abc ab acb"],
)
Un = [
    ["<unk>", 0.0],
    ["a", -1.0],
    ["b", -1.5],
    ["ab", -2.2],
    ["abc", -9.0],
    ["c", -3.0],
    ["bc", -2.0],
    ["<0xC3>", -9.0],
    ["<0xA9>", -9.0],
    ["xy", -20.0],
]
for bf in (True, False):
    run(
        {"pre_tokenizer": WS, "model": {"type": "Unigram", "unk_id": 0, "vocab": Un, "byte_fallback": bf}},
        ["abc aabbcc xyab éz aéb <unk>"],
    )


# added tokens
def add(**k):
    return dict(dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True), **k)


A = [
    add(id=1, content="<s>"),
    add(id=2, content="<mask>", lstrip=True),
    add(id=3, content="Day", normalized=True, special=False),
    add(id=4, content="in", single_word=True, special=False),
    add(id=5, content="<r>", rstrip=True),
    add(id=6, content="<s>x"),
]
run(
    {
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
        "added_tokens": A,
    },
    ["Hi  <mask> DAY<s> in inn in<r>  <s>x <S>", "<s>a", "ind in_ in"],
)
# post processors
P = ["a b", "b"]
M = {
    "pre_tokenizer": WS,
    "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "[CLS]": 2, "[SEP]": 3}, "unk_token": "a"},
}
run(dict(M, post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}), ["a b", P])
run(
    dict(
        M,
        post_processor={
            "type": "RobertaProcessing",
            "sep": ["[SEP]", 3],
            "cls": ["[CLS]", 2],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
    ),
    ["a b", P],
)
run(
    dict(
        M,
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 2}}],
            "pair": [
                {"Sequence": {"id": "B", "type_id": 1}},
                {"SpecialToken": {"id": "two", "type_id": 5}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "two": {"id": "two", "ids": [2, 3], "tokens": ["x", "y"]},
            },
        },
    ),
    ["a b", P],
)
run(M, [P])
BL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
run(
    {
        "pre_tokenizer": BL,
        "post_processor": {
            "type": "Sequence",
            "processors": [BL, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}],
        },
    },
    ["a b \u2003 é ", P],
)
# decoders
D = []


def dec(d, toks):
    vocab = {t: i for i, t in enumerate(dict.fromkeys(toks + ["?"]))}
    t = Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": None,
                "post_processor": None,
                "decoder": d,
                "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "?"},
            }
        )
    )
    D.append(dict(decoder=d, tokens=toks, text=t.decode([vocab[x] for x in toks])))


dec(None, ["a", "b"])
dec(
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    ["Ġa", "Ã", "©", "Ã", "x", "â", "Ĥ", "¬中", "ä", "¸"],
)
dec({"type": "WordPiece", "prefix": "##", "cleanup": True}, ["##a", "##b", "do", "not", ".", "it", "'", "s", "##n't"])
dec({"type": "WordPiece", "prefix": "##", "cleanup": False}, ["a", ".", "##b"])
for s in ("always", "never", "first"):
    dec(
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": s, "split": True}, ["\u2581a\u2581", "\u2581b"]
    )
dec({"type": "BPEDecoder", "suffix": "</w>"}, ["a", "b</w>", "c</w>"])
dec({"type": "ByteFallback"}, ["a", "<0xC3>", "<0xA9>", "b", "<0xC3>", "<0xC3>", "<0xzz>"])
dec(
    {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
    ["\u2581\u2581a", "<0xE4>", "<0xB8>", "<0xAD>", "\u2581b"],
)
dec({"type": "Replace", "pattern": {"Regex": "[ab]+"}, "content": "_"}, ["xab", "b"])
dec(
    {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    ["<pad>", "h", "h", "<pad>", "h", "i", "i", "|", "|", "x"],
)
for case in cases + D:
    print(json.dumps(case, separators=(",", ":")))
