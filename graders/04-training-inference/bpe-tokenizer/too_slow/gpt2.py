"""en: You join the best pair of the whole text, as GPT-2's encoder does for a word: fine for words, quadratic for a text.
zh: 你像 GPT-2 的编码器处理单词那样，每次在全文里找最优的一对：对单词没问题，对整篇文本就是平方级。
"""

import heapq
from collections import Counter
from itertools import pairwise


def train(corpus: str, vocab_size: int) -> tuple[list[tuple[int, int]], dict[int, bytes]]:
    """Learn merges from the corpus; return ``(merges, vocab)``.

    Merge ``i`` joins the ids ``merges[i]`` into the id ``256 + i``; ``vocab`` maps every id
    to its bytes.

    Raises:
        ValueError: if ``vocab_size < 256``.
    """
    if vocab_size < 256:
        raise ValueError(f"vocab_size must be at least 256, not {vocab_size}")
    ids = list(corpus.encode())
    vocab = {i: bytes([i]) for i in range(256)}
    merges: list[tuple[int, int]] = []
    while len(vocab) < vocab_size:
        counts = Counter(pairwise(ids))
        # counts is in order of first occurrence, and max() returns the first of the largest
        pair = max(counts, key=counts.__getitem__, default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = _join(ids, pair, len(vocab))
        vocab[len(vocab)] = vocab[pair[0]] + vocab[pair[1]]
        merges.append(pair)
    return merges, vocab


def _join(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace ``pair`` by ``new``, from left to right."""
    joined: list[int] = []
    position = 0
    while position < len(ids):
        found = tuple(ids[position : position + 2]) == pair
        joined.append(new if found else ids[position])
        position += 2 if found else 1
    return joined


def encode(text: str, merges: list[tuple[int, int]]) -> list[int]:
    """Return the ids of ``text``: as GPT-2's own encoder joins the pairs of a word."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    word = tuple(text.encode())
    while len(word) > 1:
        pair = min(set(pairwise(word)), key=lambda pair: ranks.get(pair, len(merges)))
        if pair not in ranks:
            break
        first, second = pair
        joined: list[int] = []
        i = 0
        while i < len(word):
            try:
                j = word.index(first, i)
            except ValueError:
                joined.extend(word[i:])
                break
            joined.extend(word[i:j])
            i = j
            if i < len(word) - 1 and word[i + 1] == second:
                joined.append(256 + ranks[pair])
                i += 2
            else:
                joined.append(word[i])
                i += 1
        word = tuple(joined)
    return list(word)


def decode(ids: list[int], vocab: dict[int, bytes]) -> str:
    """Return the text of ``ids``; bytes that aren't valid UTF-8 become U+FFFD.

    Raises:
        KeyError: for an id that isn't in ``vocab``.
    """
    return b"".join(vocab[i] for i in ids).decode(errors="replace")
