"""Hidden tests of the BPE tokenizer."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from grading.checks import assert_equal, require

Merges = list[tuple[int, int]]

BYTES = {i: bytes([i]) for i in range(256)}
MIXED = "the cat 和那只猫 sat on the mat, 那只猫 naïve café 🙂🙂 the end. "
# code points by script; the surrogates are not characters and stay out
PLANES = [(0, 128), (128, 0x800), (0x4E00, 0x9FFF), (0xE000, 0x10000), (0x1F300, 0x1FAFF)]


def _join(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    joined: list[int] = []
    for token in ids:
        if joined and (joined[-1], token) == pair:
            joined[-1] = new
        else:
            joined.append(token)
    return joined


def _train_oracle(corpus: str, vocab_size: int) -> tuple[Merges, dict[int, bytes]]:
    """The definition, position by position."""
    ids, merges, vocab = list(corpus.encode()), [], dict(BYTES)
    while len(vocab) < vocab_size:
        places: dict[tuple[int, int], list[int]] = {}
        for j in range(len(ids) - 1):
            places.setdefault((ids[j], ids[j + 1]), []).append(j)
        best = min(places, key=lambda pair: (-len(places[pair]), places[pair][0]), default=None)
        if best is None or len(places[best]) == 1:
            break
        ids = _join(ids, best, len(vocab))
        vocab[len(vocab)] = vocab[best[0]] + vocab[best[1]]
        merges.append(best)
    return merges, vocab


def _encode_oracle(text: str, merges: Merges) -> list[int]:
    """One pass for each merge, in order: merge i can only make pairs of later merges."""
    ids = list(text.encode())
    for rank, pair in enumerate(merges):
        ids = _join(ids, pair, 256 + rank)
    return ids


def _letters(rng: np.random.Generator, alphabet: str, length: int) -> str:
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


def _unicode(rng: np.random.Generator, length: int) -> str:
    planes = [PLANES[i] for i in rng.integers(len(PLANES), size=length)]
    return "".join(chr(int(rng.integers(*plane))) for plane in planes)


def _random_merges(rng: np.random.Generator, count: int, longest: int) -> Merges:
    """Valid merges that no corpus made, over the lower-case letters."""
    lengths = dict.fromkeys(range(97, 123), 1)
    tokens, merges = list(lengths), {}
    while len(merges) < count:
        left, right = (tokens[i] for i in rng.integers(len(tokens), size=2))
        if lengths[left] + lengths[right] <= longest and (left, right) not in merges:
            merges[left, right] = new = 256 + len(merges)
            lengths[new] = lengths[left] + lengths[right]
            tokens.append(new)
    return list(merges)


def _text_for(rng: np.random.Generator, merges: Merges, length: int) -> str:
    """A text made of whole tokens, so that most merges find something to join."""
    vocab = dict(BYTES)
    for new, (left, right) in enumerate(merges, start=256):
        vocab[new] = vocab[left] + vocab[right]
    text = b"".join(vocab[256 + i] for i in rng.integers(len(merges), size=length).tolist())
    return text[:length].decode()


def _check_training(submission: Any, corpus: str, vocab_size: int) -> None:
    merges, vocab = submission.train(corpus, vocab_size)
    expected_merges, expected_vocab = _train_oracle(corpus, vocab_size)
    assert_equal(merges, expected_merges, label="merges")
    assert_equal(vocab, expected_vocab, label="vocab")


@pytest.mark.title(en="Learns the right merges in the right order", zh="学到的规则与顺序都正确")
@pytest.mark.hint(
    en="After each merge count anew, on the sequence as it then is.",
    zh="每合并一次，都要在新的序列上重新计数。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize("script", ["letters", "unicode", "mixed"])
def test_train(submission, rng, script):
    corpus = {
        "letters": lambda: _letters(rng, "abcdefgh ", 1500),
        "unicode": lambda: _unicode(rng, 60) * 3,
        "mixed": lambda: MIXED * 5 + _letters(rng, "the cat", 100),
    }[script]()
    _check_training(submission, corpus, 256 + int(rng.integers(20, 40)))


@pytest.mark.title(
    en="Counts overlapping pairs: aaa holds (a, a) twice",
    zh="重叠的对也计数：aaa 中 (a, a) 出现两次",
)
@pytest.mark.hint(
    en="bytes.count() and regular expressions skip overlaps.",
    zh="bytes.count() 和正则表达式都会跳过重叠的部分。",
)
def test_overlapping_pairs(submission, rng):
    # (a, a) occurs 3 times with overlaps; without, it would tie with (b, c), which comes first
    a, b, c, x, y, z = rng.permutation(list("abcdefghij"))[:6]
    corpus = f"{b}{c}{x}{b}{c}{y}{a}{a}{a}{a}{z}"
    merges, _ = submission.train(corpus, 257)
    assert_equal(merges, [(ord(a), ord(a))], label="merges")
    _check_training(submission, _letters(rng, "ab", 200), 280)


@pytest.mark.title(
    en="Breaks ties by first occurrence in the current sequence",
    zh="次数相同时取当前序列中最先出现的对",
)
@pytest.mark.hint(
    en="Neither the larger nor the smaller pair wins, but the earlier one.",
    zh="既不是较大的对优先，也不是较小的对优先，而是先出现的优先。",
)
def test_ties(submission, rng):
    for _ in range(4):
        words = [_letters(rng, "abcdefghijklmnop", 6) for _ in range(5)]
        corpus = "".join(words + [words[i] for i in rng.permutation(5)])
        _check_training(submission, corpus, 280)


@pytest.mark.title(
    en="Stops when no pair occurs twice, and keeps to vocab_size",
    zh="没有任何一对出现两次时停止，且不超过 vocab_size",
)
@pytest.mark.hint(
    en="A pair that occurs once is never merged; the corpus may be empty.",
    zh="只出现一次的对不合并；语料可能为空。",
)
def test_stops(submission, rng):
    distinct = "".join(rng.permutation(list("abcdefghijkl")))
    for corpus in ("", "x", "xy", distinct, distinct * 2):
        _check_training(submission, corpus, 400)
    for vocab_size in (256, 257):
        _check_training(submission, MIXED, vocab_size)


@pytest.mark.title(en="Refuses a vocab_size below 256", zh="拒绝小于 256 的 vocab_size")
@pytest.mark.hint(en="The 256 bytes are always there.", zh="256 个字节总是在词表里。")
@pytest.mark.parametrize("vocab_size", [255, 0, -1])
def test_small_vocab(submission, vocab_size):
    with pytest.raises(ValueError):
        submission.train("some text", vocab_size)


@pytest.mark.title(
    en="Encodes by merge number, not by frequency or length",
    zh="按规则序号编码，而不是按频率或长度",
)
@pytest.mark.hint(
    en="The lowest merge number present goes first, however rare its pair is in the text.",
    zh="当前存在的规则中序号最小者优先，不管它在文本里多么少见。",
)
@pytest.mark.points(2)
def test_encode_order(submission, rng):
    # (b, c) has the lower number, though (a, b) is more frequent and abb would be longer
    merges = [(98, 99), (97, 98), (257, 98)]
    assert_equal(submission.encode("abcababb", merges), [97, 256, 257, 258])
    for _ in range(5):
        merges = _random_merges(rng, 60, longest=6)
        text = _text_for(rng, merges, 150)
        assert_equal(submission.encode(text, merges), _encode_oracle(text, merges))
    corpus = _letters(rng, "abcd", 600)
    merges, _ = _train_oracle(corpus, 300)
    text = _letters(rng, "abcd", 200)
    assert_equal(submission.encode(text, merges), _encode_oracle(text, merges))


@pytest.mark.title(en="Joins runs like aaaa from the left", zh="像 aaaa 这样的连续串从左边开始合并")
@pytest.mark.hint(en="aaa becomes [aa, a], not [a, aa].", zh="aaa 变为 [aa, a]，而不是 [a, aa]。")
def test_runs(submission, rng):
    merges = [(97, 97), (256, 97), (256, 256), (98, 256)]
    for length in [1, 2, 3, 4, 5, 7, int(rng.integers(8, 60))]:
        text = "a" * length + "b" + "a" * int(rng.integers(1, 9))
        assert_equal(submission.encode(text, merges), _encode_oracle(text, merges))


@pytest.mark.title(
    en="Round trip: any Unicode text comes back unchanged", zh="往返一致：任意 Unicode 文本都能还原"
)
@pytest.mark.hint(
    en="Work on text.encode('utf-8'), not on characters; bytes go up to 255.",
    zh="处理对象是 text.encode('utf-8') 的字节，不是字符；字节可大到 255。",
)
@pytest.mark.points(2)
def test_round_trip(submission, rng):
    merges, vocab = _train_oracle(MIXED * 4, 320)
    family = "👩\u200d👩\u200d👧"  # several code points that show as one picture
    for text in ("", MIXED, "\x00\r\n\t", "e\u0301 é", family, "你好", _unicode(rng, 120)):
        ids = submission.encode(text, merges)
        assert_equal(ids, _encode_oracle(text, merges), label={"en": "the ids", "zh": "编号"})
        assert_equal(submission.decode(ids, vocab), text, label={"en": "the text", "zh": "文本"})


@pytest.mark.title(
    en="Decodes characters that are split between ids", zh="能解码被拆到多个编号中的字符"
)
@pytest.mark.hint(
    en="Join all bytes before decoding; only what is invalid then becomes U+FFFD.",
    zh="先拼接全部字节再解码；拼接后仍无效的部分才变成 U+FFFD。",
)
def test_decode_split_characters(submission, rng):
    text = _unicode(rng, 30)
    data = text.encode()
    cuts = sorted({0, len(data), *rng.integers(len(data), size=20).tolist()})
    pieces = [data[i:j] for i, j in pairwise(cuts)]
    vocab = BYTES | {1000 + i: piece for i, piece in enumerate(pieces)}
    assert_equal(submission.decode([1000 + i for i in range(len(pieces))], vocab), text)
    assert_equal(submission.decode(list(data), vocab), text)


@pytest.mark.title(
    en="Bytes that are not UTF-8 decode to U+FFFD", zh="非 UTF-8 的字节解码为 U+FFFD"
)
@pytest.mark.hint(
    en="A model may stop in the middle of a character: decode must not raise.",
    zh="模型可能停在一个字符的中间：decode 不应报错。",
)
def test_decode_invalid(submission):
    for ids in ([0xFF], [0x80, 97], [97, *"猫".encode()[:2]], [*"é".encode(), 0xC3], []):
        expected = bytes(ids).decode("utf-8", errors="replace")
        assert_equal(submission.decode(ids, BYTES), expected)


@pytest.mark.title(
    en="Decoding an unknown id raises KeyError", zh="解码不存在的编号时抛出 KeyError"
)
@pytest.mark.hint(en="Do not skip ids silently.", zh="不要悄悄跳过编号。")
def test_decode_unknown(submission, rng):
    with pytest.raises(KeyError):
        submission.decode([97, int(rng.integers(256, 9999)), 98], BYTES)


@pytest.mark.title(en="Training, encoding and decoding fit together", zh="训练、编码、解码三者一致")
@pytest.mark.hint(
    en="Encoding the corpus with its own merges must give what training ended with.",
    zh="用学到的规则编码原语料，应得到训练结束时的序列。",
)
def test_whole(submission, rng):
    corpus = MIXED * 3 + _unicode(rng, 40) + _letters(rng, "ab ", 200)
    merges, vocab = submission.train(corpus, 300)
    right_merges, right_vocab = _train_oracle(corpus, 300)
    assert_equal(merges, right_merges, label="merges")
    assert_equal(vocab, right_vocab, label="vocab")
    ids = submission.encode(corpus, merges)
    right_ids = _encode_oracle(corpus, right_merges)
    assert_equal(ids, right_ids, label={"en": "the ids", "zh": "编号"})
    assert_equal(submission.decode(ids, vocab), corpus)
    require(
        len(ids) < 0.9 * len(corpus.encode()),
        en="Encoding a corpus with its own merges hardly shortens it.",
        zh="用语料自己的规则编码，长度几乎没有缩短。",
    )


@pytest.mark.title(
    en="encode grows almost linearly with the text", zh="encode 的耗时随文本长度近似线性增长"
)
@pytest.mark.hint(
    en="Don't scan the whole text for each merge: keep candidate pairs in a heap.",
    zh="不要每合并一次就扫描全文：用堆来保存候选对。",
)
@pytest.mark.points(2)
def test_growth(rng, speed):
    def make_inputs(size: int) -> tuple[str, Merges]:
        merges = _random_merges(rng, size // 4, longest=8)
        return _text_for(rng, merges, size), merges

    speed.growth("encode", make_inputs, sizes=(300, 600, 1200, 2400, 4800), limit=1.5)
