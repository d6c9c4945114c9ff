"""What stands for a learner's object in a test: functions, classes, instances, generators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.wire import Handle

if TYPE_CHECKING:
    from grading.remote.peer import GraderPeer

_OWN = frozenset({"_peer", "_number", "_kind", "_type_name"})


class Proxy:
    """An object in the sandbox. Attributes, indexing, ``len``, ``in`` and ``with`` go there."""

    _peer: GraderPeer
    _number: int
    _kind: str
    _type_name: str

    def __init__(self, peer: GraderPeer, handle: Handle) -> None:
        fields = (peer, handle.id, handle.kind, handle.type_name)
        for name, value in zip(("_peer", "_number", "_kind", "_type_name"), fields, strict=True):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._peer.request("attribute", self._number, "", name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            raise AttributeError(f"{name} belongs to the proxy")
        self._peer.request("set", self._number, "", name, value)

    def __repr__(self) -> str:
        return f"<{self._type_name} of the submission>"

    def _special(self, name: str, *args: Any) -> Any:
        return self._peer.request("special", self._number, name, *args)

    def __len__(self) -> int:
        return int(self._special("len"))

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self._special("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._special("setitem", key, value)

    def __contains__(self, item: Any) -> bool:
        return bool(self._special("contains", item))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._special("iter"))

    def __enter__(self) -> Any:
        return self._special("enter")

    def __exit__(self, *exception: object) -> bool:
        return bool(self._special("exit"))


class CallableProxy(Proxy):
    """A function, method, class, or an instance that can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._peer.request("call", self._number, args, kwargs)


class IteratorProxy(Proxy):
    """A generator or iterator: each item is made when it is asked for."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        found = self._peer.request("next", self._number)
        if not found:
            raise StopIteration
        return found[0]


_KINDS: dict[str, type[Proxy]] = {
    "function": CallableProxy,
    "class": CallableProxy,
    "iterator": IteratorProxy,
}


def make_proxy(peer: GraderPeer, handle: Handle) -> Proxy:
    """Return the proxy for ``handle``; an unknown kind is a plain object."""
    return _KINDS.get(handle.kind, Proxy)(peer, handle)
