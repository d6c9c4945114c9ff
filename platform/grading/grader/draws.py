"""What a test draws at random, so that nothing a submission has seen tells what comes next.

Generators can be reconstructed: ``torch.manual_seed`` keeps 32 bits, which one drawn tensor tells
within a second, and 624 words tell all of a Mersenne twister. So each generator is keyed anew, all
of its state, whenever a sandbox has been told something: by HMAC-SHA256 of the run's secret, the
test, and the numbers of its call and of the callback in that. A test that runs once more, on
another solution, draws the same again.
"""

from __future__ import annotations

import hashlib
import hmac
import random

import numpy as np
import torch

_STATE = torch.Generator().manual_seed(0).get_state()
"""Of torch's generator (ATen/CPUGeneratorImpl.cpp): a seed, how many words are left, which is next,
and then the words of the Mersenne twister, 32 bits each in 64."""
_WORDS, _FIRST = 624, 24


class Draws:
    """The generators of a test: ``rng``, ``torch_rng``, and those of whole modules."""

    def __init__(self, secret: int) -> None:
        self._secret = secret.to_bytes(8, "big")
        self.begin("")

    def begin(self, test: str) -> None:
        """Begin anew, for ``test``."""
        self._test, self._call, self._callback = test, 0, 0
        seed = np.random.SeedSequence(int.from_bytes(self._key("rng"), "big"))
        self.rng = np.random.Generator(np.random.Philox(seed))
        self.torch_rng = torch.Generator()
        self._renew()

    def answered(self) -> None:
        """Key all generators anew: the submission has answered a call."""
        self._call, self._callback = self._call + 1, 0
        self._renew()

    def called_back(self) -> None:
        """Key all generators anew: the submission calls back, in the middle of a call."""
        self._callback += 1
        self._renew()

    def _renew(self) -> None:
        key = np.frombuffer(self._key("numpy"), np.uint64)[:2]
        self.rng.bit_generator.state = {
            **self.rng.bit_generator.state,
            "state": {"counter": np.zeros(4, np.uint64), "key": key},
            "buffer_pos": 4,
            "has_uint32": 0,
        }
        self.torch_rng.set_state(self._torch_state("torch"))
        torch.default_generator.set_state(self._torch_state("torch, global"))
        random.seed(self._key("random"))
        np.random.seed(np.frombuffer(self._key("numpy, global"), np.uint32))

    def _torch_state(self, which: str) -> torch.Tensor:
        words = hashlib.shake_128(self._key(which)).digest(4 * _WORDS)
        state = _STATE.clone()
        state[_FIRST : _FIRST + 8 * _WORDS].view(torch.int64).copy_(
            torch.from_numpy(np.frombuffer(words, np.uint32).astype(np.int64))
        )
        return state

    def _key(self, which: str) -> bytes:
        text = f"{which}:{self._call}:{self._callback}:{self._test}"
        return hmac.digest(self._secret, text.encode(), "sha256")
