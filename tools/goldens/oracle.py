"""llama.cpp, as the prebuilt package xllamacpp, asked for scores.

What it is: a few verbs over the llama_* C functions that xllamacpp's extension exports: ids of a text, scores of a given
continuation, greedy continuation. What it is not: a test. tools/goldens/*.py make the committed goldens with it,
tests/oracle/live_test.py compares live.

The prompt goes through in one batch, then a token at a time; KV cache f16, flash attention and weight repacking as llama.cpp
chooses, one thread. Scores are natural log-probabilities of the full softmax in float64. Parameter structs are passed through
as llama.cpp filled them, but for the two sizes at their start, and these are read back: a library with another layout is
refused.
"""

import ctypes
import json
import math
import pathlib
import struct

import numpy as np
import xllamacpp

TOP = 5  # candidates a position


class _Params(ctypes.Structure):
    """Any parameter struct of llama.cpp: larger than each of them, so that it survives the way there and back by value."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]


class _Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32)] + [(name, ctypes.c_void_p) for name in ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")]


def _library():
    lib = ctypes.CDLL(str(pathlib.Path(xllamacpp.__file__).parent / "xllamacpp.abi3.so"))
    pointer, i32, boolean = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
    for name, result, arguments in [
        ("llama_model_default_params", _Params, []),
        ("llama_context_default_params", _Params, []),
        ("llama_model_load_from_file", pointer, [ctypes.c_char_p, _Params]),
        ("llama_init_from_model", pointer, [pointer, _Params]),
        ("llama_model_free", None, [pointer]),
        ("llama_free", None, [pointer]),
        ("llama_n_ctx", ctypes.c_uint32, [pointer]),
        ("llama_n_batch", ctypes.c_uint32, [pointer]),
        ("llama_set_n_threads", None, [pointer, i32, i32]),
        ("llama_get_memory", pointer, [pointer]),
        ("llama_memory_clear", None, [pointer, boolean]),
        ("llama_batch_get_one", _Batch, [pointer, i32]),
        ("llama_decode", i32, [pointer, _Batch]),
        ("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), [pointer, i32]),
        ("llama_model_get_vocab", pointer, [pointer]),
        ("llama_vocab_n_tokens", i32, [pointer]),
        ("llama_vocab_is_eog", boolean, [pointer, i32]),
        ("llama_tokenize", i32, [pointer, ctypes.c_char_p, i32, pointer, i32, boolean, boolean]),
        ("llama_log_set", None, [pointer, pointer]),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


_lib = _library()
_silence = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
_lib.llama_log_set(ctypes.cast(_silence, ctypes.c_void_p), None)


def version():
    return "xllamacpp " + xllamacpp.__version__


class Oracle:
    """One model with one context of `context` tokens."""

    def __init__(self, model_path, context=1024, threads=1):
        self._context = self._model = None
        self._model = _lib.llama_model_load_from_file(str(model_path).encode(), _lib.llama_model_default_params())
        if not self._model:
            raise RuntimeError(f"[oracle] llama.cpp does not load {model_path}")
        params = _lib.llama_context_default_params()
        struct.pack_into("<II", params.bytes, 0, context, context)  # n_ctx, n_batch
        self._context = _lib.llama_init_from_model(self._model, params)
        got = self._context and (_lib.llama_n_ctx(self._context), _lib.llama_n_batch(self._context))
        if got != (context, context):
            raise RuntimeError(f"[oracle] this llama.cpp lays its parameters out otherwise; got {got}; expected {context} twice")
        _lib.llama_set_n_threads(self._context, threads, threads)
        self._vocab = _lib.llama_model_get_vocab(self._model)
        self.vocab = _lib.llama_vocab_n_tokens(self._vocab)
        self.ends = [i for i in range(self.vocab) if _lib.llama_vocab_is_eog(self._vocab, i)]

    def close(self):
        if self._context:
            _lib.llama_free(self._context)
        if self._model:
            _lib.llama_model_free(self._model)
        self._context = self._model = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def encode(self, text, special=True, parse_special=False):
        """Ids of `text`; `special`: with the beginning-of-text token where the model asks for it."""
        raw = text.encode()
        ids = (ctypes.c_int32 * (len(raw) + 8))()
        n = _lib.llama_tokenize(self._vocab, raw, len(raw), ids, len(ids), special, parse_special)
        if n < 0:
            raise RuntimeError(f"[oracle] llama.cpp does not tokenize {text!r}")
        return list(ids[:n])

    def start(self):
        """Forgets every token."""
        _lib.llama_memory_clear(_lib.llama_get_memory(self._context), True)

    def decode(self, ids):
        """Runs `ids` after the tokens so far; the scores (vocab) of the token after them, as the library holds them."""
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        code = _lib.llama_decode(self._context, _lib.llama_batch_get_one(ctypes.cast(tokens, ctypes.c_void_p), len(ids)))
        if code != 0:
            raise RuntimeError(f"[oracle] llama_decode of {len(ids)} tokens; got {code}; expected 0")
        return np.ctypeslib.as_array(_lib.llama_get_logits_ith(self._context, -1), (self.vocab,))

    def decode_rows(self, ids, first):
        """Runs `ids` after the tokens so far; the scores (len(ids) - first, vocab) after each token from ids[first] on, as the library holds them."""
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        wanted = (ctypes.c_int8 * len(ids))(*(i >= first for i in range(len(ids))))
        batch = _lib.llama_batch_get_one(ctypes.cast(tokens, ctypes.c_void_p), len(ids))
        batch.logits = ctypes.cast(wanted, ctypes.c_void_p)
        code = _lib.llama_decode(self._context, batch)
        if code != 0:
            raise RuntimeError(f"[oracle] llama_decode of {len(ids)} tokens; got {code}; expected 0")
        return np.ctypeslib.as_array(_lib.llama_get_logits_ith(self._context, first), (len(ids) - first, self.vocab))

    def append(self, ids):
        """Log-probabilities (vocab) of the token after `ids`, which come after the tokens so far."""
        logits = self.decode(ids).astype(np.float64)
        logits -= logits.max()
        return logits - np.log(np.exp(logits).sum())

    def greedy(self, prompt_ids, n):
        """The n most probable next tokens, one after another and past any end of text, and top[i] of the position of each."""
        self.start()
        scores, ids, top = self.append(prompt_ids), [], []
        for i in range(n):
            top.append(best(scores))
            scores[self.ends] = -np.inf
            ids.append(int(scores.argmax()))
            if i + 1 < n:
                scores = self.append(ids[-1:])
        return ids, top

    def forced(self, prompt_ids, ids):
        """top[i] of the position that predicts ids[i], whatever the model would have said itself."""
        return [best(scores) for scores in self.forced_scores(prompt_ids, ids)]

    def forced_scores(self, prompt_ids, ids):
        """As `forced`, with the log-probabilities of the whole vocabulary."""
        self.start()
        yield self.append(prompt_ids)
        for i in ids[:-1]:
            yield self.append([i])


def best(scores, k=TOP):
    """[[id, log-probability]…] of the k best, best first, six significant digits."""
    order = np.lexsort((np.arange(len(scores)), -scores))[:k]
    return [[int(i), float(f"{scores[i]:.6g}")] for i in order]


def check_case(case, ends):
    """The properties of any honest golden; raises where one fails. `ends`: end tokens, which greedy decoding passes by; None: not greedy."""
    for token, top in zip(case["ids"], case["top"], strict=True):
        scores = [score for _, score in top]
        if len(top) != TOP or scores != sorted(scores, reverse=True) or len({i for i, _ in top}) != TOP:
            raise ValueError(f"[oracle] candidates are not {TOP} distinct ids, best first; got {top}")
        if scores[0] > 0 or sum(map(math.exp, scores)) > 1 + 1e-5:
            raise ValueError(f"[oracle] probabilities sum to more than 1; got {top}")
        if ends is not None and token != next(i for i, _ in top if i not in ends):
            raise ValueError(f"[oracle] token {token} is not the best candidate; got {top}")


def dump(path, golden):
    """Writes JSON with one case a line, so that a difference shows which case changed."""
    models = []
    for model in golden["models"]:
        head = json.dumps({k: v for k, v in model.items() if k != "cases"}, ensure_ascii=False)
        cases = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in model["cases"])
        models.append(f'{head[:-1]}, "cases": [\n{cases}\n]}}')
    head = json.dumps({k: v for k, v in golden.items() if k != "models"}, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head[:-1]}, "models": [\n' + ",\n".join(models) + "\n]}\n", encoding="utf-8")
