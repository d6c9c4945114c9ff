"""A measurement of speed as data: made by a grader, kept with a test's outcome, read by pages and
rankings. Without Django, for graders have none."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class SpeedRecord(TypedDict):
    """A ratio to the reference's time, or the exponent of time over size, with its 99 % interval.

    ``values`` has what each fresh pair of processes gave, or else each call. Of a ratio,
    ``reference_s`` are the quartiles of the reference's seconds and ``memory`` the bytes that a
    call of each side needed, where that was measured. ``forfeit`` says who lost a duel by being
    wrong: "first" or "second". The worker adds whether its machine was ``doubtful``, whether its
    clock ``drifts``, and whether this is ``unranked``, since nobody could be frozen.
    """

    kind: Literal["ratio", "growth"]
    value: float
    low: float
    high: float
    limit: float
    values: list[float]
    reference_s: NotRequired[list[float]]
    memory: NotRequired[list[int | None] | None]
    forfeit: NotRequired[Literal["first", "second"]]
    doubtful: NotRequired[bool]
    drifts: NotRequired[bool]
    unranked: NotRequired[bool]
