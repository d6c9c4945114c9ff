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

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, repeat
from typing import Literal, TypeVar

import numpy as np

from grading import messages
from grading.checks import CheckFailed
from grading.grader.draws import Draws
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
DISTURBANCES = 3
"""So many spoilt measurements are a verdict."""
WIDE = 0.4
"""An exponent isn't known while its interval is wider than this."""
FAR_APART = 8
"""How many times the smallest size the largest must be, for an exponent."""
MOST = 4.0
"""How many times the reference's time one may take for the largest size."""
_FORFEIT = math.log(10.0)
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
_T = TypeVar("_T")


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
            return self._compare(name, make_inputs, math.log(bound))
        except Forfeit as forfeit:
            return self._forfeit(forfeit)

    def _compare(self, name: str, make_inputs: MakeInputs, limit: float) -> Estimate:
        sides = self._open(name)
        memory = None
        exact = self._give_way is not None
        found = None
        if not exact:
            found = self._undisturbed(lambda: self._at_once(sides, make_inputs, limit))
        if found is None:
            found = _settle(
                lambda: self._undisturbed(lambda: self._pair(sides, make_inputs)),
                limit,
                exact=exact,
            )
            memory = [side.peak() for side in sides[:2]]
        estimate = found.map(math.exp)
        reference_s = np.quantile(self._reference_s, [0.25, 0.5, 0.75]).tolist()
        self.result = estimate.record("ratio")
        self.result |= {"reference_s": reference_s, "memory": memory}
        return _fast_enough(estimate)

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
        sides = self._open(name)
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

        estimate = _settle(lambda: self._undisturbed(exponent), limit, width=WIDE)
        self.result = estimate.record("growth")
        if estimate.too_high:
            raise TooSlow(
                messages.grows_too_fast(estimate.value, estimate.low, estimate.high, limit)
            )
        _fast_enough(_judged(ratios, math.log(most * self._slack)).map(math.exp))
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


def _settle(
    measure: Callable[[], float], limit: float, *, exact: bool = False, width: float = math.inf
) -> Estimate:
    """Measure, each time in fresh processes, until the interval is clear of ``limit`` and no wider
    than ``width``; if it is to be ``exact``, up to the third look at least."""
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
            wide = estimate.high - estimate.low > width and not estimate.too_high
            clear = estimate.settled and not (few or coarse or wide)
            if clear or late or len(values) == LOOKS[-1]:
                return estimate


def _judged(values: Sequence[float], limit: float) -> Estimate:
    """Return what so many values say that ``_settle`` had enough of as many."""
    if len(values) == LOOKS[0] or len(values) >= LOOKS[1]:
        return Estimate(*interval(values), limit, tuple(values))
    return _from_few(values, limit)


def _fast_enough(ratio: Estimate) -> Estimate:
    """Return ``ratio``.

    Raises:
        TooSlow: its whole interval is above its limit.
    """
    if ratio.too_high:
        raise TooSlow(messages.too_slow(ratio.value, ratio.low, ratio.high, ratio.limit))
    return ratio


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
