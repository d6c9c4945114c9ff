"""The grader's side of the conversation: what the learner's code may reach is listed here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from torch import nn

from grading.remote.exposure import Exposed
from grading.remote.proxies import Proxy, make_proxy
from grading.remote.trace import Call, Trace
from sandbox.errors import RemoteError
from sandbox.layers import LAYERS
from sandbox.peer import RESTARTED, Peer
from sandbox.stream import Stream
from sandbox.wire import LIST, Handle, ProtocolError, Unsendable

MAX_OUTPUT_CHARS = 65_536
MAX_COPIES = 256
MAX_COPIED_BYTES = 256 << 20
MAX_PASSED_BYTES = 256 << 20
"""Of one test: what a submission may pass to callbacks, all of which a test may keep."""
_TIMING = frozenset({"prepare", "timed", "echo", "reveal"})
"""Of these no trace is kept: wrong solutions aren't timed."""


class PassedTooMuch(ProtocolError):
    """A submission passed more to a test's callbacks than it may."""


class GraderPeer(Peer):
    """Calls the learner's functions, and serves the callbacks that a test passed as arguments.

    Nothing else of this process can be reached: no attribute, no global, no object that a test
    did not pass.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.output = ""
        self.overflowed = False
        self.trace = Trace()
        self.last_call: Call | None = None
        self._names: dict[int, str] = {}
        self._asking = False
        self._passed_bytes = 0
        self.outstanding: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        """Entered while something has been asked of the sandbox, and not been answered."""
        self.answered: Callable[[], None] = lambda: None
        """Called when it has been, but not where a clock runs, or just before."""
        self.called_back: Callable[[], None] = lambda: None
        """Called when the sandbox asks for something meanwhile."""
        self.operations |= {"call": self._call, "method": self._method, "next": self._next}

    def name_members(self, members: dict[str, Any]) -> None:
        """Remember what the learner calls their functions, for messages, and which of their
        modules live as long as the sandbox."""
        named = {name: self.number_of(member) for name, member in members.items()}
        self._names = {number: name for name, number in named.items() if number is not None}

    def end_test(self) -> None:
        """Drop the modules that the test made or passed."""
        self.forget_modules(lasting=self._names)

    def begin_trace(self) -> None:
        """Forget what earlier tests asked and got."""
        self.trace, self.last_call = Trace(), None
        self._passed_bytes = 0

    def _serve(self, tree: list[Any], blobs: Any) -> None:
        self._passed_bytes += self.stream.frame_bytes
        if self._passed_bytes > MAX_PASSED_BYTES:
            raise PassedTooMuch("the arguments of callbacks")
        self.called_back()
        super()._serve(tree, blobs)

    def request(self, operation: str, *payload: Any) -> Any:
        """Ask, and note in ``trace`` what the test got, unless this answers a callback."""
        if self._asking:
            return super().request(operation, *payload)
        self._asking = True
        try:
            with self.outstanding():
                answer = super().request(operation, *payload)
        except RemoteError as error:
            self._note(operation, payload, error)
            raise
        finally:
            self._asking = False
            if operation not in _TIMING:
                self.answered()
        self._note(operation, payload, answer)
        return answer

    def _note(self, operation: str, payload: tuple[Any, ...], answer: Any) -> None:
        if operation in _TIMING:
            return
        self.trace.note(operation, answer)
        for number in sorted(self.modules.changed & self.modules.owned.keys()):
            self.trace.note("left behind", _state(self.modules.owned[number].module))
        self.modules.changed.clear()
        if operation in ("call", "forward") and payload[0] in self._names:
            number, *_, args, kwargs = payload
            self.last_call = Call(self._names[number], args, kwargs, answer)

    def restart(self) -> GraderPeer:
        """Have the process of the other side replaced by a fresh one; return the peer of that.

        Raises:
            ProtocolError, Disconnected, DeadlineExceeded: it wasn't.
        """
        try:
            self.stream.send(["?", "restart", [LIST], False, [LIST], []], [])
            if self.stream.receive() != (RESTARTED, []):
                raise ProtocolError("no fresh process")
        except BaseException as error:
            self.fault = error
            raise
        fresh = GraderPeer(self.stream)
        fresh.output, fresh.overflowed = self.output, self.overflowed
        fresh.outstanding = self.outstanding
        fresh.answered, fresh.called_back = self.answered, self.called_back
        return fresh

    def take_output(self) -> str:
        """Return what the learner's code printed since the last time."""
        taken, self.output = self.output, ""
        return taken

    def take_note(self, note: Any) -> None:
        if note is None:
            return
        if type(note) is not list or len(note) != 2 or type(note[0]) is not str:
            raise ProtocolError("a malformed note")
        self.output = (self.output + note[0])[:MAX_OUTPUT_CHARS]
        self.overflowed = self.overflowed or note[1] is True

    def kind_of(self, value: Any) -> str:
        if isinstance(value, nn.Module):
            return "layer" if type(value) in LAYERS else "module"
        if isinstance(value, Exposed):
            return "object"
        if isinstance(value, FunctionType | BuiltinFunctionType | MethodType):
            return "function"
        if isinstance(value, Iterator):
            return "iterator"
        raise Unsendable(
            f"a {type(value).__name__} can't be passed to a submission: pass data, a function, "
            "an nn.Module, an iterator, or expose(object, 'method', ...)"
        )

    def state_of(self, value: Any) -> Any:
        return sorted(value.methods) if isinstance(value, Exposed) else None

    def proxy(self, handle: Handle) -> Proxy:
        return make_proxy(self, handle)

    def home_id(self, value: Any) -> int | None:
        return value._number if isinstance(value, Proxy) and value._peer is self else None

    def _call(self, number: Any, args: Any, kwargs: Any) -> Any:
        function = self.exported(number)
        if not isinstance(function, FunctionType | BuiltinFunctionType | MethodType):
            raise TypeError("this object can't be called")
        self.trace.note(f"asked {function.__name__}", [args, kwargs])
        return function(*args, **kwargs)

    def _copy(self, number: Any, path: Any) -> nn.Module:
        sizes = [tensor.nbytes for owned in self.modules.owned.values() for tensor in owned.tensors]
        own = sum(tensor.nbytes for tensor in self._module(number, path).state_dict().values())
        if len(self.modules.owned) > MAX_COPIES or sum(sizes) + own > MAX_COPIED_BYTES:
            raise MemoryError(f"more than {MAX_COPIES} copies of models at a time, or too large")
        return super()._copy(number, path)

    def _method(self, number: Any, name: Any, args: Any, kwargs: Any) -> Any:
        exposed = self.exported(number)
        if not isinstance(exposed, Exposed) or name not in exposed.methods:
            raise AttributeError("no such method")
        self.trace.note(f"asked {name}", [args, kwargs])
        return getattr(exposed.target, name)(*args, **kwargs)

    def _forward(self, number: Any, path: Any, args: Any, kwargs: Any) -> Any:
        self.trace.note("asked a module", [path, args, kwargs])
        return super()._forward(number, path, args, kwargs)

    def _next(self, number: Any) -> list[Any]:
        iterator = self.exported(number)
        if not isinstance(iterator, Iterator):
            raise TypeError("this object is no iterator")
        self.trace.note("asked for the next", True)
        for item in iterator:
            return [item]
        return []


def _state(module: nn.Module) -> dict[str, Any]:
    """Return what a test can see of a module that the learner's code changed."""
    modes = {f"{name}.training": part.training for name, part in module.named_modules()}
    return {**modes, **dict(module.named_parameters()), **dict(module.named_buffers())}
