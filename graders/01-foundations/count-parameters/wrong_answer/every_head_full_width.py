"""en: Your count is what one gets when every head has query, key and value matrices of the model's full width.
zh: 你的结果相当于每个头都有一套完整宽度的查询、键、值矩阵。
"""

from typing import Any


def count_parameters(config: dict[str, Any]) -> int:
    d, f, vocab = config["d_model"], config["d_ff"], config["vocab_size"]
    if d % config["n_head"]:
        raise ValueError(f"d_model {d} is not a multiple of n_head {config['n_head']}")
    bias = int(config["bias"])

    attention = (3 * config["n_head"] + 1) * (d * d + bias * d)
    feed_forward = (d * f + bias * f) + (f * d + bias * d)
    norm = d + (bias * d if config["norm"] == "layer" else 0)

    positions = config["max_position"] * d if config["pos"] == "learned" else 0
    head = 0 if config["tied"] else vocab * d
    layers = config["n_layer"] * (attention + feed_forward + 2 * norm)
    return vocab * d + positions + layers + norm + head
