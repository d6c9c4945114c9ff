"""The exact parameter count of a decoder-only Transformer."""

from typing import Any


def count_parameters(config: dict[str, Any]) -> int:
    """Count every learnable number: embeddings, layers, final norm and output head.

    Raises:
        ValueError: if ``d_model`` is not a multiple of ``n_head``.

    Source: Kaplan et al. 2020, section 2.1, table 1, with embeddings, biases and norms added.
    """
    d, f, vocab = config["d_model"], config["d_ff"], config["vocab_size"]
    if d % config["n_head"]:
        raise ValueError(f"d_model {d} is not a multiple of n_head {config['n_head']}")
    bias = int(config["bias"])

    attention = 4 * (d * d + bias * d)
    feed_forward = (d * f + bias * f) + (f * d + bias * d)
    norm = d + (bias * d if config["norm"] == "layer" else 0)

    positions = config["max_position"] * d if config["pos"] == "learned" else 0
    head = 0 if config["tied"] else vocab * d
    layers = config["n_layer"] * (attention + feed_forward + 2 * norm)
    return vocab * d + positions + layers + norm + head
