"""Whether a machine was itself while it measured: nobody fails by the clock of one that was not."""

from __future__ import annotations

from collections import defaultdict, deque

from submissions.speeds import SpeedRecord

SPREAD = 0.10
"""Of the reference's median time: how far apart its quartiles may lie, process by process."""
BAND = 0.15
"""How far from its usual time the reference may be."""
KNOWN, KEPT = 5, 20
"""So many measurements make a usual time, and so many are remembered."""
FAR = 1.5
"""What surely takes so many times the limit is too slow on any machine: of 300 trials of equal code
with all cores busy, the farthest was off by 1.11 (docs/operator.md)."""
DRIFT_SLACK = 2.0
"""By what a limit is multiplied where the clock is known to drift, and nobody else can measure."""


class ReferenceTimes:
    """What each exercise's reference usually takes on this worker."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    def doubts(self, test: str, speed: SpeedRecord) -> bool:
        """Return whether ``speed``, measured in ``test``, may be the machine's doing.

        So it is when the reference was unsteady, or not as fast as it usually is. ``test`` names
        one version of one test, as its usual time is kept by that name.
        """
        if speed["kind"] != "ratio" or "forfeit" in speed:
            return False
        low, middle, high = speed["reference_s"]
        known = sorted(self._seconds[test])
        self._seconds[test].append(middle)
        unsteady = high - low > SPREAD * middle
        usual = known[len(known) // 2] if len(known) >= KNOWN else middle
        unusual = abs(middle - usual) > BAND * usual
        return (unsteady or unusual) and bool(speed["low"] <= FAR * speed["limit"])
