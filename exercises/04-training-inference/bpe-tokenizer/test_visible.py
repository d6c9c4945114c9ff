"""Examples for the BPE tokenizer."""

import pytest

from grading.checks import assert_equal

CORPUS = "aaabdaaabac"
MERGES = [(97, 97), (256, 97), (257, 98)]


@pytest.mark.title(en="Learns the merges of the worked example", zh="学到例题中的合并规则")
@pytest.mark.hint(
    en="In the second round (256, 97) and (97, 98) both occur twice; the first comes earlier.",
    zh="第二轮中 (256, 97) 与 (97, 98) 都出现两次，前者更早出现。",
)
def test_train(submission):
    merges, vocab = submission.train(CORPUS, 259)
    assert_equal(merges, MERGES, label="merges")
    assert_equal(len(vocab), 259, label="len(vocab)")
    assert_equal([vocab[i] for i in (97, 256, 257, 258)], [b"a", b"aa", b"aaa", b"aaab"])


@pytest.mark.title(en="Encodes with the given merges", zh="用给定的规则编码")
@pytest.mark.hint(
    en="Start from the UTF-8 bytes; lower merge numbers go first.",
    zh="从 UTF-8 字节开始；序号小的规则先用。",
)
def test_encode(submission):
    assert_equal(submission.encode(CORPUS, MERGES), [258, 100, 258, 97, 99])
    assert_equal(submission.encode("é", MERGES), [195, 169])
    assert_equal(submission.encode("", MERGES), [])


@pytest.mark.title(en="Decodes ids to text", zh="把编号解码为文本")
@pytest.mark.hint(
    en="A character may be spread over several ids: join the bytes first.",
    zh="一个字符可能分散在几个编号里：先把字节拼起来。",
)
def test_decode(submission):
    vocab = {i: bytes([i]) for i in range(256)} | {256: b"aa"}
    assert_equal(submission.decode([256, 98], vocab), "aab")
    assert_equal(submission.decode([228, 189, 160], vocab), "你")
