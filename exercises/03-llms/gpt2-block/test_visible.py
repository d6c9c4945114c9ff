"""Examples for the GPT-2 block."""

import pytest
import torch

from grading.checks import assert_close, assert_equal


def _zeros(d: int) -> dict[str, torch.Tensor]:
    """A checkpoint whose attention and MLP both output zero."""
    shapes = {
        "ln_1.weight": (d,),
        "ln_1.bias": (d,),
        "attn.c_attn.weight": (d, 3 * d),
        "attn.c_attn.bias": (3 * d,),
        "attn.c_proj.weight": (d, d),
        "attn.c_proj.bias": (d,),
        "ln_2.weight": (d,),
        "ln_2.bias": (d,),
        "mlp.c_fc.weight": (d, 4 * d),
        "mlp.c_fc.bias": (4 * d,),
        "mlp.c_proj.weight": (4 * d, d),
        "mlp.c_proj.bias": (d,),
    }
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


@pytest.mark.title(en="Holds the twelve tensors of a GPT-2 block", zh="包含 GPT-2 模块的十二个张量")
@pytest.mark.hint(
    en="Compare your state_dict() with the table, name by name.",
    zh="把你的 state_dict() 与题面表格逐项对照。",
)
def test_state_dict(submission):
    state = submission.Block(4, 2).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert_equal(shapes, {name: tuple(tensor.shape) for name, tensor in _zeros(4).items()})


@pytest.mark.title(
    en="Keeps x when both sublayers output zero", zh="两个子层都输出零时，x 原样通过"
)
@pytest.mark.hint(
    en="The residual connection adds the sublayer's output to its un-normalised input.",
    zh="残差连接把子层的输出加到未经归一化的输入上。",
)
def test_residual_stream(submission):
    block = submission.Block(4, 2)
    block.load_state_dict(_zeros(4))
    x = torch.tensor([[[1.0, -2.0, 3.0, 0.5], [0.0, 4.0, -1.0, 2.0]]])
    assert_close(block(x), x)


@pytest.mark.title(
    en="attn.c_proj computes x @ weight + bias", zh="attn.c_proj 计算 x @ weight + bias"
)
@pytest.mark.hint(
    en="One token attends only to itself, so its value vector goes straight into attn.c_proj.",
    zh="只有一个 token 时它只关注自己，值向量直接进入 attn.c_proj。",
)
def test_projection(submission):
    weights = _zeros(2)
    weights["attn.c_attn.bias"] = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 2.0])  # v = (1, 2)
    weights["attn.c_proj.weight"] = torch.tensor([[0.0, 10.0], [100.0, 0.0]])
    block = submission.Block(2, 1)
    block.load_state_dict(weights)
    # (1, 2) @ [[0, 10], [100, 0]] = (200, 10), added to x = (5, 7)
    assert_close(block(torch.tensor([[[5.0, 7.0]]])), torch.tensor([[[205.0, 17.0]]]))
