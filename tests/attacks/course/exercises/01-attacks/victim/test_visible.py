"""Visible tests of the attacked exercise."""

import torch


def test_double_visible(submission):
    assert submission.double([1, 2]) == [2, 4]


def test_twice_visible(submission):
    assert submission.twice(torch.tensor([1.0])).tolist() == [2.0]
