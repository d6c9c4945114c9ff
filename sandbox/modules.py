"""The modules that both sides know: ours, and mirrors of the other side's."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from sandbox.mirror import OVER, Line, Mirror
from sandbox.shared import Mirrored, Owned
from sandbox.wire import ProtocolError, Unsendable

MAX_MIRRORS = 4096


class Modules:
    """Both kinds by number. A mirror lives as long as somebody holds it or a part of it."""

    def __init__(self, line: Line) -> None:
        self.owned: dict[int, Owned] = {}
        self.mirrors = weakref.WeakValueDictionary[int, Mirror]()
        self.changed = set[int]()
        """Those of ours that the other side changed, until whoever wants to know clears it."""
        self._line = line

    def own(self, number: int, module: nn.Module, *, whole: bool) -> list[Any] | None:
        """Share a module of ours; return all of its state: the mirror may be a new one."""
        self.owned[number] = owned = Owned(module, whole=whole)
        return owned.changes()

    def adopt(self, number: int, state: Any, gone: Callable[[int], None]) -> Mirror:
        """Return the mirror of a module of the other side; ``gone`` is called when it ends.

        Raises:
            ProtocolError: ``state`` is malformed, or there are too many.
        """
        known = self.mirrors.get(number)
        if known is not None:
            known._remote_shared.apply(state)
            return known
        if len(self.mirrors) >= MAX_MIRRORS:
            raise ProtocolError(f"more than {MAX_MIRRORS} modules at a time")
        shared = Mirrored(self._line, number)
        shared.apply(state)
        mirror = self.mirrors[number] = shared.root
        weakref.finalize(mirror, gone, number).atexit = False
        return mirror

    def require(self, mirror: Mirror) -> None:
        """Refuse what the other side doesn't know any more.

        Raises:
            Unsendable: it is a mirror of such a thing.
        """
        if mirror._remote_id not in self.mirrors:
            raise Unsendable(OVER, mirror._remote_name)

    def parameters(self) -> list[tuple[int, list[int], list[torch.Tensor]]]:
        """Return of each module of ours which tensors can get gradients: numbers and tensors."""
        named = [(number, owned, owned.parameters()) for number, owned in self.owned.items()]
        return [
            (number, which, [owned.tensors[each] for each in which])
            for number, owned, which in named
            if which
        ]

    def parameter(self, number: Any, which: Any) -> torch.Tensor | None:
        """Return a parameter of a mirror, None when nobody holds it any more."""
        mirror = self.mirrors.get(number)
        tensors = mirror._remote_shared.tensors if mirror is not None else ()
        if type(which) is not int or not 0 <= which < len(tensors):
            return None
        tensor: torch.Tensor = tensors[which]
        return tensor if tensor.requires_grad else None

    def changes(self) -> list[Any]:
        """Return what changed since the last frame, of ours and of mirrors; assume it is sent.

        Raises:
            Unsendable: something changed in a way that can't cross.
        """
        ours = [[n, c] for n, owned in list(self.owned.items()) if (c := owned.changes())]
        mirrors = list(self.mirrors.items())
        theirs = [[n, c] for n, mirror in mirrors if (c := mirror._remote_shared.changes())]
        return [ours, theirs] if ours or theirs else []

    def take(self, changes: Any) -> None:
        """Take over what ``changes`` returned on the other side.

        Raises:
            ProtocolError: it is malformed or doesn't fit.
        """
        if not changes:
            return
        try:
            theirs, ours = changes
            for number, change in theirs:
                if (mirror := self.mirrors.get(number)) is not None:
                    mirror._remote_shared.apply(change)
            for number, change in ours:
                if number in self.owned:
                    self.owned[number].apply(change)
                    self.changed.add(number)
        except (TypeError, ValueError) as error:
            raise ProtocolError("malformed changes") from error

    def forget_sent(self) -> None:
        """A frame with changes wasn't sent after all: all goes with the next one."""
        mirrored = [mirror._remote_shared for mirror in self.mirrors.values()]
        for shared in (*self.owned.values(), *mirrored):
            shared.forget_sent()

    def drop_mirrors(self, numbers: Collection[int]) -> None:
        """Give up these mirrors, whoever still holds them."""
        for number in numbers:
            self.mirrors.pop(number, None)
