"""Visible tests of the tiny exercise."""

import pytest
import torch


@pytest.mark.title(en="1 + 2 = 3", zh="1 + 2 = 3")
def test_one_and_two(submission):
    assert submission.add(torch.tensor(1.0), torch.tensor(2.0)) == 3
