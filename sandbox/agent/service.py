"""What the grader may ask of the agent: load the learner's module and use what is in it."""

from __future__ import annotations

import errno
import operator
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from torch import nn

from sandbox import errors
from sandbox.agent.capture import Capture
from sandbox.agent.loader import MODULE, TRY, load, own_frames
from sandbox.agent.notebook import Notebook
from sandbox.agent.resources import limit_memory, use_gpu
from sandbox.agent.supervisor import AGAIN
from sandbox.agent.timing import Timing
from sandbox.encoding import refuse_unawaited
from sandbox.mirror import UNSET, Mirror
from sandbox.peer import Peer
from sandbox.stream import Stream
from sandbox.wire import Handle, Unsendable

_SPECIAL: dict[str, Callable[..., Any]] = {
    "len": len,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "contains": operator.contains,
    "iter": iter,
    "enter": lambda value: value.__enter__(),
    "exit": lambda value: value.__exit__(None, None, None),
}


class Agent(Peer):
    """The untrusted side of the conversation."""

    # Whatever the learner's code raises is an answer, SystemExit and KeyboardInterrupt too.
    caught = (BaseException,)
    # The grader isn't hostile: what of it can't be done is an answer, too.
    excused = (BaseException,)

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._capture = Capture()
        self._tested = set[type]()
        timing = Timing(self.exported, lambda: self.device)
        self.operations |= {
            "limit": self._limit,
            "restart": self._restart,
            "load": self._load,
            "call": self._call,
            "attribute": self._attribute,
            "set": self._set,
            "special": self._special,
            "state_dict": self._state_dict,
            "load_state_dict": self._load_state_dict,
            "next": self._next,
            "prepare": timing.prepare,
            "timed": timing.timed,
            "echo": timing.echo,
            "reveal": timing.reveal,
            "peak": timing.peak,
            "run_cell": Notebook().run_cell,
            "try_lines": self._try_lines,
        }

    def _limit(self, mebibytes: int, gpu_mebibytes: int) -> None:
        if gpu_mebibytes:
            self.device = use_gpu(gpu_mebibytes)
        else:
            limit_memory(mebibytes)

    def _restart(self) -> None:
        """End this process; the supervisor starts another one, which goes on with the stream."""
        os._exit(AGAIN)

    def _load(self, source: str) -> dict[str, Any]:
        module = load(source)
        return {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        }

    def _try_lines(self, source: str) -> str:
        return Notebook(sys.modules[MODULE]).run_cell(source, TRY)

    loads_modules = True

    def get_attribute(self, mirror: Mirror, name: str) -> Any:
        """The grader gives nothing of its modules but what a mirror holds."""
        raise AttributeError(f"this model has no attribute {name!r} that you can reach")

    def set_attribute(self, mirror: Mirror, name: str, value: Any) -> None:
        """What the learner sets is a note of theirs: the grader's module doesn't see it."""
        if name in mirror._remote_constants:
            raise Unsendable(UNSET, name)
        mirror.__dict__[name] = value

    def _state_dict(self, number: Any, path: str, prefix: str, keep_vars: bool) -> Any:
        module = self._module(number, path)
        return dict(module.state_dict(prefix=prefix, keep_vars=keep_vars))

    def _load_state_dict(
        self, number: Any, path: str, state: Any, strict: bool, assign: bool
    ) -> list[list[str]]:
        keys = self._module(number, path).load_state_dict(state, strict=strict, assign=assign)
        return [list(getattr(keys, name, ())) for name in ("missing_keys", "unexpected_keys")]

    def _call(self, number: Any, args: Any, kwargs: Any) -> Any:
        return self.exported(number)(*args, **kwargs)

    def _attribute(self, number: Any, path: str, name: str) -> Any:
        value = self.exported(number)
        return getattr(value.get_submodule(path) if path else value, name)

    def _set(self, number: Any, path: str, name: str, value: Any) -> None:
        owner = self.exported(number)
        setattr(owner.get_submodule(path) if path else owner, name, value)

    def _special(self, number: Any, name: str, *args: Any) -> Any:
        value = self.exported(number)
        try:
            return _SPECIAL[name](value, *args)
        except TypeError as error:
            if own_frames(error):
                raise
            # Not the learner's code raised: the test took their object for a list or a dict.
            raise Unsendable("no container", errors.class_name(type(value))) from error

    def _next(self, number: Any) -> list[Any]:
        for item in self.exported(number):
            return [item]
        return []

    def exported(self, number: Any) -> Any:
        value = super().exported(number)
        if isinstance(value, type) and value.__module__ == MODULE:
            self._tested.add(value)
        return value

    def is_object(self, value: Any) -> bool:
        """A class that the grader itself uses is what it tests: it wants its methods, not data."""
        return super().is_object(value) or not self._tested.isdisjoint(type(value).__mro__)

    def kind_of(self, value: Any) -> str:
        refuse_unawaited(value)
        if isinstance(value, nn.Module):
            return "module"
        if isinstance(value, type):
            return "class"
        if callable(value):
            return "function"
        if isinstance(value, Iterator):
            return "iterator"
        return "namespace" if isinstance(value, ModuleType) else "object"

    def proxy(self, handle: Handle) -> Any:
        if handle.kind == "iterator":
            return _RemoteIterator(self, handle.id)
        if handle.kind == "object":
            return _RemoteObject(self, handle)
        return _RemoteFunction(self, handle.id)

    def home_id(self, value: Any) -> int | None:
        return value._number if isinstance(value, _Remote) else None

    def frames_of(self, error: BaseException) -> list[errors.Frame]:
        return own_frames(error)

    def cause_of(self, error: BaseException) -> str:
        message = errors.message_of(error) or ""
        if isinstance(error, MemoryError) or "can't allocate memory" in message:
            return "memory"
        if (isinstance(error, OSError) and error.errno == errno.EFBIG) or self._capture.overflowed:
            return "output"
        if isinstance(error, BlockingIOError) or "can't start new thread" in message:
            return "processes"
        return ""

    def note(self) -> list[Any]:
        return [self._capture.take(), self._capture.overflowed]


class _Remote:
    """Something that the grader lends to the learner's code."""

    def __init__(self, agent: Agent, number: int) -> None:
        self._agent, self._number = agent, number


class _RemoteFunction(_Remote):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._agent.request("call", self._number, args, kwargs)


class _RemoteIterator(_Remote):
    def __iter__(self) -> _RemoteIterator:
        return self

    def __next__(self) -> Any:
        found = self._agent.request("next", self._number)
        if not found:
            raise StopIteration
        return found[0]


class _RemoteObject(_Remote):
    def __init__(self, agent: Agent, handle: Handle) -> None:
        super().__init__(agent, handle.id)
        methods = handle.state or ()
        if "__call__" in methods:
            self.__class__ = _CallableObject
        for name in methods:
            if not name.startswith("__"):
                setattr(self, name, _Method(self, name))


class _CallableObject(_RemoteObject):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._agent.request("method", self._number, "__call__", args, kwargs)


class _Method:
    def __init__(self, owner: _RemoteObject, name: str) -> None:
        self._owner, self._name = owner, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        owner = self._owner
        return owner._agent.request("method", owner._number, self._name, args, kwargs)
