"""Speed as a ratio: the submission against the reference, in turn, on one core.

Each call brings fresh inputs, which go over just before the clock starts, so that nothing can be
computed ahead; a side that takes its time over receiving them is charged for it. The clock is the
grader's, and stops when a digest of the whole result is here; the result itself follows, is held
against the digest, and is checked. What the boundary itself costs is measured with calls that
compute nothing, on the reference's side, which has no reason to dawdle, and subtracted from both.
Order within a pair is drawn anew each time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from grading import messages
from grading.checks import CheckFailed
from grading.grader.faults import TooSlow
from grading.grader.sides import Inputs, Side, Timed, same_result

BATCH = 8
MAX_PAIRS = 40
DAWDLE = 2.0
"""How many times longer than the reference a submission may take to receive its inputs."""
CLEAR = 0.1
BUDGET_S = 5.0
CONFIDENCE = 0.99
RESAMPLES = 2000

MakeInputs = Callable[..., Inputs]


@dataclass(frozen=True)
class Estimate:
    """A ratio or exponent with its 99 % confidence interval, and the limit it is held against."""

    value: float
    low: float
    high: float
    limit: float
    pairs: int


class Speed:
    """The ``speed`` fixture."""

    def __init__(
        self,
        open_sides: Callable[[str], tuple[Side, Side]],
        rng: np.random.Generator,
        limit: float | None,
    ) -> None:
        self._open, self._rng, self._limit = open_sides, rng, limit
        self.result: dict[str, Any] | None = None

    def compare(self, name: str, make_inputs: MakeInputs, limit: float | None = None) -> Estimate:
        """Time ``submission.<name>`` against ``reference.<name>`` on ``make_inputs()`` tuples.

        Raises:
            TooSlow: the whole interval of the ratio is above the limit (of the manifest).
            CheckFailed: a timed result differs from the reference's.
            ValueError: no limit is given, here or in the manifest.
        """
        bound = limit or self._limit
        if bound is None:
            raise ValueError("speed.compare() needs [speed].limit in exercise.toml")
        sides = self._open(name)
        logs: list[float] = []
        started = time.monotonic()
        while True:
            logs += self._batch(sides, make_inputs)
            median, low, high = interval([[log] for log in logs], [1.0], self._rng)
            # After one batch a failure must be clear.
            above = low > math.log(bound) + (CLEAR if len(logs) == BATCH else 0.0)
            decided = high <= math.log(bound) or above
            late = time.monotonic() - started > BUDGET_S
            if decided or late or len(logs) >= MAX_PAIRS:
                break
        ratio = math.exp(median)
        estimate = Estimate(ratio, math.exp(low), math.exp(high), bound, len(logs))
        self.result = {"kind": "ratio", **asdict(estimate)}
        if estimate.low > bound:
            raise TooSlow(messages.too_slow(ratio, estimate.low, estimate.high, bound))
        return estimate

    def _batch(self, sides: tuple[Side, Side], make_inputs: MakeInputs) -> list[float]:
        inputs = make_inputs()
        for side in sides:
            side.warm_up(inputs)
        logs = []
        for _ in range(BATCH):
            inputs = make_inputs()
            first = int(self._rng.integers(2))
            taken = {which: sides[which].timed(inputs) for which in (first, 1 - first)}
            mine, theirs = self._seconds(taken[0], taken[1], sides[1].echo())
            logs.append(math.log(mine / theirs))
        return logs

    def _seconds(self, mine: Timed, theirs: Timed, cost: float) -> tuple[float, float]:
        """Return what both calls took without what the boundary costs.

        Raises:
            CheckFailed: their results differ.
        """
        if not same_result(mine.result, theirs.result):
            raise CheckFailed(messages.TIMED_RESULT_WRONG)
        dawdled = max(0.0, mine.sending - DAWDLE * theirs.sending)
        return (
            max(mine.seconds - cost, mine.seconds * 0.05) + dawdled,
            max(theirs.seconds - cost, theirs.seconds * 0.05),
        )

    def growth(
        self, name: str, make_inputs: MakeInputs, sizes: Sequence[int], limit: float = 1.3
    ) -> Estimate:
        """Fit the exponent of time over size of ``submission.<name>`` on ``make_inputs(size)``.

        Raises:
            TooSlow: the whole interval of the exponent is above ``limit``.
            CheckFailed: a timed result differs from the reference's.
        """
        mine, theirs = self._open(name)
        x = np.log(sizes) - np.log(sizes).mean()
        passes: list[list[float]] = []
        started = time.monotonic()
        while len(passes) < BATCH and (len(passes) < 3 or time.monotonic() - started < BUDGET_S):
            passes.append(self._pass(mine, theirs, [make_inputs(size) for size in sizes]))
        # The slope of a line through the logarithms is a weighted sum of them.
        value, low, high = interval(passes, list(x / (x @ x)), self._rng)
        estimate = Estimate(value, low, high, limit, len(passes))
        self.result = {"kind": "growth", **asdict(estimate)}
        if low > limit:
            raise TooSlow(messages.grows_too_fast(estimate.value, low, high, limit))
        return estimate

    def _pass(self, mine: Side, theirs: Side, inputs: list[Inputs]) -> list[float]:
        """Return the logarithm of the seconds of one call for each of ``inputs``."""
        for side in (mine, theirs):
            side.warm_up(inputs[0])
        logs = []
        for each in inputs:
            taken, truth = mine.timed(each), theirs.timed(each)
            logs.append(math.log(self._seconds(taken, truth, theirs.echo())[0]))
        return logs


def interval(
    rows: Sequence[Sequence[float]], weights: Sequence[float], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the weighted sum of the columns' medians, and its interval by bootstrap over rows."""
    data = np.asarray(rows)
    draws = rng.integers(len(data), size=(RESAMPLES, len(data)))
    sums = np.median(data[draws], axis=1) @ np.asarray(weights)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(sums, [tail, 1 - tail])
    return float(np.median(data, axis=0) @ np.asarray(weights)), float(low), float(high)
