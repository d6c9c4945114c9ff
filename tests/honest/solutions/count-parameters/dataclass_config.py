"""A dataclass with properties, and real annotations."""

from dataclasses import dataclass, fields


@dataclass
class Config:
    vocab_size: int
    d_model: int
    n_layer: int
    n_head: int
    d_ff: int
    max_position: int
    pos: str
    norm: str
    bias: bool
    tied: bool

    def __post_init__(self):
        assert all(isinstance(field.type, type) for field in fields(self)), "annotations are real"
        if self.d_model % self.n_head:
            raise ValueError("n_head must divide d_model")

    def linear(self, n_in, n_out):
        return n_in * n_out + (n_out if self.bias else 0)

    @property
    def norm_size(self):
        return self.d_model * (2 if self.norm == "layer" and self.bias else 1)


def count_parameters(config):
    names = {field.name for field in fields(Config)}
    c = Config(**{name: config.get(name) for name in names})
    layer = 4 * c.linear(c.d_model, c.d_model)
    layer += c.linear(c.d_model, c.d_ff) + c.linear(c.d_ff, c.d_model) + 2 * c.norm_size
    total = c.vocab_size * c.d_model + c.n_layer * layer + c.norm_size
    if c.pos == "learned":
        total += c.max_position * c.d_model
    if not c.tied:
        total += c.vocab_size * c.d_model
    return total
