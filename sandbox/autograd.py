"""Gradients across the boundary: a remote call is one node of the caller's autograd graph.

The callee keeps a tape (inputs, parameters, outputs) of each call whose result requires
gradients; backward sends the outputs' gradients over and gets those of the inputs back. It works
in both directions, so a learner's loss can go through a model that the grader holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sandbox.wire import ProtocolError

Gradients = list[torch.Tensor | None]
Backward = Callable[[Gradients], Any]
"""Asks the other side for the gradients of a call's inputs, given those of its outputs."""


@dataclass(frozen=True, slots=True)
class Tape:
    """What the callee needs to run backward through one call, as often as asked."""

    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]

    def backward(self, gradients: Sequence[torch.Tensor | None]) -> Gradients:
        """Return the gradient of each input, None where it has no influence.

        Raises:
            ProtocolError: ``gradients`` don't fit the outputs.
        """
        if len(gradients) != len(self.outputs):
            raise ProtocolError("one gradient per output is needed")
        with torch.enable_grad():
            end = _Given.apply(gradients, *self.outputs)  # type: ignore[no-untyped-call]
        wanted = [tensor for tensor in self.inputs if tensor.requires_grad]  # not frozen since
        if not wanted:
            return [None] * len(self.inputs)
        found = iter(torch.autograd.grad(end, wanted, retain_graph=True, allow_unused=True))
        return [dense(next(found)) if tensor.requires_grad else None for tensor in self.inputs]


def dense(gradient: torch.Tensor | None) -> torch.Tensor | None:
    """A sparse embedding's gradient crosses as a dense one."""
    if gradient is None or gradient.layout is torch.strided:
        return gradient
    return gradient.to_dense()


class _Given(torch.autograd.Function):
    """A number whose gradients are the given ones: torch imports sympy, at a quarter of a second
    for each fresh process, where a backward pass starts from anything else than a number."""

    @staticmethod
    def forward(
        ctx: Any, gradients: Sequence[torch.Tensor | None], *outputs: torch.Tensor
    ) -> torch.Tensor:
        ctx.gradients = gradients
        return torch.zeros(())

    @staticmethod
    def backward(ctx: Any, one: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return (None, *ctx.gradients)


class RemoteCall(torch.autograd.Function):
    """The caller's node: its inputs are the tensors sent, its outputs the tensors received."""

    @staticmethod
    def forward(
        ctx: Any, backward: Backward, outputs: list[torch.Tensor], *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.remote_backward = backward
        ctx.layouts = [(tensor.shape, tensor.dtype, tensor.device) for tensor in inputs]
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():  # true exactly under create_graph=True
            raise RuntimeError(
                "double backward is not supported across the sandbox boundary: "
                "call backward() without create_graph=True"
            )
        found = ctx.remote_backward(list(gradients))
        if type(found) is not list or len(found) != len(ctx.layouts):
            raise ProtocolError("one gradient per input is needed")
        for number, (shape, dtype, device) in enumerate(ctx.layouts):
            gradient = found[number]
            if gradient is None:
                continue
            if not isinstance(gradient, torch.Tensor):
                raise ProtocolError("a gradient must be a tensor")
            if gradient.shape != shape or gradient.dtype != dtype:
                raise ProtocolError("a gradient has the wrong shape or dtype")
            found[number] = gradient.to(device)
        return (None, None, *found)
