"""What a few measurements say: an estimate with its interval, and when there are enough of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from submissions.speeds import SpeedRecord

LOOKS = (3, 8, 16, 32)
"""After so many fresh pairs of processes one looks at the interval."""
CLEAR = 0.1
"""How far from the limit the first looks must find it: one pair of processes, or three, are few."""
GLANCES = (8, 12, 15, 24, 32)
"""After so many calls in the processes that are there one looks: none, 1, 2, 5 or 8 of them may
have been held up, and the interval still tells. Where other guests come and go on the core, fresh
processes are dearer. Of 52 trials of equal code on such a host 48 pass by 32 calls, and 47 by 15;
with these ratios times 1.2, and a limit of 1.5, 47 and 25."""
HOPELESS = math.log(3.0)
"""Whose every call is so far above the limit gets no fresh processes, in which to be slow again."""
HOPELESS_S = 2.0
"""Calls that took so long together weren't all held up; before, all of the first glance count."""
WIDE = 0.4
"""An exponent isn't known while its interval is wider than this."""
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


def at_a_glance(
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


def settle(
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


def judged(values: Sequence[float], limit: float) -> Estimate:
    """Return what so many values say that ``settle`` had enough of as many."""
    if len(values) == LOOKS[0] or len(values) >= LOOKS[1]:
        return Estimate(*interval(values), limit, tuple(values))
    return _from_few(values, limit)


def _from_few(values: Sequence[float], limit: float) -> Estimate:
    """Return the whole range of ``values``, which are too few for an interval. If the least of them
    isn't clear of ``limit`` the submission has the benefit of the doubt."""
    low = min(values)
    if low <= limit + CLEAR:
        low = min(low, limit)
    return Estimate(statistics.median(values), low, max(values), limit, tuple(values))


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
