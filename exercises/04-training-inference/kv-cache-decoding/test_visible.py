"""Examples for cached decoding."""

import pytest
import torch

from grading.checks import assert_equal


@pytest.mark.title(
    en="Reads each token once and hands the cache back", zh="每个 token 只读一次，并传回缓存"
)
@pytest.mark.hint(
    en="The prompt first, then one new token a call, with the cache of the call before.",
    zh="先读提示词，此后每次读一个新 token，并传入上一次调用返回的缓存。",
)
def test_calls(submission):
    calls = []

    def model(ids, cache):
        calls.append((list(ids), cache))
        logits = torch.full((len(ids), 10), -100.0)
        logits[-1, (ids[-1] + 1) % 10] = 100.0  # the next id is certain
        return logits, len(calls)

    assert_equal(submission.generate(model, [5, 7, 2], 3, 0.9, 0), [3, 4, 5])
    assert_equal(calls, [([5, 7, 2], None), ([3], 1), ([4], 2)])


@pytest.mark.title(
    en="Top-p keeps the token that crosses the threshold", zh="top-p 保留跨过阈值的 token"
)
@pytest.mark.hint(
    en="0.5 is less than 0.6, so the second token is kept as well; the third is not.",
    zh="0.5 小于 0.6，所以第二个 token 也要保留，第三个则不保留。",
)
def test_nucleus(submission):
    def model(ids, cache):
        return torch.tensor([0.2, 0.5, 0.3]).log().expand(len(ids), 3), cache

    for top_p, kept in ((0.4, {1}), (0.6, {1, 2}), (1.0, {0, 1, 2})):
        drawn = submission.generate(model, [0], 50, top_p, 1)
        assert_equal((len(drawn), set(drawn)), (50, kept))
