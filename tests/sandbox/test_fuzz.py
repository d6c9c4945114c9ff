"""Hostile frames, a fifth of what ``make fuzz`` throws."""

from __future__ import annotations

import random

import pytest

from sandbox import decoding
from tools import fuzz_wire


@pytest.mark.slow
def test_whatever_frames_come_nothing_but_protocol_errors(monkeypatch, capsys) -> None:
    monkeypatch.setattr(fuzz_wire, "FRAMES", 200_000)
    fuzz_wire.main()
    assert "nothing but ProtocolError" in capsys.readouterr().out


def test_a_decoder_that_is_surprised_is_found(monkeypatch) -> None:
    monkeypatch.setattr(decoding.Decoder, "_bytes", lambda *_: 1 / 0)
    monkeypatch.setattr(fuzz_wire, "FRAMES", 20_000)
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        fuzz_wire.main()


def test_the_frames_to_start_from_are_sound() -> None:
    rng, frames = random.Random(1), fuzz_wire.sample_frames()
    for frame in frames:
        fuzz_wire.one_frame(frame)
    assert len({fuzz_wire.mutated(rng, frames) for _ in range(200)}) > 150
