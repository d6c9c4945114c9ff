"""K5: with any one layer of isolation switched off, rows that rely on it must turn red."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grading import setup
from grading.grader_process import Zygote
from grading.sandboxes.base import SandboxUnavailable
from tests.attacks import oracle, record
from tests.attacks.harness import harness
from tests.attacks.layers import LAYERS
from tests.attacks.layers.base import Layer
from tests.attacks.rows import ROWS
from tests.attacks.rows.base import Row

pytestmark = pytest.mark.release
MAX_ROWS = 8
"""Of the rows that name a layer; the table shows which were run."""

_MARKS = {"bubblewrap": pytest.mark.sandbox, "docker": pytest.mark.docker}
_PARAMETERS = [
    pytest.param(layer, id=f"{layer.backend}-{layer.name}", marks=_MARKS[layer.backend])
    for layer in LAYERS
]


class _Shared:
    """A fork server of graders that outlives the engines which use it."""

    def __init__(self, inner: Zygote) -> None:
        self.fork, self.start = inner.fork, inner.start

    def close(self) -> None:
        """The last test closes it."""


@pytest.fixture(scope="module")
def graders() -> Iterator[Zygote]:
    """Graders for all layers but those of the grader itself: they take seconds to start."""
    try:
        made = setup.make_zygote()
        made.start()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.parametrize("layer", _PARAMETERS)
def test_rows_notice_a_missing_layer(layer: Layer, graders: Zygote) -> None:
    named = [row for row in ROWS if layer.name in row.layers and layer.backend in row.backends]
    assert named, f"no row relies on {layer.name}"
    results = _run(layer, graders, named[:MAX_ROWS])
    runtime = record.sabotage.setdefault(layer.backend, {})
    runtime[layer.name] = results
    if all(_does_not_start(problems) for problems in results.values()):
        runtime[layer.name] = {"no sandbox starts": ["fails closed"]}
        return
    assert any(results.values()), f"nobody notices that there is no {layer.name}"


def _does_not_start(problems: list[str]) -> bool:
    """Whether a layer can't be lost unnoticed, because nothing runs without it."""
    return any("fault of ours: SandboxUnavailable" in problem for problem in problems)


def _run(layer: Layer, graders: Zygote, rows: list[Row]) -> dict[str, list[str]]:
    with layer.off() as patch:
        if layer.side != "grader":
            patch.setattr(setup, "make_zygote", lambda: _Shared(graders))
        with harness(layer.backend, patch, size=2) as made:
            return {row.id: oracle.judge(made, row, alone=True) for row in rows}


def test_every_layer_that_a_row_names_is_switched_off_somewhere() -> None:
    known = {layer.name for layer in LAYERS}
    assert {name for row in ROWS for name in row.layers} <= known
