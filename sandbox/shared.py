"""What both sides know of one module, and how either hears what the other changed.

The owner says what the module is made of, its *structure*, whenever that changes::

    [places, layers]
    places    [path, number of its layer], as ``named_modules`` has them, the module itself first;
              a layer that is reached in several ways has several places
    layer     [class of torch.nn or "", name, constants, saves, loads, leaves]
              ``saves`` and ``loads``: it has a state_dict of its own, and a load_state_dict
    leaf      [name, role, number of its tensor or None]; tied tensors have one number

Either side sends, with every frame, what changed since both last agreed::

    [structure or None, tensors, training of each layer]
    tensor    [number, value or None when it is the same, requires_grad, gradient]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from sandbox.autograd import dense
from sandbox.checks import check_name, check_path, check_tensors, checked_constants, index
from sandbox.layout import (
    BUFFER,
    MAX_LAYERS,
    MAX_NAME,
    MAX_TENSORS,
    PARAMETER,
    TRANSIENT,
    Layout,
    described,
    lay_out,
    saving,
)
from sandbox.mirror import FIXED, RETYPED, STANDARD, Line, Mirror, mirror_class
from sandbox.wire import ProtocolError, Unsendable

_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, IndexError)


class Seen(NamedTuple):
    """What the other side knows of one tensor."""

    value: torch.Tensor
    requires_grad: bool
    gradient: torch.Tensor | None


class Shared:
    """One module that both sides know, and what the other side knows of its tensors."""

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self._layout: Layout | None = None
        self._seen: list[Seen | None] = []
        self._training: list[bool] = []

    def parameters(self) -> list[int]:
        """Return the numbers of the tensors that can get gradients."""
        return [
            number
            for number, tensor in enumerate(self.tensors)
            if isinstance(tensor, nn.Parameter) and tensor.requires_grad
        ]

    def forget_sent(self) -> None:
        """What ``changes`` returned didn't arrive: return all of it the next time."""
        self._seen, self._training = [None] * len(self._seen), []

    def _changed(self, layout: Layout) -> tuple[list[Any], bool]:
        """Return the entries of changed tensors, and whether any flag changed."""
        self.tensors = layout.tensors
        entries = []
        for number, tensor in enumerate(layout.tensors):
            now, seen = _state(tensor), self._seen[number]
            fresh = seen is None or not _same(seen.value, now.value)
            if (
                fresh
                or seen is None
                or seen.requires_grad != now.requires_grad
                or not _same(seen.gradient, now.gradient)
            ):
                value = now.value if fresh else None
                entries.append([number, value, now.requires_grad, now.gradient])
                self._agree(number, seen if seen and not fresh else None)
        flags = [layer.training for layer in layout.layers]
        switched, self._training = flags != self._training, flags
        return entries, switched

    def _agree(self, number: int, known: Seen | None = None) -> None:
        """Note what both sides now know of a tensor; its value is copied unless ``known``."""
        value, requires_grad, gradient = _state(self.tensors[number])
        value = known.value if known else value.clone()
        gradient = None if gradient is None else gradient.clone()
        self._seen[number] = Seen(value, requires_grad, gradient)

    def _take_flags(self, layers: list[Any], training: Any) -> None:
        if len(training) != len(layers) or not all(type(flag) is bool for flag in training):
            raise ProtocolError("malformed flags of a module")
        for layer, flag in zip(layers, training, strict=True):
            if layer.training is not flag:
                layer.training = flag
        self._training = list(training)


class Owned(Shared):
    """A module of ours. With ``whole``, the other side has it saved and loaded by us."""

    def __init__(self, module: nn.Module, *, whole: bool) -> None:
        super().__init__()
        self.module = module
        self._whole = whole
        self._structure: list[Any] | None = None

    def forget_sent(self) -> None:
        super().forget_sent()
        self._structure = None

    def changes(self) -> list[Any] | None:
        """Return what changed since both sides last agreed, or None; assume that it is sent.

        Raises:
            Unsendable: the module can't cross.
        """
        layout = lay_out(self.module, self._layout)
        structure = None
        if layout is not self._layout or self._structure is None:
            self._layout, structure = layout, self._structure_of(layout)
            if structure == self._structure:
                structure = None
            else:
                self._structure, self._seen = structure, [None] * len(layout.tensors)
        entries, switched = self._changed(layout)
        if structure is None and not entries and not switched:
            return None
        return [structure, entries, self._training]

    def _structure_of(self, layout: Layout) -> list[Any]:
        saves = saving(layout) if self._whole else set()
        layers = [
            [*described(layer), number in saves, self._whole, layout.leaves[number]]
            for number, layer in enumerate(layout.layers)
        ]
        return [layout.places, layers]

    def apply(self, changes: Any) -> None:
        """Take over what the mirror's side changed: values, gradients and flags, no structure.

        Raises:
            ProtocolError: the changes are malformed or don't fit.
        """
        try:
            structure, entries, training = changes
            if structure is not None or self._layout is None or len(entries) > MAX_TENSORS:
                raise ProtocolError("only its owner says what a module is made of")
            for number, value, requires_grad, gradient in entries:
                check_tensors(value, gradient)
                tensor = self.tensors[index(number, len(self.tensors))]
                if value is not None:
                    _write(tensor, value)
                _grade(tensor, requires_grad is True, gradient)
                self._agree(number, self._seen[number] if value is None else None)
            self._take_flags(self._layout.layers, training)
        except _MALFORMED as error:
            raise ProtocolError(f"changes that don't fit the module: {error}") from error


class Mirrored(Shared):
    """A module of the other side: builds its mirror, and follows what the owner says."""

    def __init__(self, line: Line, number: int) -> None:
        super().__init__()
        self._line, self._id = line, number
        self._by_path: dict[str, Mirror] = {}
        self._mirrors: list[Mirror] = []
        self._skeleton: list[Any] = []

    @property
    def root(self) -> Mirror:
        """The mirror of the module itself, once ``apply`` was told what it is made of."""
        return self._by_path[""]

    def changes(self) -> list[Any] | None:
        """Return what changed since both sides last agreed, or None; assume that it is sent.

        Raises:
            Unsendable: the mirror was changed in a way that its owner can't follow.
        """
        layout = lay_out(self.root, self._layout)
        if layout is not self._layout and layout.skeleton != self._skeleton:
            self._restore()
            raise Unsendable(FIXED, self.root._remote_name)
        self._layout = layout
        for seen, tensor in zip(self._seen, layout.tensors, strict=True):
            if seen is not None and not _fits(seen.value, tensor):
                self._restore()
                raise Unsendable(RETYPED, self.root._remote_name)
        entries, switched = self._changed(layout)
        return [None, entries, self._training] if entries or switched else None

    def apply(self, changes: Any) -> None:
        """Take over what the owner changed.

        Raises:
            ProtocolError: the changes are malformed or don't fit.
        """
        try:
            structure, entries, training = changes
            if len(entries) > MAX_TENSORS:
                raise ProtocolError("too many tensors of a module")
            table = list[Any](self.tensors)
            if structure is not None:
                table = self._build(*structure)
            parameters = {number for _, _, role, number in self._leaves() if role == PARAMETER}
            for number, value, requires_grad, gradient in entries:
                check_tensors(value, gradient)
                known = table[index(number, len(table))]
                table[number] = _renewed(known, value, number in parameters)
                _grade(table[number], requires_grad is True, gradient)
            self._install(table)
            self._layout = lay_out(self.root, self._layout)
            if self._layout.skeleton != self._skeleton:
                raise ProtocolError("parts of a module that contradict each other")
            for number, value, _, _ in entries:
                self._agree(number, self._seen[number] if value is None else None)
            self._take_flags(self._mirrors, training)
        except _MALFORMED as error:
            raise ProtocolError(f"a malformed module: {error}") from error

    def _build(self, places: Any, layers: Any) -> list[torch.Tensor | None]:
        """Make the mirrors that the owner's structure asks for, of those that are there; return
        what is known already of its tensors."""
        if not 0 < len(layers) <= len(places) <= MAX_LAYERS or places[0] != ["", 0]:
            raise ProtocolError("malformed places of a module")
        known, mirrors = self._known(), {mirror._remote_path: mirror for mirror in self._mirrors}
        first: dict[int, str] = {}
        for path, number in places:
            check_path(path)
            first.setdefault(index(number, len(layers)), path)
        self._mirrors = [
            self._mirror(first[number], mirrors.get(first[number]), *layer[:5])
            for number, layer in enumerate(layers)
        ]
        self._place(places)
        self._skeleton = [places, [layer[5] for layer in layers]]
        numbers = {number for _, _, _, number in self._leaves() if number is not None}
        if len(numbers) > MAX_TENSORS or numbers != set(range(len(numbers))):
            raise ProtocolError("malformed tensors of a module")
        table: list[torch.Tensor | None] = [None] * len(numbers)
        for mirror, name, role, number in self._leaves():
            check_name(mirror, name)
            if role not in (PARAMETER, BUFFER, TRANSIENT):
                raise ProtocolError("an unknown part of a module")
            if number is not None and table[number] is None:
                table[number] = known.get((mirror._remote_path, name))
        self._seen = [None] * len(table)
        return table

    def _place(self, places: list[Any]) -> None:
        for mirror in self._mirrors:
            mirror._modules.clear()
        self._by_path = {"": self._mirrors[0]}
        for path, number in places[1:]:
            parent, _, name = path.rpartition(".")
            holder = self._by_path[parent]
            check_name(holder, name)
            holder._modules[name] = self._by_path[path] = self._mirrors[number]

    def _restore(self) -> None:
        """Undo what the owner can't follow: whoever did it is told, and may go on."""
        self._place(self._skeleton[0])
        self._install(self.tensors)
        for tensor, seen in zip(self.tensors, self._seen, strict=True):
            if seen is not None and not _fits(seen.value, tensor):
                tensor.data = seen.value.clone()

    def _known(self) -> dict[tuple[str, str], torch.Tensor]:
        """Return each tensor by the first of its names."""
        last_to_first = reversed(list(self._leaves()))
        places = {number: (mirror._remote_path, name) for mirror, name, _, number in last_to_first}
        return {
            place: self.tensors[number] for number, place in places.items() if number is not None
        }

    def _leaves(self) -> Iterator[tuple[Mirror, Any, Any, Any]]:
        """Yield mirror, name, role and number of all that the owner says is a tensor."""
        for mirror, leaves in zip(
            self._mirrors, self._skeleton[1] if self._skeleton else (), strict=True
        ):
            for name, role, number in leaves:
                yield mirror, name, role, number

    def _mirror(
        self,
        path: str,
        known: Mirror | None,
        standard: Any,
        name: Any,
        constants: Any,
        saves: Any,
        loads: Any,
    ) -> Mirror:
        if type(standard) is not str or type(name) is not str or len(name) > MAX_NAME:
            raise ProtocolError("a class without a name")
        cls = STANDARD.get(standard)
        kind = mirror_class(cls)
        mirror = kind(self._line, self._id, path)
        if known is not None and (type(known) is kind or not path):
            mirror = known
        mirror._remote_shared = self
        for constant in mirror._remote_constants:
            mirror.__dict__.pop(constant, None)
        mirror._remote_path, mirror._remote_name, mirror._remote_class = path, name, cls
        mirror._remote_saves, mirror._remote_loads = saves is True, loads is True
        mirror._remote_constants = checked_constants(mirror, constants)
        mirror.__dict__.update(mirror._remote_constants)
        return mirror

    def _install(self, table: list[torch.Tensor]) -> None:
        if any(tensor is None for tensor in table):
            raise ProtocolError("a tensor of a module without a value")
        self.tensors = table
        for mirror in self._mirrors:
            mirror._parameters.clear()
            mirror._buffers.clear()
            mirror._non_persistent_buffers_set.clear()
        for mirror, name, role, number in self._leaves():
            held: dict[str, Any] = mirror._parameters if role == PARAMETER else mirror._buffers
            held[name] = None if number is None else table[number]
            if role == TRANSIENT:
                mirror._non_persistent_buffers_set.add(name)


def _state(tensor: torch.Tensor) -> Seen:
    gradient = tensor.grad.detach() if tensor.is_leaf and tensor.grad is not None else None
    return Seen(tensor.detach(), tensor.requires_grad, dense(gradient))


def _same(left: torch.Tensor | None, right: torch.Tensor | None) -> bool:
    if left is None or right is None:
        return left is right
    alike = left.dtype == right.dtype and left.device == right.device
    return alike and torch.equal(left, right)


def _fits(old: torch.Tensor, new: torch.Tensor) -> bool:
    floating = old.is_floating_point() and new.is_floating_point()
    return old.shape == new.shape and (floating or old.dtype == new.dtype)


def _write(tensor: torch.Tensor, value: torch.Tensor) -> None:
    if not _fits(tensor, value):
        raise ProtocolError("a tensor of another shape, or a dtype that doesn't fit")
    if tensor.dtype == value.dtype:
        with torch.no_grad():
            tensor.copy_(value)
    else:
        tensor.data = value.to(tensor.device)


def _renewed(known: torch.Tensor | None, value: Any, parameter: bool) -> torch.Tensor:
    """Return the tensor with the new value: the same one, where an optimizer may hold it."""
    if value is None or (
        known is not None and isinstance(known, nn.Parameter) is parameter and _fits(known, value)
    ):
        if known is None:
            raise ProtocolError("a tensor of a module without a value")
        if value is not None:
            _write(known, value)
        return known
    return nn.Parameter(value, requires_grad=False) if parameter else value


def _grade(tensor: torch.Tensor, requires_grad: bool, gradient: Any) -> None:
    if isinstance(tensor, nn.Parameter):
        tensor.requires_grad_(requires_grad)
        tensor.grad = None if gradient is None else gradient.to(tensor.device)
