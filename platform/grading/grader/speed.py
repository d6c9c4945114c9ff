"""Speed as a ratio: the submission against the reference, in turn, on one core.

First there are some calls in the processes that are there: who is clearly fast enough, or so slow
that nothing can excuse it, need not wait for more. Else the unit is a fresh pair of processes,
since where a process happens to lie in memory makes it faster or slower for as long as it lives.
Within a pair, calls alternate (ABBA, from a side that is drawn anew), and the pair's result is the
median of its calls' ratios. Of these results the median counts, with an interval that holds
whatever their distribution is; more pairs are made until it is clear of the limit. What a ranking
needs is exact, so it is measured in fresh pairs alone, and after the verdict: for that the core is
given up, between two pairs, to whoever waits for a verdict.

Each call that counts brings fresh inputs, which go over enciphered; their key comes with the call,
so that nothing can be computed ahead. The clock is the grader's, and stops when a digest of the
whole result is here; the result itself follows, is held against the digest, and is checked. What
the boundary itself costs is measured with calls that compute nothing, and subtracted: what the
reference says, which has no reason to dawdle. Who has just run is faster, above all where others
want the core: so both sides make these calls too, and those that don't count alternate like those
that do. Whoever computed in another's turn has spoilt a measurement, which is made again, twice.

In a duel the submission is timed against another one, and the reference stands by: to say what is
right and what the boundary costs. Whoever of the two is wrong, or breaks down, has lost.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle, islice, repeat
from typing import TypeVar

import numpy as np

from grading import messages
from grading.checks import CheckFailed
from grading.grader.draws import Draws
from grading.grader.estimates import (
    CLEAR,
    GLANCES,
    LOOKS,
    WIDE,
    Estimate,
    at_a_glance,
    judged,
    settle,
)
from grading.grader.faults import Disturbed, GraderFault, NotRun, TooSlow
from grading.grader.sides import (
    Forfeit,
    Inputs,
    Same,
    Sides,
    Timed,
    played_by,
    same_result,
)
from submissions.speeds import SpeedRecord

CALLING_S = 0.25
"""After so long a pair of processes makes no further calls, if it has made two from each side. Its
start isn't counted: where that took 0.2 s and other guests came and went on the core, pairs of two
calls spread three times as much as pairs of eight."""
WARMING_S = 0.125
"""After so long no further calls are made that don't count."""
CALLS = 8
"""In a fresh pair of processes."""
WARM_UP = 3
"""Calls that don't count."""
DISTURBANCES = 3
"""So many spoilt measurements are a verdict."""
FAR_APART = 8
"""How many times the smallest size the largest must be, for an exponent."""
MOST = 4.0
"""How many times the reference's time one may take for the largest size."""
FAR_ABOVE = 1.5
"""How many times the limit is too slow in half of the pairs, however wide the interval."""
_FORFEIT = math.log(10.0)
AT_ONCE_S = 3.0
"""After so long no further calls are made in the processes that are there."""
AT_ONCE_WARMING_S = 1.0
"""The same of those that don't count."""

MakeInputs = Callable[..., Inputs]
_T = TypeVar("_T")


class Speed:
    """The ``speed`` fixture. ``slack`` is by what ratios' limits are multiplied."""

    def __init__(
        self,
        open_sides: Callable[[str], Sides],
        draws: Draws,
        limit: float | None,
        *,
        slack: float = 1.0,
        duel: bool = False,
        give_way: Callable[[], None] | None = None,
    ) -> None:
        """Measure exactly where there is a ``give_way``, which lets others have the core."""
        self._open, self._draws, self._limit, self._duel = open_sides, draws, limit, duel
        self._give_way = give_way
        self._slack = slack
        self._reference_s = list[float]()
        self._disturbed = Counter[int]()
        self._same: Same = same_result
        self.result: SpeedRecord | None = None

    def compare(
        self,
        name: str,
        make_inputs: MakeInputs,
        limit: float | None = None,
        same: Same = same_result,
    ) -> Estimate:
        """Time ``submission.<name>`` against ``reference.<name>`` on ``make_inputs()`` tuples.

        ``same(mine, theirs)`` says whether a result is right, where more than one is.

        Raises:
            TooSlow: the whole interval of the ratio is above the limit (of the manifest).
            CheckFailed: a timed result differs from the reference's.
            Disturbed: the submission computed when it wasn't to.
            ValueError: no limit is given, here or in the manifest.
        """
        self._same = same
        bound = 1.0 if self._duel else limit or self._limit
        if bound is None:
            raise ValueError("speed.compare() needs [speed].limit in exercise.toml")
        bound *= self._slack
        try:
            with self._opened(name) as sides:
                return self._compare(sides, make_inputs, math.log(bound))
        except Forfeit as forfeit:
            return self._forfeit(forfeit)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Sides]:
        """Give the sides, and let the submission go on after it: a test may have more to ask."""
        sides = self._open(name)
        try:
            yield sides
        finally:
            sides[0].resume()

    def _compare(self, sides: Sides, make_inputs: MakeInputs, limit: float) -> Estimate:
        memory = None
        exact = self._give_way is not None
        found = None
        if not exact:
            found = self._undisturbed(lambda: self._at_once(sides, make_inputs, limit))
        if found is None:
            found = settle(
                lambda: self._undisturbed(lambda: self._pair(sides, make_inputs)),
                limit,
                exact=exact,
            )
            memory = [self._peak(sides, which) for which in (0, 1)]
        estimate = found.map(math.exp)
        reference_s = np.quantile(self._reference_s, [0.25, 0.5, 0.75]).tolist()
        self.result = estimate.record("ratio")
        self.result |= {"reference_s": reference_s, "memory": memory}
        return _fast_enough(estimate)

    def _peak(self, sides: Sides, which: int) -> int | None:
        with played_by(which, duel=self._duel):
            return self._undisturbed(sides[which].peak)

    def _forfeit(self, forfeit: Forfeit) -> Estimate:
        """Give the duel to the other of the two."""
        first = forfeit.which == 0
        lost = _FORFEIT if first else -_FORFEIT
        estimate = Estimate(lost, lost, lost, 0.0, (lost,)).map(math.exp)
        self.result = estimate.record("ratio")
        self.result["forfeit"] = "first" if first else "second"
        return estimate

    def _undisturbed(self, measure: Callable[[], _T]) -> _T:
        """Measure, again when somebody computed in another's turn.

        Raises:
            Disturbed, Forfeit: it happened too often.
            GraderFault: it was the reference.
        """
        while True:
            try:
                return measure()
            except Disturbed as error:
                self._disturbed[error.which] += 1
                if self._disturbed[error.which] < DISTURBANCES:
                    continue
                if self._duel and error.which < 2:
                    raise Forfeit(error.which) from error
                if error.which > 0:
                    raise GraderFault("the reference's sandbox can't be frozen") from error
                raise

    def growth(
        self,
        name: str,
        make_inputs: MakeInputs,
        sizes: Sequence[int],
        limit: float = 1.3,
        most: float = MOST,
    ) -> Estimate:
        """Fit the exponent of time over size of ``submission.<name>`` on ``make_inputs(size)``.

        Whoever is slow on small inputs has a small exponent: so at the largest size the submission
        may take ``most`` times as long as the reference, too.

        Raises:
            TooSlow: the whole interval of the exponent is above ``limit``, or that of the ratio at
                the largest size above ``most``.
            CheckFailed: a timed result differs from the reference's.
            Disturbed: the submission computed when it wasn't to.
            ValueError: the sizes lie too close together to tell an exponent.
        """
        if max(sizes) < FAR_APART * min(sizes):
            raise ValueError(f"the largest size must be {FAR_APART} times the smallest")
        self._same = same_result
        with self._opened(name) as sides:
            return self._growth(sides, make_inputs, sizes, limit, most)

    def _growth(
        self,
        sides: Sides,
        make_inputs: MakeInputs,
        sizes: Sequence[int],
        limit: float,
        most: float,
    ) -> Estimate:
        x = np.log(sizes) - np.log(sizes).mean()
        slope, largest = x / (x @ x), int(np.argmax(sizes))
        ratios = list[float]()

        def exponent() -> float:
            self._begin(sides)
            _warm_up(self._sweep(sides, repeat(self._fresh(make_inputs, sizes[0]))), WARMING_S)
            inputs = (self._fresh(make_inputs, size) for size in sizes)
            mine, theirs = zip(*self._sweep(sides, inputs), strict=True)
            ratios.append(mine[largest] - theirs[largest])
            return float(slope @ list(mine))

        estimate = settle(lambda: self._undisturbed(exponent), limit, width=WIDE)
        self.result = estimate.record("growth")
        if estimate.too_high:
            raise TooSlow(
                messages.grows_too_fast(estimate.value, estimate.low, estimate.high, limit)
            )
        _fast_enough(judged(ratios, math.log(most * self._slack)).map(math.exp))
        return estimate

    def _at_once(self, sides: Sides, make_inputs: MakeInputs, limit: float) -> Estimate | None:
        """Return what the processes that are there give, for whom that is clear enough."""
        began = time.monotonic()
        ratios = self._ratios(sides, make_inputs, AT_ONCE_WARMING_S)
        logs, reference_s = list[float](), list[float]()
        for ratio, seconds in islice(ratios, GLANCES[-1]):
            logs.append(ratio)
            reference_s.append(seconds)
            if (found := at_a_glance(logs, reference_s, limit)) is not None:
                self._reference_s.append(statistics.median(reference_s))
                return found
            close = len(logs) in GLANCES and statistics.median(logs) > limit - CLEAR
            if close or time.monotonic() - began > AT_ONCE_S:
                break
        return None

    def _pair(self, sides: Sides, make_inputs: MakeInputs) -> float:
        """Return the median of the ratios' logarithms in a fresh pair of processes."""
        if self._give_way is not None:
            self._give_way()
        self._begin(sides)
        ratios = self._ratios(sides, make_inputs, WARMING_S)
        began = time.monotonic()
        logs, reference_s = list[float](), list[float]()
        for ratio, seconds in islice(ratios, CALLS):
            logs.append(ratio)
            reference_s.append(seconds)
            if len(logs) >= 2 and time.monotonic() > began + CALLING_S:
                break
        self._reference_s.append(statistics.median(reference_s))
        return statistics.median(logs)

    def _ratios(
        self, sides: Sides, make_inputs: MakeInputs, patience_s: float
    ) -> Iterator[tuple[float, float]]:
        """Make the calls that don't count; then yield, call by call, the logarithm of the ratio and
        the reference's seconds.

        Those that don't count share their inputs: to draw these takes longer than many a call.
        """
        first = int(self._draws.rng.integers(2))
        orders = cycle([(first, 1 - first), (1 - first, first)])
        inputs = self._fresh(make_inputs)
        _warm_up((self._ratio(sides, inputs, order) for order in orders), patience_s)
        return (self._ratio(sides, self._fresh(make_inputs), order) for order in orders)

    def _fresh(self, make_inputs: MakeInputs, *size: int) -> Inputs:
        """Draw inputs that nothing tells which was seen before."""
        self._draws.answered()
        return make_inputs(*size)

    def _ratio(self, sides: Sides, inputs: Inputs, order: tuple[int, int]) -> tuple[float, float]:
        """Return the logarithm of the ratio, and what the reference or the rival took."""
        mine, theirs = self._seconds(sides, inputs, order)
        return math.log(mine / theirs), theirs

    def _sweep(self, sides: Sides, inputs: Iterable[Inputs]) -> Iterator[tuple[float, float]]:
        """Yield the logarithms of both sides' seconds for each of ``inputs``."""
        orders = cycle([(0, 1), (1, 0)])
        for each, order in zip(inputs, orders, strict=False):
            mine, theirs = self._seconds(sides, each, order)
            yield math.log(mine), math.log(theirs)

    def _seconds(self, sides: Sides, inputs: Inputs, order: tuple[int, int]) -> tuple[float, float]:
        """Return what the first two take for a call, without what the boundary costs."""
        reference = len(sides) - 1
        asked = dict.fromkeys((*order, reference))
        taken, echoes = dict[int, Timed](), dict[int, float]()
        for which in asked:
            with played_by(which, duel=self._duel):
                taken[which] = sides[which].timed(inputs)
                echoes[which] = sides[which].echo()
        for which in range(reference):
            with played_by(which, duel=self._duel):
                self._check(taken[which].result, taken[reference].result)
        cost = echoes[reference]
        mine, theirs = (max(t.seconds - cost, t.seconds * 0.05) for t in (taken[0], taken[1]))
        return mine, theirs

    def _check(self, mine: object, truth: object) -> None:
        if not self._same(mine, truth):
            raise CheckFailed(messages.TIMED_RESULT_WRONG)

    def _begin(self, sides: Sides) -> None:
        """Start fresh processes, in random order."""
        for which in self._draws.rng.permutation(len(sides)):
            with played_by(int(which), duel=self._duel):
                sides[which].begin()


def _fast_enough(ratio: Estimate) -> Estimate:
    """Return ``ratio``.

    Raises:
        TooSlow: its whole interval is above its limit, or half of many values far above it.
    """
    far_above = len(ratio.values) >= LOOKS[1] and ratio.value > FAR_ABOVE * ratio.limit
    if ratio.too_high or far_above:  # a host that is busy widens any interval
        raise TooSlow(messages.too_slow(ratio.value, ratio.low, ratio.high, ratio.limit))
    return ratio


class Untimed:
    """Stands in for ``Speed`` where a test runs once more: speed is a submission's, and once."""

    def compare(self, *_: object, **__: object) -> Estimate:
        """End the test here, as one that wasn't run."""
        raise NotRun(messages.NOT_MEASURED)

    growth = compare


def _warm_up(calls: Iterator[object], patience_s: float) -> None:
    """Make calls that don't count."""
    began = time.monotonic()
    for _ in islice(calls, WARM_UP):
        if time.monotonic() - began > patience_s:
            break
