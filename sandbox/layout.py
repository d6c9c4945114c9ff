"""A module taken apart: its layers, their tensors, and what is said of them to the other side."""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sandbox.errors import class_name
from sandbox.mirror import STANDARD
from sandbox.wire import Unsendable

MAX_LAYERS = 4096
MAX_TENSORS = 4096
MAX_NAME = 100
PARAMETER, BUFFER, TRANSIENT = "parameter", "buffer", "transient buffer"


class Layout(NamedTuple):
    """Places, layers, each layer's leaves, tensors: as ``sandbox.shared`` explains them.

    ``marks`` are of what would change if the module did.
    """

    places: list[list[Any]]
    layers: list[nn.Module]
    leaves: list[list[list[Any]]]
    tensors: list[torch.Tensor]
    marks: list[Any]

    @property
    def skeleton(self) -> list[Any]:
        """What both sides have alike."""
        return [self.places, self.leaves]


def lay_out(module: nn.Module, before: Layout | None = None) -> Layout:
    """Take ``module`` apart; return ``before``, the same object, where nothing changed.

    Raises:
        Unsendable: it has more layers or tensors than can be sent, or such names.
    """
    if before is not None and before.marks == [_mark(layer) for layer in before.layers]:
        return before
    layout = Layout([], [], [], [], [])
    layers: dict[int, int] = {}
    tensors: dict[int, int] = {}
    found = nn.Module.named_modules(module, remove_duplicate=False)
    for path, layer in itertools.islice(found, MAX_LAYERS + 1):
        if id(layer) not in layers:
            layers[id(layer)] = len(layers)
            layout.layers.append(layer)
            layout.leaves.append(_leaves(layer, tensors, layout.tensors))
        layout.places.append([path, layers[id(layer)]])
    if len(layout.places) > MAX_LAYERS or len(tensors) > MAX_TENSORS:
        raise Unsendable("too large a module", f"{MAX_TENSORS:,}")
    names = {part for path, _ in layout.places[1:] for part in path.split(".")}
    names.update(name for leaves in layout.leaves for name, _, _ in leaves)
    for name in names:
        if not is_name(name):
            raise Unsendable("name in a module", f"{name!r:.{MAX_NAME}}")
    layout.marks.extend(_mark(layer) for layer in layout.layers)
    return layout


def _mark(layer: nn.Module) -> tuple[Any, ...]:
    """Return what differs when ``layer`` got other children, tensors, names or constants. The
    layout holds what the ids are of."""
    parts = (layer._modules, layer._parameters, layer._buffers)
    tensors = (*layer._parameters.values(), *layer._buffers.values())
    own = layer.__dict__
    constants = [own.get(name) for name in _constant_names(type(layer))]
    return (
        *(tuple(part) for part in parts),
        *(tuple(map(id, part.values())) for part in parts),
        tuple(map(type, tensors)),  # a lazy one becomes a parameter where it is
        tuple(layer._non_persistent_buffers_set),
        tuple(value if is_constant(value) else type(value) for value in constants),
        tuple(layer.keys()) if isinstance(layer, nn.ParameterDict) else (),
        bool(layer._state_dict_hooks or layer._state_dict_pre_hooks),
        type(layer),
    )


def _leaves(
    layer: nn.Module, numbers: dict[int, int], tensors: list[torch.Tensor]
) -> list[list[Any]]:
    transient = layer._non_persistent_buffers_set
    named: list[tuple[str, str, torch.Tensor | None]] = [
        *((name, PARAMETER, value) for name, value in layer._parameters.items()),
        *(
            (name, TRANSIENT if name in transient else BUFFER, value)
            for name, value in layer._buffers.items()
        ),
    ]
    leaves: list[list[Any]] = []
    for name, role, tensor in named:
        number = None
        if tensor is not None and not is_lazy(tensor):
            number = numbers.setdefault(id(tensor), len(numbers))
            if number == len(tensors):
                tensors.append(tensor)
        leaves.append([name, role, number])
    return leaves


def is_name(name: Any) -> bool:
    return (
        type(name) is str
        and 0 < len(name) <= MAX_NAME
        and name.isprintable()
        and "." not in name
        and not name.startswith(("__", "_remote"))
        and not hasattr(nn.Module, name)
    )


def described(layer: nn.Module) -> list[Any]:
    """Return the class of torch.nn, the name, and what torch lists as constants of that class
    (``in_features``, ``p``, ``eps``): other attributes are not for everybody."""
    cls: Any = type(layer)
    standard, own = _standard(cls), layer.__dict__
    names = [name for name in _constant_names(cls) if name in own]
    constants = {name: own[name] for name in names if is_constant(own[name])}
    if isinstance(layer, nn.ParameterList):
        constants["_size"] = len(layer)
    elif isinstance(layer, nn.ParameterDict):
        constants["_keys"] = tuple(layer.keys())
    return [standard.__name__ if standard else "", class_name(cls)[:MAX_NAME], constants]


@functools.lru_cache(maxsize=1024)
def _standard(cls: Any) -> type[nn.Module] | None:
    return next((base for base in cls.__mro__ if STANDARD.get(base.__name__) is base), None)


def _constant_names(cls: Any) -> tuple[str, ...]:
    return tuple(getattr(_standard(cls), "__constants__", ()))


_OWN_SAVING = ("state_dict", "_save_to_state_dict", "get_extra_state")


def _saves_itself(layer: nn.Module) -> bool:
    """Whether ``state_dict`` gives something else than parameters and persistent buffers."""
    own = any(getattr(type(layer), n) is not getattr(nn.Module, n) for n in _OWN_SAVING)
    return own or bool(layer._state_dict_hooks or layer._state_dict_pre_hooks)


def saving(layout: Layout) -> set[int]:
    """Return the layers in whose state something below saves itself."""
    numbers = dict(layout.places)
    saves = {number for number, layer in enumerate(layout.layers) if _saves_itself(layer)}
    for path, number in reversed(layout.places):
        if path and number in saves:
            saves.add(numbers[path.rpartition(".")[0]])
    return saves


def is_constant(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) <= 16 and all(type(item) in (int, float, bool, str) for item in value)
    return value is None or type(value) in (int, float, bool, str)
