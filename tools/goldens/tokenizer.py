#!/usr/bin/env python3
"""Makes tests/text/golden/{smollm2,gemma3}.json: strings of many kinds with the ids that llama.cpp gives them.

    python tools/goldens/tokenizer.py [--models DIR] [--strings N] [--seed N] [--out DIR] [smollm2] [gemma3]

DIR (default $INGOT_CACHE/models or .cache/models) holds the models as tools/fetch_model.sh leaves them. llama.cpp is the
prebuilt package xllamacpp, whose extension exports the C functions llama_*; only its vocabularies are asked.

A case is {"text" or, where that is no UTF-8, "hex"; "ids": control tokens stay text; "parsed": control tokens are parsed, left
out where the ids are the same}. Asking for begin and end tokens must add the same ids around every text: "before" and "after".
A piece is [id, hex of its bytes, hex with control tokens shown]. With another seed and --out the same program makes the strings
for a larger comparison.
"""

import argparse
import ctypes
import json
import os
import pathlib
import random

import xllamacpp

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = {"smollm2": "smollm2-135m-instruct-q4_1.gguf", "gemma3": "gemma-3-270m-q4_k_m.gguf"}

SENTENCES = """\
The old clock in the hall struck nine, and nobody said a word.
I'm sure we'll see they've gone; it's what he'd do, isn't it?
IT'S DON'T WE'LL THEY'VE I'M HE'D
Die Straße führt über den Fluß: schöne Grüße aus Köln!
Où est la bibliothèque ? C’est là-bas, près du café…
¿Qué hora es? Mañana será otro día.
A manhã está fria e o coração também.
Zażółć gęślą jaźń, proszę.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Kahvi on hyvää, mutta tee on parempaa.
İstanbul'da çay içtik, ığdır'a gittik.
Đường này đi đâu? Cảm ơn bạn rất nhiều.
Съешь ещё этих мягких булок.
Їжак біжить до лісу.
Το γρήγορο άλογο πηδά πάνω από τον τοίχο.
שלום עולם, מה שלומך היום?
السلامُ عليكم ورحمةُ الله
این یک جملهٔ فارسی است.
नमस्ते दुनिया, आप कैसे हैं?
আমি বাংলায় গান গাই।
தமிழ் ஒரு இனிய மொழி.
తెలుగు భాష చాలా అందమైనది
ภาษาไทยไม่มีช่องว่างระหว่างคำ
ພາສາລາວ
ខ្ញុំស្រលាញ់ភាសាខ្មែរ
မြန်မာစာ
བོད་སྐད་ཡིག
ქართული ენა
Հայերեն լեզու
ኢትዮጵያ አማርኛ
今日は天気がいいですね。カタカナもあります。
我们昨天去了北京,天气很好!
繁體中文與簡體中文
안녕하세요, 만나서 반갑습니다.
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ
ⵜⴰⵎⴰⵣⵉⵖⵜ
𝒜𝓁𝓅𝒽𝒶 𝔹𝕖𝕥𝕒 𝟘𝟙𝟚
ﬁne ﬂow Ⅻ ½ ² ₃ ①""".split("\n")

CODE = [
    "def f(x, *, y=1):\n    return [i ** 2 for i in range(x) if i % y == 0]\n",
    "for (int i = 0; i < n; ++i) {\n\t\tsum += a[i] * b[i];\t// dot\n}\n",
    "template <class T> auto f(T&& t) -> decltype(t.x()) { return std::forward<T>(t).x(); }",
    "SELECT a.id, COUNT(*) FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.x <> 'it''s' GROUP BY 1;",
    '{"key": [1, 2.5e-3, null, true], "nested": {"a": "\\u00e9\\n"}}',
    "<html><body><h1>Title</h1><table><tr><td>1</td></tr></table></body></html>",
    "#!/bin/sh\nset -eu\nfor f in *.txt; do mv -- \"$f\" \"${f%.txt}.md\"; done\r\n",
    "fn main() { let v: Vec<_> = (0..10).map(|x| x << 2).collect(); println!(\"{v:?}\"); }",
    "\\begin{equation} \\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2} \\end{equation}",
    "| a | b |\n|---|:-:|\n| 1 | `x` |\n\n* **bold** _it_ [link](https://example.org/?q=a%20b&c=d#e)\n",
    "0x1F 0b1010 1_000_000 3.14159 -1e+10 12:34:56 2024-02-29 +49 (30) 901820 $1,234.56 100%",
]

EMOJI = ["🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇯🇵", "❤️", "☠", "🧑🏿‍💻", "1️⃣", "🫠", "⌚︎", "🤷‍♀️"]
MARKS = ["e\u0301", "o\u0308\u0323", "n\u0303", "Z\u0351\u0346a\u0321l\u0362g\u0310o\u0322", "क\u094dष", "\u0301", "\u200d", "\ufe0f", "A\u030a", "ﷺ"]
SPACES = [" ", "  ", "   ", "    ", "\t", "\n", "\r\n", "\r", "\u00a0", "\u2003", "\u200b", "\u3000", "\u2028", "\u0085", "\u180e", "\ufeff", "\x0b", "\x0c", "\u202f", "\u2581"]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<unk>", "<pad>", "<mask>", "<unused7>",
           "<unused99", "<h1>", "</h1>", "<b>", "</s>", "<s>", "<table>", "[multimodal]", "<start_of_image>", "<repo_name>", "<file_sep>", "<0x41>", "<0x0A>",
           "<|im_start|", "|im_end|>", "<<bos>>", "<|eot_id|>"]


def number(rng):
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12)))


def character(rng):
    """Any character but surrogates, the lower planes more often."""
    while True:
        code = rng.randrange(rng.choice([0x80, 0x100, 0x800, 0x3000, 0x10000, 0x20000, 0x110000]))
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def part(rng):
    kind = rng.randrange(14)
    if kind == 0:
        return rng.choice(SENTENCES)
    if kind == 1:
        sentence = rng.choice(SENTENCES)
        at = rng.randrange(len(sentence))
        return sentence[at : at + rng.randint(1, 12)]
    if kind == 2:
        code = rng.choice(CODE)
        at = rng.randrange(len(code))
        return code[at : at + rng.randint(1, 40)]
    if kind == 3:
        return rng.choice(EMOJI) * rng.randint(1, 3)
    if kind == 4:
        return rng.choice(MARKS)
    if kind == 5:
        return rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 3, 5, 17, 40])
    if kind == 6:
        return number(rng)
    if kind == 7:
        return rng.choice(SPECIAL)
    if kind == 8:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(1, 30)))
    if kind == 9:
        return rng.choice("aZ.-=_#*é中ー\n0") * rng.choice([2, 3, 4, 8, 16, 33, 64])
    if kind == 10:
        return "".join(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ") for _ in range(rng.randint(1, 8)))
    if kind == 11:
        return "".join(character(rng) for _ in range(rng.randint(1, 6)))
    if kind == 12:
        return rng.choice(["'s", "'S", "'t", "'re", "'VE", "'ll", "'d", "'m", "'", "’s"])
    return rng.choice([" the", " of", "ing", " Hello", "World", " und", " は", "的"])


def beyond_unicode(raw):
    """Holds a sequence that spells a number above U+10FFFF: llama.cpp's byte-level BPE aborts on it."""
    return any(b in range(0xF5, 0xF8) or b == 0xF4 and c >= 0x90 for b, c in zip(raw, raw[1:]))


def noise(rng):
    raw = bytearray("".join(part(rng) for _ in range(rng.randint(0, 3))).encode())
    for _ in range(rng.randint(1, 8)):
        at = rng.randint(0, len(raw))
        raw[at : at + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 4))
    return bytes(min(b, 0xF3) for b in raw) if beyond_unicode(raw) else bytes(raw)


def strings(n, seed):
    """At least `n` byte strings: the lists above as they stand, then mixtures, every tenth with damaged bytes."""
    rng = random.Random(seed)
    texts = [b""] + [text.encode() for group in (SENTENCES, CODE, EMOJI, MARKS, SPACES, SPECIAL) for text in group]
    while len(texts) < n:
        texts.append(noise(rng) if len(texts) % 10 == 0 else "".join(part(rng) for _ in range(rng.randint(1, 6))).encode())
    return texts


class _Params(ctypes.Structure):
    """llama_model_params, passed through unread: larger than the real one, so that it survives the way there and back by value."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]


def _library():
    lib = ctypes.CDLL(str(pathlib.Path(xllamacpp.__file__).parent / "xllamacpp.abi3.so"))
    pointer, i32, boolean, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_char_p
    for name, result, arguments in [
        ("llama_model_default_params", _Params, []),
        ("llama_model_load_from_file", pointer, [text, _Params]),
        ("llama_model_get_vocab", pointer, [pointer]),
        ("llama_vocab_n_tokens", i32, [pointer]),
        ("llama_vocab_get_attr", i32, [pointer, i32]),
        ("llama_vocab_get_text", text, [pointer, i32]),
        ("llama_vocab_is_eog", boolean, [pointer, i32]),
        ("llama_tokenize", i32, [pointer, text, i32, pointer, i32, boolean, boolean]),
        ("llama_token_to_piece", i32, [pointer, i32, text, i32, i32, boolean]),
        ("llama_log_set", None, [pointer, pointer]),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


_lib = _library()
_silence = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
_lib.llama_log_set(ctypes.cast(_silence, ctypes.c_void_p), None)


class Vocabulary:
    """llama.cpp's tokenizer of one model file."""

    def __init__(self, path, params=None):
        model = _lib.llama_model_load_from_file(str(path).encode(), params or _lib.llama_model_default_params())
        if not model:
            raise RuntimeError(f"[tokenizer] llama.cpp does not load {path}")
        self._vocab = _lib.llama_model_get_vocab(model)
        self.size = _lib.llama_vocab_n_tokens(self._vocab)
        self.ends = [i for i in range(self.size) if _lib.llama_vocab_is_eog(self._vocab, i)]

    def special_texts(self):
        """Spellings of unknown, control and added tokens (attributes 1, 8 and 16)."""
        special = [i for i in range(self.size) if _lib.llama_vocab_get_attr(self._vocab, i) & (1 | 8 | 16)]
        return [_lib.llama_vocab_get_text(self._vocab, i).decode("utf-8", "replace") for i in special]

    def encode(self, raw, add_special, parse_special):
        ids = (ctypes.c_int32 * (2 * len(raw) + 8))()
        n = _lib.llama_tokenize(self._vocab, raw, len(raw), ids, len(ids), add_special, parse_special)
        if n < 0:
            raise RuntimeError(f"[tokenizer] {raw!r} has more tokens than bytes twice over")
        return list(ids[:n])

    def piece(self, token, show_special):
        raw = ctypes.create_string_buffer(4096)
        n = _lib.llama_token_to_piece(self._vocab, token, raw, len(raw), 0, show_special)
        if n < 0:
            raise RuntimeError(f"[tokenizer] token {token} has more than {len(raw)} bytes")
        return raw.raw[:n]


def case_of(vocabulary, raw):
    try:
        case = {"text": raw.decode()}
    except UnicodeDecodeError:
        case = {"hex": raw.hex()}
    case["ids"] = vocabulary.encode(raw, False, False)
    parsed = vocabulary.encode(raw, False, True)
    if parsed != case["ids"]:
        case["parsed"] = parsed
    return case


def golden(vocabulary, texts, rng):
    before = vocabulary.encode(b"", True, False)
    cases = []
    for raw in texts:
        case = case_of(vocabulary, raw)
        for parse, ids in ((False, case["ids"]), (True, case.get("parsed", case["ids"]))):
            if vocabulary.encode(raw, True, parse) != before + ids:
                raise RuntimeError(f"[tokenizer] begin and end tokens of {raw!r} are not those of the empty text")
        cases.append(case)
    seen = sorted({i for case in cases for i in case["ids"]})
    sample = sorted({*range(min(320, vocabulary.size)), *rng.sample(seen, min(300, len(seen))), *rng.sample(range(vocabulary.size), 300)})
    pieces = [[i, vocabulary.piece(i, False).hex(), vocabulary.piece(i, True).hex()] for i in sample]
    return {"before": before, "after": [], "ends": vocabulary.ends, "cases": cases, "pieces": pieces}


def dump(path, head, body):
    """JSON with one case a line, so that a difference shows which case changed."""
    parts = {key: body.pop(key) for key in ("cases", "pieces")}
    lines = [json.dumps({**head, **body}, ensure_ascii=False)[:-1]]
    for key, rows in parts.items():
        lines.append(f', "{key}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows) + "\n]")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines) + "}\n", encoding="utf-8")


def main():
    cache = pathlib.Path(os.environ.get("INGOT_CACHE", ROOT / ".cache"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="model", help="smollm2, gemma3; none: both")
    parser.add_argument("--models", type=pathlib.Path, default=cache / "models")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/text/golden")
    parser.add_argument("--strings", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20260101)
    args = parser.parse_args()
    for name in args.names or MODELS:
        vocabulary = Vocabulary(args.models / MODELS[name])
        body = golden(vocabulary, strings(args.strings, args.seed), random.Random(args.seed))
        head = {"model": name, "oracle": "xllamacpp " + xllamacpp.__version__, "seed": args.seed}
        dump(args.out / f"{name}.json", head, body)
        print(f"{args.out / name}.json: {args.strings} strings")


if __name__ == "__main__":
    main()
