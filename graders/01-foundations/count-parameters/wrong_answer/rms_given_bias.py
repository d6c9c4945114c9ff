"""en: Your count is what one gets by giving RMSNorm a bias like LayerNorm's.
zh: 你的结果相当于让 RMSNorm 也像 LayerNorm 一样带了偏置。
"""

from typing import Any


def count_parameters(config: dict[str, Any]) -> int:
    d, f, vocab = config["d_model"], config["d_ff"], config["vocab_size"]
    if d % config["n_head"]:
        raise ValueError(f"d_model {d} is not a multiple of n_head {config['n_head']}")
    bias = int(config["bias"])

    attention = 4 * (d * d + bias * d)
    feed_forward = (d * f + bias * f) + (f * d + bias * d)
    norm = d + bias * d

    positions = config["max_position"] * d if config["pos"] == "learned" else 0
    head = 0 if config["tied"] else vocab * d
    layers = config["n_layer"] * (attention + feed_forward + 2 * norm)
    return vocab * d + positions + layers + norm + head
