"""Speed as a ratio: the submission against the reference, in turn, on one core.

Fresh inputs go over before the clock starts; the clock is the grader's, and it stops when a
random projection of the whole result is here. What the boundary itself costs is measured with
echo calls and subtracted from both. Order within a pair is drawn anew each time.
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
from grading.remote.peer import GraderPeer

BATCH = 8
WARM_UP = 3
"""Calls that don't count, after which the heap has room for all that a call needs."""
MAX_PAIRS = 40
CLEAR = 0.1
BUDGET_S = 3.0
CONFIDENCE = 0.99
RESAMPLES = 2000
_PROJECTION_TOLERANCE = 1e-2

MakeInputs = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Estimate:
    """A ratio or exponent with its 99 % confidence interval, and the limit it is held against."""

    value: float
    low: float
    high: float
    limit: float
    pairs: int


class Side:
    """One of the two that are compared: a function in a sandbox of its own."""

    def __init__(self, peer: GraderPeer, function: Any) -> None:
        self._peer, self._function = peer, function

    def warm_up(self, inputs: Sequence[tuple[Any, ...]]) -> None:
        """Send the inputs of the next calls, and make some calls of the first that don't count."""
        self._peer.request("prepare", self._function._number, list(inputs))
        for _ in range(WARM_UP):
            self.timed(0, 1)

    def timed(self, index: int, seed: int) -> tuple[float, float, float]:
        """Return the seconds of one call, and the projection and size of its result."""
        start = time.perf_counter()
        answer = self._peer.request("timed", index, seed)
        seconds = time.perf_counter() - start
        return seconds, *_pair(answer)

    def echo(self, seed: int) -> float:
        """Return the seconds that the last call spent on the boundary and the projection."""
        start = time.perf_counter()
        self._peer.request("echo", seed)
        return time.perf_counter() - start


def _pair(answer: Any) -> tuple[float, float]:
    numbers = answer if isinstance(answer, list) and len(answer) == 2 else [math.nan, math.nan]
    projection, size = (float(n) if type(n) in (int, float) else math.nan for n in numbers)
    return projection, size


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
            # In doubt a solution passes, so a ratio well below the limit needs no narrow interval;
            # after one batch, a failure must be clear.
            well_below = median <= math.log(bound) - CLEAR
            well_above = low > math.log(bound) + (CLEAR if len(logs) == BATCH else 0.0)
            decided = well_below or high <= math.log(bound) or well_above
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
        inputs = [make_inputs() for _ in range(BATCH + 1)]
        for side in sides:
            side.warm_up(inputs)
        logs = []
        for index in range(1, BATCH + 1):
            seed = int(self._rng.integers(1, 2**31))
            first = int(self._rng.integers(2))
            taken: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)] * 2
            for which in (first, 1 - first):
                taken[which] = sides[which].timed(index, seed)
            _same_result(taken[0], taken[1])
            costs = [side.echo(seed) for side in sides]
            mine, theirs = (
                max(time_ - cost, time_ * 0.05)
                for (time_, _, _), cost in zip(taken, costs, strict=True)
            )
            logs.append(math.log(mine / theirs))
        return logs

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

    def _pass(self, mine: Side, theirs: Side, inputs: list[tuple[Any, ...]]) -> list[float]:
        """Return the logarithm of the seconds of one call for each of ``inputs``."""
        for side in (mine, theirs):
            side.warm_up(inputs)
        logs = []
        for index in range(len(inputs)):
            seed = int(self._rng.integers(1, 2**31))
            taken = mine.timed(index, seed)
            _same_result(taken, theirs.timed(index, seed))
            logs.append(math.log(max(taken[0] - mine.echo(seed), taken[0] * 0.05)))
        return logs


def _same_result(mine: tuple[float, float, float], theirs: tuple[float, float, float]) -> None:
    """Refuse a timed result that isn't the reference's: its random projection gives it away."""
    size = max(theirs[2], 1e-12)
    if not abs(mine[1] - theirs[1]) <= _PROJECTION_TOLERANCE * size:
        raise CheckFailed(messages.TIMED_RESULT_WRONG)


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
