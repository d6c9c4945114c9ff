"""The speed protocol on sides that take as long as a test says: no clock, no sandbox."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from itertools import count, groupby, pairwise
from typing import Any

import numpy as np
import pytest
import torch

from grading.checks import CheckFailed
from grading.grader import speed as protocol
from grading.grader.draws import Draws
from grading.grader.estimates import GLANCES, LOOKS, WIDE, Estimate, interval
from grading.grader.faults import Disturbed, GraderFault, TooSlow
from grading.grader.sides import Timed, same_result
from grading.grader.speed import Speed
from sandbox.stream import Disconnected

Cost = Callable[[Any], float]


class FakeSide:
    """Takes ``cost(inputs)`` seconds, more or less by a factor that each process has for itself."""

    def __init__(self, name: str, log: list[str], cost: Cost, spread: float = 0.0) -> None:
        self.name, self.log, self.cost, self.spread = name, log, cost, spread
        self.rng = np.random.default_rng(3)
        self.result: Any = 1.0
        self.boundary = 0.0
        self.bias = 1.0

    def begin(self) -> None:
        self.log.append(f"begin {self.name}")
        self.bias = float(np.exp(self.rng.normal(0.0, self.spread)))

    def resume(self) -> None:
        """As of a fixture whose test goes on."""

    def timed(self, inputs: Any) -> Timed:
        self.log.append(self.name)
        return Timed(self.cost(inputs) * self.bias, self.result)

    def echo(self) -> float:
        self.log.append(f"echo {self.name}")
        return self.boundary

    def peak(self) -> int | None:
        return len(self.name)


class Track:
    """A submission and a reference that a test can set up, and the fixture over them."""

    def __init__(
        self,
        ratio: float,
        spread: float = 0.0,
        seed: int = 1,
        duel: bool = False,
        exact: bool = False,
        slack: float = 1.0,
    ) -> None:
        self.log: list[str] = []
        self.mine = FakeSide("mine", self.log, lambda _: 0.01 * ratio, spread)
        self.theirs = FakeSide("theirs", self.log, lambda _: 0.01)
        self.reference = FakeSide("reference", self.log, lambda _: 0.02)
        sides = [self.mine, self.theirs, *([self.reference] if duel else [])]
        self.speed = Speed(
            lambda _: sides,
            Draws(seed),
            limit=1.5,
            duel=duel,
            give_way=(lambda: self.log.append("give way")) if duel or exact else None,
            slack=slack,
        )

    def compare(self) -> Estimate:
        return self.speed.compare("f", lambda: (torch.ones(2),))

    def pairs(self) -> int:
        return self.log.count("begin mine")


def test_what_is_clearly_fast_enough_needs_no_fresh_process() -> None:
    track = Track(1.1)
    estimate = track.compare()
    assert track.pairs() == 0
    assert len(estimate.values) == GLANCES[0]
    assert estimate.low <= 1.1 <= estimate.high < 1.5 and estimate.settled
    assert track.speed.result is not None and track.speed.result["kind"] == "ratio"


@pytest.mark.parametrize(("held_up", "calls"), [(1, 12), (2, 15), (5, 24), (8, 32)], ids=str)
def test_calls_that_were_held_up_cost_more_calls_and_no_fresh_process(
    held_up: int, calls: int
) -> None:
    track = Track(1.1)
    when = {protocol.WARM_UP + number * calls // held_up for number in range(held_up)}
    numbers = count()
    track.mine.cost = lambda _: 0.05 if next(numbers) in when else 0.011
    estimate = track.compare()
    assert track.pairs() == 0
    assert len(estimate.values) == calls and estimate.high < 1.2


def test_what_is_fast_enough_but_not_by_far_is_so_after_three_pairs() -> None:
    track = Track(1.42, spread=0.002)
    estimate = track.compare()
    assert track.pairs() == LOOKS[0] == len(estimate.values)
    assert estimate.low < 1.42 < estimate.high < 1.5


@pytest.mark.parametrize(("ratio", "fails"), [(2.5, False), (3.5, True)])
def test_by_a_clock_that_drifts_nobody_fails_but_by_far(ratio: float, fails: bool) -> None:
    track = Track(ratio, spread=0.002, slack=2.0)
    with pytest.raises(TooSlow) if fails else contextlib.nullcontext():
        track.compare()
    assert track.speed.result is not None and track.speed.result["limit"] == pytest.approx(3.0)


def test_no_failure_comes_from_processes_that_were_there() -> None:
    track = Track(1.0)
    track.mine.bias = 3.0  # where it lies it is slow; where the fresh ones lie it isn't
    assert track.compare().settled
    assert track.pairs() == LOOKS[0]


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
def test_who_is_faster_than_the_reference_waits_for_no_ranking(ratio: float) -> None:
    track = Track(ratio)
    assert track.compare().high < 1.5
    assert (track.pairs(), track.log.count("mine")) == (0, protocol.WARM_UP + GLANCES[0])


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
def test_for_a_ranking_all_is_measured_in_fresh_processes(ratio: float) -> None:
    track = Track(ratio, spread=0.01, exact=True)
    estimate = track.compare()
    assert track.pairs() == LOOKS[2] == len(estimate.values)
    assert 0.97 * ratio < estimate.low <= estimate.high < 1.03 * ratio
    assert track.speed.result is not None and track.speed.result["limit"] == 1.5


def test_for_a_ranking_the_core_is_given_up_before_each_pair() -> None:
    track = Track(1.0, exact=True)
    track.compare()
    gives = [number for number, entry in enumerate(track.log) if entry == "give way"]
    assert len(gives) == track.pairs()
    assert all(track.log[number + 1].startswith("begin") for number in gives)


def test_what_is_far_too_slow_needs_no_fresh_process() -> None:
    track = Track(6.0)
    with pytest.raises(TooSlow):
        track.compare()
    assert track.pairs() == 0
    assert track.log.count("mine") == protocol.WARM_UP + GLANCES[0]


def test_what_takes_seconds_and_is_far_too_slow_is_so_after_two_calls() -> None:
    track = Track(200.0)
    with pytest.raises(TooSlow):
        track.compare()
    assert track.log.count("mine") == protocol.WARM_UP + 2
    assert track.speed.result is not None and track.speed.result["low"] == pytest.approx(200.0)


def test_one_call_that_was_not_far_too_slow_brings_fresh_processes() -> None:
    track, numbers = Track(200.0), count()
    track.mine.cost = lambda _: 0.01 if next(numbers) == protocol.WARM_UP else 2.0
    with pytest.raises(TooSlow):
        track.compare()
    assert track.pairs() == LOOKS[0]


def test_what_is_clearly_too_slow_is_so_after_three_pairs() -> None:
    track = Track(2.0, spread=0.01)
    with pytest.raises(TooSlow):
        track.compare()
    assert track.pairs() == LOOKS[0]
    assert track.speed.result is not None and track.speed.result["low"] > 1.5


def test_three_pairs_are_too_few_for_a_narrow_failure() -> None:
    track = Track(1.6)
    with pytest.raises(TooSlow):
        track.compare()
    assert track.pairs() == LOOKS[1]


def test_in_doubt_more_pairs_are_made_and_the_doubt_is_the_learners() -> None:
    track = Track(1.5, spread=0.05)
    estimate = track.compare()
    assert track.pairs() == LOOKS[-1]
    assert not estimate.settled and not estimate.too_high


def test_who_is_slow_on_purpose_does_not_outlast_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    track = Track(1.6, spread=0.02)
    let_pairs_take(1.5, track, monkeypatch)
    with pytest.raises(TooSlow):
        track.compare()
    assert track.pairs() == LOOKS[1]


def let_pairs_take(seconds: float, track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each fresh pair of processes start so slowly."""
    now = 0.0
    monkeypatch.setattr(protocol.time, "monotonic", lambda: now)
    begin = track.mine.begin

    def begin_slowly() -> None:
        nonlocal now
        now += seconds
        begin()

    track.mine.begin = begin_slowly  # type: ignore[method-assign]


@pytest.mark.parametrize(("ratio", "fails"), [(1.2, False), (1.6, False), (2.0, True)])
def test_where_a_pair_takes_seconds_three_have_to_do(
    ratio: float, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = Track(ratio, spread=0.01)
    track.mine.bias = 1.45 / ratio  # so that fresh processes are needed
    let_pairs_take(6.0, track, monkeypatch)
    if fails:
        with pytest.raises(TooSlow):
            track.compare()
    else:
        assert not track.compare().too_high
    assert track.pairs() == LOOKS[0]


def test_who_is_slow_at_random_has_no_benefit_of_slow_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    track, biases = Track(1.45), iter([2.0, 20.0, 200.0])
    let_pairs_take(6.0, track, monkeypatch)
    begin = track.mine.begin

    def begin_slower() -> None:
        begin()
        track.mine.bias = next(biases)

    track.mine.begin = begin_slower  # type: ignore[method-assign]
    with pytest.raises(TooSlow):
        track.compare()


@pytest.mark.parametrize(("ratio", "fails"), [(1.45, False), (4.0, True)])
def test_a_wide_interval_is_no_excuse_for_who_is_far_above(
    ratio: float, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = Track(ratio, spread=1.0)
    let_pairs_take(0.9, track, monkeypatch)  # so that there is time for few
    with pytest.raises(TooSlow) if fails else contextlib.nullcontext():
        track.compare()
    assert track.pairs() == LOOKS[1]
    assert track.speed.result is not None and track.speed.result["low"] < 1.5


def test_calls_alternate_and_each_pair_is_fresh() -> None:
    track = Track(1.42)
    track.compare()
    parts = groupby(track.log, key=lambda entry: entry.startswith("begin"))
    rounds = [list(calls) for begins, calls in parts if not begins]
    assert len(rounds) == 1 + LOOKS[0]
    for calls in rounds:
        timed = [call for call in calls if not call.startswith("echo")]
        assert len(timed) == 2 * (protocol.WARM_UP + protocol.CALLS)
        pairs = list(zip(timed[::2], timed[1::2], strict=True))
        assert all(set(pair) == {"mine", "theirs"} for pair in pairs)
        assert all(here == there[::-1] for here, there in pairwise(pairs))


def test_each_call_that_counts_brings_inputs_of_its_own() -> None:
    track, drawn, seen = Track(1.42), count(), Counter[int]()

    def cost(inputs: Any) -> float:
        seen[int(inputs[0])] += 1
        return 0.0142

    track.mine.cost = cost
    track.speed.compare("f", lambda: (torch.tensor(next(drawn)),))
    times = Counter(seen.values())
    assert times[protocol.WARM_UP] == 1 + LOOKS[0] and set(times) == {1, protocol.WARM_UP}


def test_processes_that_start_slowly_make_no_fewer_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track(1.42)
    let_pairs_take(1.0, track, monkeypatch)
    track.compare()
    expected = protocol.WARM_UP + LOOKS[0] * (protocol.WARM_UP + protocol.CALLS)
    assert track.log.count("mine") - expected in GLANCES


def test_the_side_that_begins_is_drawn() -> None:
    first = {run.log[0] for run in map(tracked, range(12))}
    assert first == {"mine", "theirs"}


def tracked(seed: int) -> Track:
    track = Track(1.0, seed=seed)
    track.compare()
    return track


def test_a_wrong_result_in_a_timed_call_fails_however_fast() -> None:
    track = Track(0.1)
    track.mine.result = 2.0
    with pytest.raises(CheckFailed, match="timed calls"):
        track.compare()


def test_what_the_boundary_costs_is_asked_of_the_reference() -> None:
    track = Track(1.42)
    track.mine.boundary, track.theirs.boundary = 0.009, 0.001
    estimate = track.compare()
    assert estimate.value == pytest.approx((0.0142 - 0.001) / (0.01 - 0.001))


@pytest.mark.parametrize("duel", [False, True])
def test_what_befalls_one_side_befalls_the_other(duel: bool) -> None:
    other = {"mine": "theirs", "theirs": "mine"}
    runs = {calls[0]: calls for calls in (calls_of(seed, duel) for seed in range(12))}
    swapped = [" ".join(other.get(word, word) for word in call.split()) for call in runs["mine"]]
    assert swapped == runs["theirs"]


def calls_of(seed: int, duel: bool) -> list[str]:
    """Return the first calls, from those that don't count."""
    track = Track(1.0, seed=seed, duel=duel)
    track.compare()
    each = 6 if duel else 4
    calls = [entry for entry in track.log if not entry.startswith(("begin", "give way"))]
    return calls[: each * (protocol.WARM_UP + protocol.CALLS)]


def test_memory_and_the_references_time_are_told() -> None:
    track = Track(1.42)
    track.compare()
    assert track.speed.result is not None
    assert track.speed.result["memory"] == [len("mine"), len("theirs")]
    assert track.speed.result["reference_s"] == pytest.approx([0.01] * 3)


def test_in_a_duel_two_submissions_are_measured_against_each_other() -> None:
    track = Track(0.9, spread=0.01, duel=True)
    estimate = track.compare()
    assert estimate.limit == 1.0
    assert 0.88 < estimate.low < 0.9 < estimate.high < 0.92
    for name in ("mine", "theirs", "reference"):
        assert track.log.count(f"begin {name}") == track.pairs()


@pytest.mark.parametrize(("cheat", "loses"), [("mine", "first"), ("theirs", "second")])
def test_in_a_duel_the_one_who_is_wrong_loses(cheat: str, loses: str) -> None:
    track = Track(0.9, duel=True)
    getattr(track, cheat).result = 2.0
    estimate = track.compare()
    assert track.speed.result is not None and track.speed.result["forfeit"] == loses
    assert estimate.low > 1.0 if loses == "first" else estimate.high < 1.0


def test_in_a_duel_the_one_who_breaks_down_loses() -> None:
    track = Track(0.9, duel=True)
    track.theirs.begin = lambda: raise_(Disconnected())  # type: ignore[method-assign]
    assert track.compare().high < 1.0


def test_a_reference_that_is_wrong_makes_nobody_lose() -> None:
    track = Track(0.9, duel=True)
    track.reference.begin = lambda: raise_(Disconnected())  # type: ignore[method-assign]
    with pytest.raises(Disconnected):
        track.compare()


def raise_(error: Exception) -> Any:
    raise error


def disturb(track: Track, which: int, times: int) -> None:
    """Have number ``which`` be seen to run in another's turn, so many times."""
    left, timed = [times], track.theirs.timed

    def turn(inputs: Any) -> Timed:
        left[0] -= 1
        return raise_(Disturbed(which)) if left[0] >= 0 else timed(inputs)

    track.theirs.timed = turn  # type: ignore[method-assign]


@pytest.mark.parametrize("ratio", [1.0, 1.42])
def test_a_disturbed_measurement_is_made_again(ratio: float) -> None:
    track = Track(ratio)
    disturb(track, 0, protocol.DISTURBANCES - 1)
    assert not track.compare().too_high


def test_who_disturbs_too_often_has_a_verdict_of_its_own() -> None:
    track = Track(1.0)
    disturb(track, 0, protocol.DISTURBANCES)
    with pytest.raises(Disturbed):
        track.compare()


def test_a_reference_that_can_not_be_frozen_is_our_fault() -> None:
    track = Track(1.0)
    disturb(track, 1, protocol.DISTURBANCES)
    with pytest.raises(GraderFault):
        track.compare()


def test_who_disturbs_a_duel_too_often_loses_it() -> None:
    track = Track(0.9, duel=True)
    disturb(track, 1, protocol.DISTURBANCES)
    assert track.compare().high < 1.0


def test_a_test_may_say_what_counts_as_the_same() -> None:
    track = Track(1.0)
    track.mine.result, track.theirs.result = 3, 4
    track.speed.compare("f", lambda: (torch.ones(2),), same=lambda a, b: abs(a - b) <= 1)


@pytest.mark.parametrize(("power", "ends"), [(1.0, "linear"), (2.0, "quadratic")])
def test_growth_is_fitted_with_an_interval(power: float, ends: str) -> None:
    track = Track(1.0, spread=0.1)
    track.mine.cost = lambda size: 1e-5 * float(size) ** power
    track.theirs.cost = lambda size: 1e-2 * float(size)

    def run() -> Estimate:
        sizes = (100, 200, 400, 800)
        return track.speed.growth("f", lambda size: size, sizes, limit=1.3)

    if ends == "linear":
        assert abs(run().value - 1.0) < 0.01
    else:
        with pytest.raises(TooSlow):
            run()
        assert track.speed.result is not None
        assert track.speed.result["kind"] == "growth"
        assert abs(track.speed.result["value"] - 2.0) < 0.01


def test_who_pads_small_inputs_is_too_slow_for_the_largest() -> None:
    track = Track(1.0, spread=0.01)
    track.mine.cost = lambda size: 0.1 + 1e-6 * float(size) ** 2
    track.theirs.cost = lambda size: 1e-4 * float(size)

    def grow(most: float) -> Estimate:
        return track.speed.growth("f", lambda size: size, (100, 800), most=most)

    assert grow(most=20.0).high < 1.3
    with pytest.raises(TooSlow):
        grow(most=4.0)


def test_an_exponent_is_not_known_before_its_interval_is_narrow() -> None:
    track = Track(1.0, spread=0.3)
    track.mine.cost = lambda size: 1e-5 * float(size) * (1.0 + track.mine.rng.random())
    estimate = track.speed.growth("f", lambda size: size, (100, 800), limit=3.0, most=99.0)
    assert estimate.high - estimate.low <= WIDE or track.pairs() == LOOKS[-1]


def test_sizes_must_lie_far_apart() -> None:
    with pytest.raises(ValueError, match="8 times the smallest"):
        Track(1.0).speed.growth("f", lambda size: size, (100, 700))


@pytest.mark.parametrize("count", sorted({*LOOKS[1:], *GLANCES}))
def test_the_interval_holds_for_a_skewed_distribution(count: int) -> None:
    rng = np.random.default_rng(7)
    median, trials = float(np.log(2)), 4000
    missed = 0
    for values in rng.exponential(size=(trials, count)):
        _, low, high = interval(list(values))
        missed += not low <= median <= high
    assert missed / trials < 0.013  # 1 %, and three standard errors


def test_the_first_looks_interval_holds_for_normal_values() -> None:
    rng, trials = np.random.default_rng(7), 4000
    missed = 0
    for values in rng.normal(size=(trials, LOOKS[0])):
        _, low, high = interval(list(values))
        missed += not low <= 0.0 <= high
    assert 0.005 < missed / trials < 0.016


def test_three_values_that_agree_by_chance_are_no_narrow_interval() -> None:
    _, low, high = interval([0.032, 0.034, 0.036])
    assert low < 0.01 and high > 0.06


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (torch.ones(4), torch.ones(4), True),
        (torch.ones(4) + 1e-5, torch.ones(4), True),
        (torch.ones(4) + 1e-3, torch.ones(4), False),
        (torch.ones(4).half() + 1e-3, torch.ones(4).half(), True),
        (torch.full((9,), 100).char(), torch.full((9,), 100).char(), True),
        (torch.full((9,), 100).char(), torch.full((9,), 101).char(), False),
        (torch.full((9,), 100).long(), torch.full((9,), 100).char(), True),
        (torch.full((9,), 100.0), torch.full((9,), 100).char(), False),
        (torch.tensor([0.0, float("inf")]), torch.tensor([5.0, float("inf")]), False),
        (torch.tensor([0.0, float("nan")]), torch.tensor([5.0, float("nan")]), False),
        (torch.tensor([float("inf"), float("nan")]), torch.tensor([float("nan"), 1.0]), False),
        (torch.ones(4) * 1.05, torch.ones(4), False),
        (torch.ones(5), torch.ones(4), False),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]), True),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, 2.0]), False),
        (torch.tensor([1.0, float("inf")]), torch.tensor([1.0, float("inf")]), True),
        (torch.tensor([1.0, float("inf")]), torch.tensor([1.0, -float("inf")]), False),
        (torch.tensor([3e38]), torch.tensor([-3e38]), False),
        (torch.ones(4), torch.ones(4, dtype=torch.float64), True),
        (torch.zeros(3), torch.zeros(3), True),
        (torch.full((3,), 1e-3), torch.zeros(3), False),
        ([1, 2, 3], (1, 2, 3), True),
        ([1, 2, 3], [1, 2, 4], False),
        ("abc", "abd", False),
        ([1.0, 2.0], [1.0, 2.0001], True),
        ([1.0, 2.0], [1.0, 3.0], False),
        ({"a": [1.0, "x"]}, {"a": [1.0, "x"]}, True),
        ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, True),
        ({"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 2.0}, False),
        ({0, 8, 16}, {16, 8, 0}, True),
        ({-1: "a", -2: "b"}, {-2: "b", -1: "a"}, True),
        ({-1, -2}, {-2, -1}, True),
        ([torch.ones(2)], [torch.ones(2), torch.ones(2)], False),
        (torch.ones(2, dtype=torch.complex64), torch.ones(2, dtype=torch.complex64) * 1j, False),
        (None, None, True),
        (None, 0, False),
        (1000, 1001, False),
        (1000.0, 1001.0, False),
        (1000.0, 1000.01, True),
        (float("nan"), 1.0, False),
    ],
)
def test_results_are_compared_whole(mine: Any, theirs: Any, same: bool) -> None:
    assert same_result(mine, theirs) is same
