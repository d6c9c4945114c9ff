"""What a sandbox says of a module is checked, whatever it says."""

from __future__ import annotations

import copy
import random

import pytest
import torch
from torch import nn

from sandbox.shared import MAX_LAYERS, Mirrored
from sandbox.wire import ProtocolError

HEAD = "import copy, torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


TENSOR = torch.ones(2)
GOOD = [[["", 0], ["a", 1]], [
    ["", "Net", {}, False, False, []],
    ["Linear", "Linear", {"in_features": 2}, False, False, [["weight", "parameter", 0]]],
]]  # fmt: skip


def _with(path, value):
    """The good structure with one thing changed."""
    changed = copy.deepcopy(GOOD)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


LIES = {
    "no places": [[], []],
    "a first place that isn't the module": _with((0, 0), ["x", 0]),
    "a place of nothing": _with((0, 1), ["a", 7]),
    "a place without a parent": _with((0, 1), ["b.a", 1]),
    "a loop": [[["", 0], ["a", 1], ["a.b", 0]], GOOD[1]],
    "two placed in each other": [
        [["", 0], ["a", 1], ["b", 2], ["b.x", 1], ["a.y", 2]],
        [GOOD[1][0], *[["", "N", {}, False, False, []]] * 2],
    ],
    "sharing without end": [
        [["", 0]] + [[".".join("a" * n + tail), n + 1] for n in range(20) for tail in "ab"],
        [["", "N", {}, False, False, []]] * 21,
    ],
    "too many places": [[["", 0]] + [[f"a{n}", 1] for n in range(MAX_LAYERS)], GOOD[1]],
    "a deep place": [[["", 0], [".".join("a" * 40), 1]], GOOD[1]],
    "a private name": _with((0, 1), ["__class__", 1]),
    "a name of ours": _with((1, 1, 5, 0, 0), "_remote_line"),
    "a method's name": _with((1, 1, 5, 0, 0), "forward"),
    "a name that is long": _with((0, 1), ["a" * 101, 1]),
    "a name that is no text": _with((1, 1, 5, 0, 0), 5),
    "an unknown role": _with((1, 1, 5, 0, 1), "secret"),
    "a tensor out of range": _with((1, 1, 5, 0, 2), 4),
    "a tensor that is a float": _with((1, 1, 5, 0, 2), 0.0),
    "two leaves of one name": _with((1, 1, 5), [["w", "parameter", 0], ["w", "parameter", 1]]),
    "a constant that is a method": _with((1, 1, 2), {"forward": 1}),
    "a constant that is an object": _with((1, 1, 2), {"p": [1]}),
    "a thousand constants": _with((1, 1, 2), {f"c{n}": n for n in range(1000)}),
    "a class that is a list": _with((1, 1, 0), ["Linear"]),
    "a list of a billion": _with((1, 1, slice(0, 3)), ["ParameterList", "P", {"_size": 1 << 30}]),
    "keys of no text": _with((1, 1, slice(0, 3)), ["ParameterDict", "P", {"_keys": (1,)}]),
    "a text": "structure",
}  # fmt: skip


def test_what_a_sandbox_says_of_a_module_is_checked():
    good = Mirrored(None, 1)
    good.apply([GOOD, [[0, TENSOR, True, None]], [True, False]])
    assert list(good.root.state_dict()) == ["a.weight"] and good.root.a.training is False


@pytest.mark.parametrize("structure", LIES.values(), ids=list(LIES))
def test_a_lie_about_a_module_is_a_protocol_error(structure):
    with pytest.raises(ProtocolError):
        tensors = [[0, TENSOR, True, None], [1, TENSOR, True, None]]
        flags = [True] * len(structure[1]) if type(structure) is list else []
        many = structure is LIES["two leaves of one name"]
        Mirrored(None, 1).apply([structure, tensors[: 1 + many], flags])


ODD = [None, True, -1, 0, 7, 1 << 70, 0.5, "", "a", "a.b", "x" * 300, [], [[]], {}, (), b"", TENSOR]


def _places(tree, path=()):
    """Yield the way to each node of ``tree`` but the root."""
    items = enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_a_sandbox_says_of_a_module_is_taken_or_refused(seed):
    draw = random.Random(seed)
    refused = 0
    for _ in range(100):
        said = copy.deepcopy([GOOD, [[0, TENSOR, True, None]], [True, False]])
        mirrored = Mirrored(None, 1)
        if draw.random() < 0.5:
            mirrored.apply(copy.deepcopy(said))
        for _ in range(draw.choice([1, 1, 2, 4])):
            *way, last = draw.choice(list(_places(said)))
            place = said
            for step in way:
                place = place[step]
            place[last] = draw.choice(ODD)
        try:
            mirrored.apply(said)
            list(mirrored.root.named_parameters())
            mirrored.changes()
        except ProtocolError:
            refused += 1
    assert refused > 20


ENTRIES = {
    "a value that is none": [[0, None, True, None]],
    "a number out of range": [[0, TENSOR, True, None], [1, TENSOR, True, None]],
    "a negative number": [[-1, TENSOR, True, None]],
    "a value that is a list": [[0, [1.0], True, None]],
    "a gradient of another shape": [[0, TENSOR, True, torch.ones(3)]],
    "a gradient of an int": [[0, torch.ones(2, dtype=torch.int64), True, None]],
    "too many": [[0, TENSOR, True, None]] * 5000,
    "nothing": [],
}


@pytest.mark.parametrize("entries", ENTRIES.values(), ids=list(ENTRIES))
def test_a_lie_about_a_tensor_is_a_protocol_error(entries):
    with pytest.raises(ProtocolError):
        Mirrored(None, 1).apply([GOOD, entries, [True, True]])


HOSTILE = {
    "removes": "[[], ['0.weight'], True]",
    "rebuilds": "[[[['', 0]], [['', 'N', {}, False, False, []]]], [], [True]]",
    "other shape": "[None, [[0, torch.ones(9), True, None]], [True] * 3]",
    "other kind": "[None, [[0, torch.ones(2, 2, dtype=torch.int64), True, None]], [True] * 3]",
    "other tensor": "[None, [[99, torch.ones(2, 2), True, None]], [True] * 3]",
    "other flags": "[None, [], [True] * 9]",
    "flags that are no bools": "[None, [], [1, 2, 3]]",
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=list(HOSTILE))
def test_a_sandbox_cant_take_the_graders_module_apart(load, change):
    code = load(
        HEAD
        + f"""
def f(net):
    line = net._remote_line
    line.modules.changes = lambda: [[], [[net._remote_id, {change}]]]
    return net(torch.ones(1, 2))
"""
    )
    ours = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(ProtocolError):
        code.f(ours)
    assert list(ours.state_dict()) == ["0.weight", "0.bias"] and ours[0].weight.shape == (2, 2)
