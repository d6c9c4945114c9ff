"""Visible tests of moe-router: the statement's examples."""

import math

import pytest
import torch

from grading.checks import assert_close, assert_equal

X = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])


@pytest.mark.title(
    en="The statement's example: experts, slots, drops", zh="题面中的例子：专家、位置与丢弃"
)
@pytest.mark.hint(
    en="Expert 1 is the second choice of all three tokens and has two slots.",
    zh="专家 1 是三个 token 共同的次选，但只有两个位置。",
)
def test_example(submission):
    expert, slot, weight, kept = submission.route(X, torch.eye(3), 2, 2)
    assert_equal(expert, torch.tensor([[0, 1], [0, 1], [2, 1]]), "expert")
    assert_equal(slot, torch.tensor([[0, 0], [1, 1], [0, -1]]), "slot")
    assert_equal(kept, torch.tensor([[True, True], [True, True], [True, False]]), "kept")
    first = 1 / (1 + math.exp(-1))
    rows = [[first, 1 - first], [first, 1 - first], [first, 0.0]]
    assert_close(weight, torch.tensor(rows), label="weight")


@pytest.mark.title(
    en="With k = 1 the weight is the probability itself", zh="k = 1 时权重就是概率本身"
)
@pytest.mark.hint(
    en="p / p is 1, and a constant has no gradient: for k = 1 don't renormalise.",
    zh="p / p 恒为 1，常数没有梯度：k = 1 时不要重新归一化。",
)
def test_single_choice(submission):
    weight = submission.route(X[:1], torch.eye(3), 1, 1)[2]
    total = math.exp(2) + math.exp(1) + 1
    assert_close(weight, torch.tensor([[math.exp(2) / total]]), label="weight")


@pytest.mark.title(
    en="All tokens on one expert: the loss is above 1", zh="所有 token 挤在一个专家：损失大于 1"
)
@pytest.mark.hint(
    en="f = [1, 0] and P = [0.75, 0.25]; don't forget the factor E = 2.",
    zh="f = [1, 0]，P = [0.75, 0.25]；别忘了乘以 E = 2。",
)
def test_loss_example(submission):
    probs = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    loss = submission.load_balancing_loss(probs, torch.tensor([0, 0]))
    assert_close(loss, torch.tensor(1.5))
