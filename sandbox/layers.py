"""Standard torch.nn layers by value: a learner gets a real ``nn.Linear``, not a mirror of one."""

from __future__ import annotations

import torch
from torch import nn

from sandbox.wire import Layer, ProtocolError

LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.Embedding: ("num_embeddings", "embedding_dim"),
    nn.LayerNorm: ("normalized_shape", "eps"),
}
_UNUSUAL = ("padding_idx", "max_norm", "scale_grad_by_freq", "sparse")
"""What an embedding may have that isn't among these arguments."""


def as_layer(module: nn.Module) -> Layer | None:
    """Return a standard layer by value, or None when ``module`` is something else."""
    names = LAYERS.get(type(module))
    if names is None or not _usual(module):
        return None
    arguments = {name: getattr(module, name) for name in names}
    state = {
        name: [value.detach(), value.requires_grad] for name, value in module.named_parameters()
    }
    return Layer(type(module).__name__, arguments, state)


def _usual(module: nn.Module) -> bool:
    """Whether constructor arguments and parameters say all that there is to ``module``."""
    if any(getattr(module, name, None) not in (None, False) for name in _UNUSUAL):
        return False
    held = {"weight", "bias"} if module._parameters.get("bias") is not None else {"weight"}
    named = {name for name, value in module._parameters.items() if value is not None}
    plain = not (module._buffers or module._modules or module._forward_hooks)
    return plain and named == held and not module._forward_pre_hooks


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
