"""How long people wait: submit to verdict over the same tests by hand, right and wrong code."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench import by_hand, site

TIMED, UNTIMED = "03-llms/scaled-dot-product-attention", "07-multimodal/clip-loss"
ROUNDS = int(os.environ.get("VERDICTS", "20"))
"""Verdicts of each kind, alone and with a stream beside them."""
PAUSE_S = float(os.environ.get("PAUSE_S", "3"))
"""Seconds between two of them."""
ENDLESS = "def {entry}(*arguments, **named):\n    while True:\n        pass\n"


def cases() -> dict[str, tuple[str, Path]]:
    """Return for each kind of verdict an exercise and a solution."""
    found = {}
    for kind, path in (("timed", TIMED), ("untimed", UNTIMED)):
        folder = site.ROOT / "graders" / path
        found[f"{kind}, right"] = path, folder / "reference.py"
        found[f"{kind}, wrong"] = path, min(folder.glob("wrong_answer/*.py"))
    return found


def measure(learner: Any, folder: Path) -> dict[str, list[float]]:
    """Return lists of seconds, and of ratios where a name ends in "/ by hand"."""
    found: dict[str, list[float]] = {}
    for name, (path, solution) in cases().items():
        tests = by_hand.prepare(folder / name.replace(", ", "-"), path, solution)
        source = solution.read_text("utf-8")
        hands = [by_hand.run(tests) for _ in range(ROUNDS)]
        for beside in ("", ", a stream beside"):
            with _stream(learner) if beside else contextlib.nullcontext():
                seconds = [_wait(learner, path, source) for _ in range(ROUNDS + 1)][1:]
            ratios = [mine / by for mine, by in zip(seconds, hands, strict=True)]
            found |= {f"{name}{beside}, s": seconds, f"{name}{beside} / by hand": ratios}
    found["endless loop on Run, s"] = [_endless(learner)]
    return found


def rows(found: dict[str, list[float]]) -> Iterator[str]:
    """Yield the table, line by line."""
    for name, values in found.items():
        p50, p95 = np.quantile(values, [0.5, 0.95])
        yield f"{name:52} p50 {p50:7.3f}  p95 {p95:7.3f}  of {len(values)}"


def _wait(learner: Any, path: str, source: str) -> float:
    time.sleep(PAUSE_S)
    return site.seconds_of(site.graded(site.send(learner, path, source)))


def _endless(learner: Any) -> float:
    source = ENDLESS.format(entry="clip_loss")
    return site.seconds_of(site.graded(site.send(learner, UNTIMED, source, tests="visible")))


@contextlib.contextmanager
def _stream(learner: Any) -> Iterator[None]:
    """Submit right code to an exercise without a speed test once a second."""
    ended = threading.Event()

    def submit() -> None:
        from django.db import connection

        while not ended.wait(1.0):
            site.send(learner, UNTIMED, site.reference_of(UNTIMED))
        connection.close()

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
