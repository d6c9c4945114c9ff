"""Whose turn it is: all others stand still, and that is seen."""

from __future__ import annotations

from grading.sandboxes.base import Sandbox
from grading.turns import Turns


class FakeSandbox:
    """Computes ``idles`` seconds while it is frozen."""

    def __init__(self, *, freezes: bool = True, stops: bool = True, idles: float = 0.0) -> None:
        self.freezes, self.stops, self.idles = freezes, stops, idles
        self.frozen = False
        self.computed = 1.0

    def freeze(self) -> bool:
        self.frozen = True
        return self.stops

    def thaw(self) -> None:
        self.frozen = False

    def cpu_s(self) -> float:
        self.computed += self.idles
        return self.computed


def turns(*sandboxes: FakeSandbox) -> Turns:
    return Turns(list[Sandbox](sandboxes))  # type: ignore[arg-type]


def give(to: Turns, sandbox: FakeSandbox) -> list[object]:
    return list(to.give(sandbox))  # type: ignore[arg-type]


def test_one_runs_and_the_others_are_frozen() -> None:
    one, two, three = FakeSandbox(), FakeSandbox(), FakeSandbox()
    taken = turns(one, two, three)
    for mine in (one, two, two, three):
        assert give(taken, mine) == []
        assert [each for each in (one, two, three) if not each.frozen] == [mine]


def test_who_computed_while_frozen_is_named_when_its_turn_comes() -> None:
    one, two = FakeSandbox(), FakeSandbox(idles=0.001)
    taken = turns(one, two)
    assert give(taken, one) == []
    assert give(taken, two) == [two]


def test_who_does_not_stand_still_is_named_at_once() -> None:
    one, two = FakeSandbox(), FakeSandbox(stops=False)
    assert give(turns(one, two), one) == [two]


def test_what_can_not_be_frozen_runs_on() -> None:
    one, two = FakeSandbox(freezes=False), FakeSandbox(freezes=False)
    taken = turns(one, two)
    assert give(taken, one) == give(taken, two) == []
    assert not one.frozen and not two.frozen
