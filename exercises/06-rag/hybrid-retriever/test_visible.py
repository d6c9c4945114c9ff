"""Visible tests of hybrid-retriever: small enough to check by hand."""

import math

import numpy as np
import pytest

from grading.checks import assert_close, assert_equal

VECTORS = {"red apple": [1, 0], "blue sky": [0, 1], "sky": [1, 0]}


def embed(texts):
    return np.array([VECTORS[text] for text in texts], dtype=np.float32)


@pytest.mark.title(en="BM25 of equally long documents", zh="等长文档的 BM25")
@pytest.mark.hint(
    en="All lengths equal the mean, so the fraction is f · 2.5 / (f + 1.5).",
    zh="各文档长度都等于平均值，因此分式等于 f · 2.5 / (f + 1.5)。",
)
def test_bm25(submission):
    scores = submission.bm25_scores(["sky sky", "Red sky"], ["sky", "red", "sea"])
    common, rare = math.log(1 + 0.5 / 2.5), math.log(1 + 1.5 / 1.5)
    expected = [[common * 2 * 2.5 / 3.5, common], [0.0, rare], [0.0, 0.0]]
    assert_close(scores, np.array(expected))


@pytest.mark.title(en="Chinese is matched by pairs of characters", zh="汉字按相邻两字匹配")
@pytest.mark.hint(
    en="大模型 gives 大模 and 模型; 型 alone is not a token of it.",
    zh="大模型 拆成 大模、模型；单独的 型 不是它的词。",
)
def test_chinese(submission):
    hits = submission.bm25_scores(["大模型", "小汽车"], ["模型", "型"]) > 0
    assert_equal(hits, np.array([[True, False], [False, False]]))


@pytest.mark.title(en="The statement's search", zh="题面中的检索")
@pytest.mark.hint(
    en="Document 0 is listed by meaning alone, document 1 by both rankings.",
    zh="文档 0 只出现在语义排名里，文档 1 两个排名里都有。",
)
def test_search(submission):
    found = submission.Retriever(["red apple", "blue sky"], embed).search("sky", 2)
    assert_close(found, [(1, 1 / 62 + 1 / 61), (0, 1 / 61)])
