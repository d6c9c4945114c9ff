"""Speed as a ratio: the submission against the reference, in turn, on one core.

First there are some calls in the processes that are there: who is clearly fast enough, or so slow
that nothing can excuse it, need not wait for more. Else the unit is a fresh pair of processes,
since where a process happens to lie in memory makes it faster or slower for as long as it lives.
Within a pair, calls alternate (ABBA, from a side that is drawn anew), and the pair's result is the
median of its calls' ratios. Of these results the median counts, with an interval that holds
whatever their distribution is; more pairs are made until it is clear of the limit. What a ranking
needs is exact, so it is measured in fresh pairs alone, and after the verdict: for that the core is
given up, between two pairs, to whoever waits for a verdict.

Each call that counts brings fresh inputs, which go over just before the clock starts, so that
nothing can be computed ahead; a side that takes its time over receiving them is charged for it. The
clock is the grader's, and stops when a digest of the whole result is here; the result itself
follows, is held against the digest, and is checked. What the boundary itself costs is measured with
calls that compute nothing, and subtracted: what the reference says, which has no reason to dawdle.
Who has just run is faster, above all where others want the core: so both sides make these calls
too, and those that don't count alternate like those that do.

In a duel the submission is timed against another one, and the reference stands by: to say what is
right and what the boundary costs.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, repeat
from typing import Literal

import numpy as np

from grading import messages
from grading.checks import CheckFailed
from grading.grader.faults import NotRun, TooSlow
from grading.grader.sides import Inputs, Sides, Timed, same_result
from submissions.speeds import SpeedRecord

LOOKS = (3, 8, 16, 32)
"""After so many fresh pairs of processes one looks at the interval."""
CLEAR = 0.1
"""How far from the limit the first looks must find it: one pair of processes, or three, are few."""
CALLING_S = 0.25
"""After so long a pair of processes makes no further calls, if it has made two from each side. Its
start isn't counted: where that took 0.2 s and other guests came and went on the core, pairs of two
calls spread three times as much as pairs of eight."""
WARMING_S = 0.125
"""After so long no further calls are made that don't count."""
GLANCES = (8, 12, 15, 24, 32)
"""After so many calls in the processes that are there one looks: none, 1, 2, 5 or 8 of them may
have been held up, and the interval still tells. Where other guests come and go on the core, fresh
processes are dearer. Of 52 trials of equal code on such a host 48 pass by 32 calls, and 47 by 15;
with these ratios times 1.2, and a limit of 1.5, 47 and 25."""
CALLS = 8
"""In a fresh pair of processes."""
WARM_UP = 3
"""Calls that don't count."""
HOPELESS = math.log(3.0)
"""Whose every call is so far above the limit gets no fresh processes, in which to be slow again."""
HOPELESS_S = 2.0
"""Calls that took so long together weren't all held up; before, all of the first glance count."""
DAWDLE = 2.0
"""How many times longer than the reference a submission may take to receive its inputs."""
AT_ONCE_S = 3.0
"""After so long no further calls are made in the processes that are there."""
AT_ONCE_WARMING_S = 1.0
"""The same of those that don't count."""
BUDGET_S = 5.0
"""After so long no further pairs are begun, once there are as many as an interval needs."""
PATIENCE_S = 6.0
"""After so long, where a pair takes seconds, fewer than an interval needs may be clear enough."""
DOUBT_S = 16.0
"""After so long they have to do, and in doubt they speak for the submission."""
CONFIDENCE = 0.99
_STUDENT_3 = 9.925
"""The quantile of Student's distribution for three values and this confidence."""
_LEAST_SPREAD = 0.005
"""Three values that happen to agree better than this don't count as closer."""

MakeInputs = Callable[..., Inputs]


@dataclass(frozen=True)
class Estimate:
    """A ratio or exponent with its 99 % confidence interval, and the limit it is held against.

    ``values`` has what each fresh pair of processes gave, in order, or else each call. An interval
    that isn't clear of the limit gives the submission the benefit of the doubt.
    """

    value: float
    low: float
    high: float
    limit: float
    values: tuple[float, ...]

    @property
    def settled(self) -> bool:
        """Whether the interval is clear of the limit."""
        return not self.low <= self.limit < self.high

    @property
    def too_high(self) -> bool:
        """Whether the whole interval is above the limit."""
        return self.low > self.limit

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Return the same on another scale; ``function`` must be increasing."""
        value, low, high, limit = map(function, (self.value, self.low, self.high, self.limit))
        return Estimate(value, low, high, limit, tuple(map(function, self.values)))

    def record(self, kind: Literal["ratio", "growth"]) -> SpeedRecord:
        """Return all of it as data."""
        return {
            "kind": kind,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "limit": self.limit,
            "values": [round(value, 4) for value in self.values],
        }


class Speed:
    """The ``speed`` fixture. ``slack`` is by what ratios' limits are multiplied."""

    def __init__(
        self,
        open_sides: Callable[[str], Sides],
        rng: np.random.Generator,
        limit: float | None,
        *,
        slack: float = 1.0,
        duel: bool = False,
        give_way: Callable[[], None] | None = None,
    ) -> None:
        """Measure exactly where there is a ``give_way``, which lets others have the core."""
        self._open, self._rng, self._limit, self._duel = open_sides, rng, limit, duel
        self._give_way = give_way
        self._slack = slack
        self._reference_s = list[float]()
        self.result: SpeedRecord | None = None

    def compare(self, name: str, make_inputs: MakeInputs, limit: float | None = None) -> Estimate:
        """Time ``submission.<name>`` against ``reference.<name>`` on ``make_inputs()`` tuples.

        Raises:
            TooSlow: the whole interval of the ratio is above the limit (of the manifest).
            CheckFailed: a timed result differs from the reference's.
            ValueError: no limit is given, here or in the manifest.
        """
        bound = 1.0 if self._duel else limit or self._limit
        if bound is None:
            raise ValueError("speed.compare() needs [speed].limit in exercise.toml")
        bound *= self._slack
        sides = self._open(name)
        limit_log = math.log(bound)
        memory = None
        exact = self._give_way is not None
        found = None if exact else self._at_once(sides, make_inputs, limit_log)
        if found is None:
            found = _settle(lambda: self._pair(sides, make_inputs), limit_log, exact=exact)
            memory = [side.peak() for side in sides[:2]]
        estimate = found.map(math.exp)
        reference_s = np.quantile(self._reference_s, [0.25, 0.5, 0.75]).tolist()
        self.result = estimate.record("ratio")
        self.result |= {"reference_s": reference_s, "memory": memory}
        if estimate.too_high:
            raise TooSlow(messages.too_slow(estimate.value, estimate.low, estimate.high, bound))
        return estimate

    def growth(
        self, name: str, make_inputs: MakeInputs, sizes: Sequence[int], limit: float = 1.3
    ) -> Estimate:
        """Fit the exponent of time over size of ``submission.<name>`` on ``make_inputs(size)``.

        Raises:
            TooSlow: the whole interval of the exponent is above ``limit``.
            CheckFailed: a timed result differs from the reference's.
        """
        sides = self._open(name)
        x = np.log(sizes) - np.log(sizes).mean()
        slope = x / (x @ x)

        def exponent() -> float:
            self._begin(sides)
            _warm_up(self._sweep(sides, repeat(make_inputs(sizes[0]))), WARMING_S)
            return float(slope @ list(self._sweep(sides, [make_inputs(size) for size in sizes])))

        estimate = _settle(exponent, limit)
        self.result = estimate.record("growth")
        if estimate.too_high:
            raise TooSlow(
                messages.grows_too_fast(estimate.value, estimate.low, estimate.high, limit)
            )
        return estimate

    def _at_once(self, sides: Sides, make_inputs: MakeInputs, limit: float) -> Estimate | None:
        """Return what the processes that are there give, for whom that is clear enough."""
        began = time.monotonic()
        ratios = self._ratios(sides, make_inputs, AT_ONCE_WARMING_S)
        logs, reference_s = list[float](), list[float]()
        for ratio, seconds in islice(ratios, GLANCES[-1]):
            logs.append(ratio)
            reference_s.append(seconds)
            if (found := _at_a_glance(logs, reference_s, limit)) is not None:
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
        first = int(self._rng.integers(2))
        orders = cycle([(first, 1 - first), (1 - first, first)])
        inputs = make_inputs()
        _warm_up((self._ratio(sides, inputs, order) for order in orders), patience_s)
        return (self._ratio(sides, make_inputs(), order) for order in orders)

    def _ratio(self, sides: Sides, inputs: Inputs, order: tuple[int, int]) -> tuple[float, float]:
        reference = len(sides) - 1
        asked = dict.fromkeys((*order, reference))
        taken = {which: sides[which].timed(inputs) for which in asked}
        cost = {which: sides[which].echo() for which in asked}[reference]
        mine, theirs = (_seconds(taken[which], taken[reference], cost) for which in (0, 1))
        return math.log(mine / theirs), theirs

    def _sweep(self, sides: Sides, inputs: Iterable[Inputs]) -> Iterator[float]:
        """Yield the logarithm of the submission's seconds for each of ``inputs``."""
        mine, reference = sides[0], sides[-1]
        for each in inputs:
            taken, truth = mine.timed(each), reference.timed(each)
            yield math.log(_seconds(taken, truth, reference.echo()))

    def _begin(self, sides: Sides) -> None:
        """Start fresh processes, in random order."""
        for which in self._rng.permutation(len(sides)):
            sides[which].begin()


def _at_a_glance(
    logs: Sequence[float], reference_s: Sequence[float], limit: float
) -> Estimate | None:
    """Return what the calls so far say, if that is clear of ``limit``."""
    hopeless = len(logs) >= 2 and min(logs) > limit + HOPELESS
    own_s = sum(seconds * math.exp(ratio) for ratio, seconds in zip(logs, reference_s, strict=True))
    if hopeless and own_s > HOPELESS_S:
        return _from_few(logs, limit)
    if len(logs) not in GLANCES:
        return None
    found = Estimate(*interval(logs), limit, tuple(logs))
    return found if hopeless or found.high <= limit - CLEAR else None


def _settle(measure: Callable[[], float], limit: float, *, exact: bool = False) -> Estimate:
    """Measure, each time in fresh processes, until the interval is clear of ``limit``; if it is to
    be ``exact``, up to the third look at least."""
    began, values = time.monotonic(), list[float]()
    while True:
        values.append(measure())
        spent = time.monotonic() - began
        if not exact and LOOKS[0] <= len(values) < LOOKS[1] and spent > PATIENCE_S:
            estimate = _from_few(values, limit)
            if estimate.settled or spent > DOUBT_S:
                return estimate
        late = len(values) >= LOOKS[1] and spent > BUDGET_S
        if len(values) in LOOKS or late:
            estimate = Estimate(*interval(values), limit, tuple(values))
            few = len(values) == LOOKS[0] and limit < estimate.low <= limit + CLEAR
            coarse = exact and len(values) < LOOKS[2] and not estimate.too_high
            clear = estimate.settled and not few and not coarse
            if clear or late or len(values) == LOOKS[-1]:
                return estimate


def _from_few(values: Sequence[float], limit: float) -> Estimate:
    """Return the whole range of ``values``, which are too few for an interval. If the least of them
    isn't clear of ``limit`` the submission has the benefit of the doubt."""
    low = min(values)
    if low <= limit + CLEAR:
        low = min(low, limit)
    return Estimate(statistics.median(values), low, max(values), limit, tuple(values))


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


def _seconds(taken: Timed, truth: Timed, cost: float) -> float:
    """Return what a call took without what the boundary costs; ``truth`` is the reference's.

    Raises:
        CheckFailed: their results differ.
    """
    if taken is not truth and not same_result(taken.result, truth.result):
        raise CheckFailed(messages.TIMED_RESULT_WRONG)
    dawdled = max(0.0, taken.sending - DAWDLE * truth.sending)
    return max(taken.seconds - cost, taken.seconds * 0.05) + dawdled


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the middle of three, or eight and more ``values``, and a 99 % interval for it.

    From eight on, the middle is their median and the interval's ends are the k-th smallest and
    largest value, with the largest k that the binomial distribution allows (the sign test,
    inverted): exact for any distribution. Three are taken to be normal (Student's interval),
    and never to spread less than ``_LEAST_SPREAD``.
    """
    ordered, count = sorted(values), len(values)
    if count == LOOKS[0]:
        middle = statistics.mean(values)
        spread = max(statistics.stdev(values), _LEAST_SPREAD) / math.sqrt(count)
        return middle, middle - _STUDENT_3 * spread, middle + _STUDENT_3 * spread
    k, tail = 0, 0.5**count
    while tail <= (1 - CONFIDENCE) / 2:
        k += 1
        tail += math.comb(count, k) * 0.5**count
    return statistics.median(ordered), ordered[k - 1], ordered[-k]
