"""What stands for an ``nn.Module`` of the other side: real tensors, and calls that go there.

A mirror has the children, parameters and buffers of the module that it stands for, in the same
order and shared in the same way, so optimizers, ``state_dict``, ``.grad``, ``.half()`` and
``isinstance(layer, nn.Linear)`` work on it as usual. ``sandbox.shared`` keeps it up to date.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn.modules.module import _IncompatibleKeys

from sandbox.wire import ProtocolError, Unsendable

STANDARD: dict[str, type[nn.Module]] = {
    name: cls
    for name, cls in vars(nn).items()
    if isinstance(cls, type) and issubclass(cls, nn.Module) and cls is not nn.Module
}
"""The classes of torch.nn; of which one a module is an instance, its mirror says, too."""

FIXED = "the model runs outside this process, so its parts can't be added, replaced or removed"
RETYPED = "the model runs outside this process, so shapes and kinds of its parameters can't change"
HOOKED = "the model runs outside this process, so hooks on its parts aren't called"
PICKLED = "the model runs outside this process, so it can't be pickled"
UNSET = "the model runs outside this process, so its constants can't be set"
OVER = "the model belongs to a test that is over"
"""What can't be done with a mirror; ``grading.messages`` has each at length."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Line(Protocol):
    """The way to the side that has the module; each method names the mirror it is about."""

    def ask(self, mirror: Mirror, operation: str, *payload: Any) -> Any:
        """Ask ``operation`` of the module."""

    def get_attribute(self, mirror: Mirror, name: str) -> Any:
        """Return what isn't in the mirror."""

    def set_attribute(self, mirror: Mirror, name: str, value: Any) -> None:
        """Set what is no tensor and no module."""


class Mirror(nn.Module):
    """Stands for a module (or, by ``path``, a submodule) that lives on the other side.

    What is its own begins with ``_remote``, so that no name of the module is in the way.
    """

    def __init__(self, line: Line, number: int, path: str) -> None:
        super().__init__()
        self._remote_line, self._remote_id, self._remote_path = line, number, path
        self._remote_class: type[nn.Module] | None = None
        self._remote_name = "Module"
        self._remote_saves = self._remote_loads = False
        self._remote_constants: dict[str, Any] = {}
        self._remote_shared: Any = None  # what keeps it up to date, and its root alive

    @property
    def __class__(self) -> type:
        """The class of torch.nn that the module is an instance of, for ``isinstance``."""
        return self.__dict__.get("_remote_class") or type(self)

    @__class__.setter
    def __class__(self, cls: type) -> None:  # what torch's parametrizations do
        raise Unsendable(FIXED, self._remote_name)

    def _get_name(self) -> str:
        return self._remote_name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the owner's module on ``args``."""
        for below in self.modules():
            if below is not self and any(below.__dict__[name] for name in _HOOKS):
                raise Unsendable(HOOKED, below._remote_name)
        return self._remote_line.ask(self, "forward", args, kwargs)

    def train(self, mode: bool = True) -> Mirror:
        """Have the owner switch, which may do so in its own way; the flags come back."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self._remote_line.ask(self, "train", mode)
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tensors by name; the owner's answer, where it saves in its own way."""
        if not self._remote_saves:
            return super().state_dict(*args, **kwargs)
        prefix, keep = kwargs.get("prefix", ""), kwargs.get("keep_vars", False)
        found = self._remote_line.ask(self, "state_dict", prefix, keep)
        destination = kwargs.get("destination")
        destination = OrderedDict() if destination is None else destination
        destination.update(found)
        return destination

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Have the owner load it: what it finds missing or unexpected is said in its words."""
        if not self._remote_loads:
            return super().load_state_dict(state_dict, strict, assign)
        given = dict(state_dict)
        missing, unexpected = self._remote_line.ask(self, "load_state_dict", given, strict, assign)
        return _IncompatibleKeys(missing, unexpected)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # nn.Module's own code asks for private names that may be missing (zero_grad does).
            if name.startswith("_"):
                raise
        return self._remote_line.get_attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module) or name in self.__dict__.get("_modules", ()):
            raise Unsendable(FIXED, name)
        local = name.startswith("_") or name == "training"
        if local or isinstance(value, nn.Parameter) or name in (self._parameters | self._buffers):
            super().__setattr__(name, value)
        else:
            self._remote_line.set_attribute(self, name, value)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Replace a parameter; there can't be new ones."""
        if name not in self._parameters:
            raise Unsendable(FIXED, name)
        super().register_parameter(name, param)

    def register_buffer(
        self, name: str, tensor: torch.Tensor | None, persistent: bool = True
    ) -> None:
        """Replace a buffer; there can't be new ones."""
        if name not in self._buffers:
            raise Unsendable(FIXED, name)
        super().register_buffer(name, tensor, persistent)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Refuse: what the owner runs has no such child."""
        raise Unsendable(FIXED, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Module:
        """Return what stands for a copy, which the owner makes and keeps."""
        copied = self._remote_line.ask(self, "copy")
        if not isinstance(copied, nn.Module):
            raise ProtocolError("a copy that is no module")
        pairs = zip(self.parameters(), copied.parameters(), strict=False)
        memo.update((id(old), new) for old, new in pairs)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise Unsendable(PICKLED, self._remote_name)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_MIRRORS: dict[type[nn.Module], type[Mirror]] = {
    cls: type(f"Mirror{cls.__name__}", (Mirror, cls), {}) for cls in _CONTAINERS
}
"""Mirrors that have a length, are iterated and indexed."""


def mirror_class(cls: type[nn.Module] | None) -> type[Mirror]:
    """Return the class of the mirror of an instance of ``cls``."""
    return next((_MIRRORS[base] for base in _CONTAINERS if cls and issubclass(cls, base)), Mirror)
