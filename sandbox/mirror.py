"""An ``nn.Module`` on both sides: the owner has the real one, the other side a mirror.

The mirror has real parameters and buffers, so optimizers, ``state_dict`` and ``.grad`` work on it
as usual; calling it calls the owner. Before each frame either side sends what changed in the
modules that both know, so neither ever sees the other's stale values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sandbox.wire import Layer, ProtocolError

MAX_TENSORS = 4096
_NAME = re.compile(r"[A-Za-z_0-9]{1,100}(\.[A-Za-z_0-9]{1,100}){0,20}")
LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.Embedding: ("num_embeddings", "embedding_dim"),
    nn.LayerNorm: ("normalized_shape", "eps"),
}

Call = Callable[..., Any]


class Mirror(nn.Module):
    """Stands for a module (or, by ``path``, a submodule) that lives on the other side."""

    def __init__(self, call: Call, attribute: Call, number: int, path: str = "") -> None:
        super().__init__()
        self._remote_call, self._remote_attribute = call, attribute
        self._remote_id, self._remote_path = number, path

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the owner's module on ``args``."""
        return self._remote_call(self._remote_id, self._remote_path, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # nn.Module's own code asks for private names that may be missing (zero_grad does).
            if name.startswith("_"):
                raise
        return self._remote_attribute(self._remote_id, self._remote_path, name)

    def child(self, name: str) -> Mirror:
        """Return the submodule ``name``, made when it isn't there yet."""
        if name not in self._modules:
            path = f"{self._remote_path}.{name}" if self._remote_path else name
            # Not add_module(): it asks hasattr(), which would ask the other side.
            self._modules[name] = Mirror(
                self._remote_call, self._remote_attribute, self._remote_id, path
            )
        found = self._modules[name]
        assert isinstance(found, Mirror)
        return found


class Shared:
    """One module that both sides know, and what the other side knows of its tensors."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._seen: dict[str, tuple[torch.Tensor, bool, torch.Tensor | None]] = {}
        self._training: bool | None = None

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters that can get gradients, in an order that both sides share."""
        named = self.module.named_parameters()
        return sorted((name, value) for name, value in named if value.requires_grad)

    def changes(self) -> list[Any] | None:
        """Return what changed since both sides last agreed, or None; assume that it is sent.

        Each entry: name, whether it is a parameter, value or None, requires_grad, gradient.
        """
        tensors = _tensors(self.module)
        entries: list[Any] = []
        for name, tensor in tensors.items():
            value = tensor.detach()
            gradient = None if tensor.grad is None else tensor.grad.detach()
            seen = self._seen.get(name)
            fresh = seen is None or not _same(seen[0], value)
            if (
                fresh
                or seen is None
                or seen[1] != tensor.requires_grad
                or (not _same(seen[2], gradient))
            ):
                parameter = isinstance(tensor, nn.Parameter)
                sent = value if fresh else None
                entries.append([name, parameter, sent, tensor.requires_grad, gradient])
        gone = [name for name in self._seen if name not in tensors]
        if not entries and not gone and self._training is self.module.training:
            return None
        self._agree(tensors)
        return [entries, gone, self.module.training]

    def forget_sent(self) -> None:
        """What ``changes`` returned didn't arrive: return all of it the next time."""
        self._seen, self._training = {}, None

    def apply(self, changes: Any, *, structure: bool) -> None:
        """Take over what the other side changed; only a mirror lets it change ``structure``.

        Raises:
            ProtocolError: the changes are malformed or don't fit.
        """
        try:
            entries, gone, training = changes
            if len(entries) > MAX_TENSORS or type(training) is not bool:
                raise ProtocolError("malformed changes of a module")
            for name, parameter, value, requires_grad, gradient in entries:
                _check(name, value, gradient)
                _put(self.module, name, parameter is True, value, structure)
                _grade(self.module, name, requires_grad is True, gradient)
            for name in gone if structure else ():
                holder, leaf = _holder(self.module, name)
                delattr(holder, leaf)
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            raise ProtocolError(f"changes that don't fit the module: {error}") from error
        if self.module.training is not training:
            self.module.train(training)
        self._agree(_tensors(self.module))

    def _agree(self, tensors: dict[str, torch.Tensor]) -> None:
        self._training = self.module.training
        self._seen = {
            name: (
                tensor.detach().clone(),
                tensor.requires_grad,
                None if tensor.grad is None else tensor.grad.clone(),
            )
            for name, tensor in tensors.items()
        }


def as_layer(module: nn.Module) -> Layer | None:
    """Return a standard layer by value, or None when ``module`` is something else."""
    names = LAYERS.get(type(module))
    if names is None:
        return None
    arguments = {name: getattr(module, name) for name in names}
    state = {
        name: [value.detach(), value.requires_grad] for name, value in module.named_parameters()
    }
    return Layer(type(module).__name__, arguments, state)


def from_layer(layer: Layer) -> nn.Module:
    """Rebuild what ``as_layer`` described.

    Raises:
        ProtocolError: no such layer, or the state doesn't fit it.
    """
    classes = {cls.__name__: cls for cls in LAYERS}
    if layer.name not in classes or set(layer.arguments) != set(LAYERS[classes[layer.name]]):
        raise ProtocolError("an unknown layer")
    optional = {} if layer.name == "Embedding" else {"bias": "bias" in layer.state}
    try:
        with torch.device("meta"):  # a lying size costs no memory
            module = classes[layer.name](**layer.arguments, **optional)
        for name, (value, requires_grad) in layer.state.items():
            if getattr(module, name).shape != value.shape:
                raise ProtocolError("a layer's state has the wrong shape")
            setattr(module, name, nn.Parameter(value, requires_grad=requires_grad is True))
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ProtocolError("a malformed layer") from error
    return module


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _same(left: torch.Tensor | None, right: torch.Tensor | None) -> bool:
    if left is None or right is None:
        return left is right
    return left.dtype == right.dtype and torch.equal(left, right)


def _check(name: Any, value: Any, gradient: Any) -> None:
    if type(name) is not str or not _NAME.fullmatch(name):
        raise ProtocolError("not a parameter's name")
    if any(part.startswith("_remote") or hasattr(nn.Module, part) for part in name.split(".")):
        raise ProtocolError("a parameter named like a method of nn.Module")
    for tensor in (value, gradient):
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise ProtocolError("not a tensor")


def _holder(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    *path, leaf = name.split(".")
    for part in path:
        module = module.child(part) if isinstance(module, Mirror) else module.get_submodule(part)
    return module, leaf


def _put(module: nn.Module, name: str, parameter: bool, value: Any, structure: bool) -> None:
    if value is None:
        return
    holder, leaf = _holder(module, name)
    current = holder._parameters.get(leaf, holder._buffers.get(leaf))
    if current is not None and current.shape == value.shape and current.dtype == value.dtype:
        with torch.no_grad():
            current.copy_(value)
        return
    if not structure:
        raise ProtocolError(f"{name} has another shape or dtype, or isn't there")
    if current is not None:
        delattr(holder, leaf)
    if parameter:
        floating = value.dtype.is_floating_point
        holder._parameters[leaf] = nn.Parameter(value, requires_grad=floating)
    else:
        holder._buffers[leaf] = value


def _grade(module: nn.Module, name: str, requires_grad: bool, gradient: Any) -> None:
    holder, leaf = _holder(module, name)
    tensor = holder._parameters.get(leaf)
    if tensor is not None:
        tensor.requires_grad_(requires_grad)
        tensor.grad = gradient
