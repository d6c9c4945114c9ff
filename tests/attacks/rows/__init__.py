"""The attack corpus as data: one module for each letter, all rows together in ``ROWS``."""

from __future__ import annotations

from tests.attacks.rows import (
    escape,
    forging,
    intake,
    persistence,
    protocol,
    reading,
    resources,
    speed,
    survival,
    tampering,
)
from tests.attacks.rows.base import Row

ROWS: list[Row] = [
    *reading.ROWS,
    *forging.ROWS,
    *tampering.ROWS,
    *speed.ROWS,
    *resources.ROWS,
    *survival.ROWS,
    *escape.ROWS,
    *persistence.ROWS,
    *protocol.ROWS,
    *intake.ROWS,
]
