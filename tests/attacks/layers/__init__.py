"""The layers of isolation as data: one module for each place, all together in ``LAYERS``."""

from __future__ import annotations

from tests.attacks.layers import bubblewrap, docker, grader
from tests.attacks.layers.base import Layer

LAYERS: list[Layer] = [*bubblewrap.LAYERS, *grader.LAYERS, *docker.LAYERS]
