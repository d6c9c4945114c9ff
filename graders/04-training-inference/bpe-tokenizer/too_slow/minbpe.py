"""en: You count all pairs of the text anew for each merge, as minbpe does: the time grows with the square of the length.
zh: 你像 minbpe 那样，每合并一次就重新统计全文的所有对：耗时随长度的平方增长。
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
    """Return the ids of ``text``: as minbpe counts all pairs anew for each merge."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    ids = list(text.encode())
    while len(ids) >= 2:
        counts = Counter(pairwise(ids))
        pair = min(counts, key=lambda pair: ranks.get(pair, float("inf")))
        if pair not in ranks:
            break
        ids = _join(ids, pair, 256 + ranks[pair])
    return ids


def decode(ids: list[int], vocab: dict[int, bytes]) -> str:
    """Return the text of ``ids``; bytes that aren't valid UTF-8 become U+FFFD.

    Raises:
        KeyError: for an id that isn't in ``vocab``.
    """
    return b"".join(vocab[i] for i in ids).decode(errors="replace")
