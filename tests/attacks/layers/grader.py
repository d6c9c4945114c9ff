"""The layers of the grader."""

from __future__ import annotations

from tests.attacks.layers.base import Edit, Layer


def _grader(name: str, file: str, *pairs: tuple[str, str]) -> Layer:
    return Layer(name, side="grader", edits=tuple(Edit(file, old, new) for old, new in pairs))


LAYERS = [
    _grader(
        "comparison",
        "grading/checks.py",
        (
            "    _close(actual, expected, (rtol, atol), _label(label), oracle)\n",
            "    assert bool(((actual - expected).abs() < 1e-3).all())\n",
        ),
    ),
    _grader(
        "check of NaN", "grading/checks.py", ("        _same_nonfinite(left, right, name)\n", "")
    ),
    _grader(
        "check of shapes",
        "grading/checks.py",
        ("        _same_layout(actual, expected, name)\n", "        pass\n"),
    ),
    _grader(
        "check of types",
        "grading/checks.py",
        ("    if _kind(actual) != _kind(expected):\n", "    if False:\n"),
    ),
    _grader(
        "assertion texts",
        "grading/grader/faults.py",
        (
            "messages.wrong(last_call), hinted=True",
            "Text(str(error), str(error)), hinted=True",
        ),
    ),
    _grader(
        "cleaning of texts",
        "grading/messages.py",
        ('    if "\\x1b" in text or "\\r" in text:\n', '    return text\n    if "\\r" in text:\n'),
    ),
    _grader(
        "wire bounds",
        "sandbox/stream.py",
        ("if body_size > MAX_BODY_BYTES or count > MAX_BLOBS:", "if False:"),
        ("if sum(sizes) > MAX_BLOB_BYTES:", "if False:"),
    ),
    _grader(
        "strict parser",
        "sandbox/decoding.py",
        (
            "max_map_len=0,\n            max_ext_len=0,\n            strict_map_key=True",
            "strict_map_key=False",
        ),
    ),
    _grader(
        "closed operations",
        "grading/remote/peer.py",
        ('"next": self._next}', '"next": self._next, "attribute": lambda *_: 1}'),
    ),
    _grader(
        "check of timed results",
        "grading/grader/speed.py",
        ("if not self._same(mine, truth):", "if False:"),
    ),
    _grader(
        "digest before result",
        "grading/grader/sides.py",
        ("        if commitment.digest(body, blobs) != promised:\n", "        if False:\n"),
    ),
    _grader(
        "fresh inputs",
        "grading/grader/speed.py",
        (
            "        memory = None\n",
            "        memory = None\n        make_inputs = cycle([make_inputs()]).__next__\n",
        ),
    ),
    _grader(
        "keyed draws",
        "grading/grader/draws.py",
        (
            "self.torch_rng = torch.Generator()\n",
            "self.torch_rng = torch.Generator().manual_seed(self._key('')[0])\n",
        ),
        ('self.torch_rng.set_state(self._torch_state("torch"))', "pass"),
    ),
    _grader("enciphered inputs", "grading/grader/sides.py", ("cipher.new_key()", "bytes(16)")),
    _grader(
        "bound at the largest size",
        "grading/grader/speed.py",
        ("        _fast_enough(judged(ratios,", "        (judged(ratios,"),
    ),
    _grader(
        "deadline",
        "grading/grader/subject.py",
        ("        self._meter.allow(seconds)\n", "        self._meter.allow(99.0)\n"),
    ),
]
