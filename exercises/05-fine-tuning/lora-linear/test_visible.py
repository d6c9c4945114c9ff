"""Examples for the LoRA layer."""

from typing import Any

import pytest
import torch
from torch import nn

from grading.checks import assert_close, assert_equal

STATE = {
    "base.weight": torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]),
    "base.bias": torch.tensor([10.0, 20.0]),
    "lora_A": torch.tensor([[1.0, 1.0, 1.0]]),
    "lora_B": torch.tensor([[1.0], [2.0]]),
}
X = torch.tensor([[1.0, 2.0, 3.0]])


def _layer(submission: Any) -> Any:
    layer = submission.LoRALinear(nn.Linear(3, 2), 1, 0.5)
    layer.load_state_dict(STATE)
    return layer


@pytest.mark.title(en="Starts with the output of the base layer", zh="起初的输出与 base 层一致")
@pytest.mark.hint(en="lora_B starts as zeros.", zh="lora_B 的初值为零。")
def test_starts_as_base(submission):
    base = nn.Linear(3, 2)
    expected = base(X).detach()
    assert_close(submission.LoRALinear(base, 2, 8.0)(X).detach(), expected)


@pytest.mark.title(en="Adds the scaled low-rank change", zh="加上缩放后的低秩增量")
@pytest.mark.hint(en="The change is alpha / r times B A x.", zh="增量等于 alpha / r 乘以 B A x。")
def test_forward(submission):
    # base: (1 + 6 + 10, 2 + 20) = (17, 22); A x = 6; B A x = (6, 12); alpha / r = 0.5
    assert_close(_layer(submission)(X).detach(), torch.tensor([[20.0, 28.0]]))


@pytest.mark.title(
    en="Merging changes the weight once, not the output", zh="合并只改一次权重，输出不变"
)
@pytest.mark.hint(
    en="Remember whether the layer is merged; merged, it computes base(x) alone.",
    zh="要记住是否已合并；合并后只计算 base(x)。",
)
def test_merge(submission):
    layer = _layer(submission)
    layer.merge()
    layer.merge()
    merged = torch.tensor([[1.5, 0.5, 2.5], [1.0, 2.0, 1.0]])
    assert_close(layer.state_dict()["base.weight"], merged)
    assert_close(layer(X).detach(), torch.tensor([[20.0, 28.0]]))
    layer.unmerge()
    assert_close(layer.state_dict()["base.weight"], STATE["base.weight"])


@pytest.mark.title(en="Only lora_A and lora_B are trainable", zh="只有 lora_A 和 lora_B 可训练")
@pytest.mark.hint(en="Freeze the base's bias too.", zh="base 的偏置也要冻结。")
def test_trainable(submission):
    layer = _layer(submission)
    trainable = [name for name, p in layer.named_parameters() if p.requires_grad]
    assert_equal(sorted(trainable), ["lora_A", "lora_B"])
