"""Visible tests of clip-loss: the statement's own examples."""

import math

import pytest
import torch

from grading.checks import assert_close


@pytest.mark.title(en="Two orthogonal pairs", zh="两对互相正交的图文")
@pytest.mark.hint(
    en="The logits are the scale times the identity; row i's cross-entropy has target i.",
    zh="此时 logits 等于 logit_scale 乘单位阵；第 i 行以 i 为目标求交叉熵。",
)
def test_orthogonal_pairs(submission):
    eye = torch.eye(2)
    assert_close(submission.clip_loss(eye, eye, 1.0), torch.tensor(math.log1p(math.exp(-1))))


@pytest.mark.title(en="Wrong pairs cost more", zh="配错的图文损失更大")
@pytest.mark.hint(
    en="Row i of the images belongs to row i of the texts, wherever the largest logit is.",
    zh="图像第 i 行的正样本始终是文本第 i 行，与哪个 logit 最大无关。",
)
def test_wrong_pairs(submission):
    eye = torch.eye(2)
    assert_close(submission.clip_loss(eye, eye.flip(0), 1.0), torch.tensor(math.log1p(math.e)))


@pytest.mark.title(en="Length doesn't count", zh="向量的长度不起作用")
@pytest.mark.hint(
    en="Divide each row by its own length before the dot products.",
    zh="求点积之前，每一行先除以自己的长度。",
)
def test_length_does_not_count(submission):
    eye = torch.eye(2)
    assert_close(submission.clip_loss(5 * eye, eye, 1.0), torch.tensor(math.log1p(math.exp(-1))))
