"""Visible tests of the timed exercise."""

import torch


def test_product_visible(submission):
    assert submission.product(torch.eye(2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]
