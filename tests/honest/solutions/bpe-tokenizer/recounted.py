"""A linked list of nodes; a NamedTuple and a defaultdict as results."""

from collections import defaultdict
from heapq import heappop, heappush
from typing import NamedTuple


class Trained(NamedTuple):
    merges: list
    vocab: dict


def train(corpus, vocab_size):
    if vocab_size < 256:
        raise ValueError("vocab_size")
    ids = list(corpus.encode("utf-8"))
    vocab = defaultdict(bytes, {i: bytes([i]) for i in range(256)})
    merges = []
    while len(vocab) < vocab_size:
        counts = {}
        for pair in zip(ids, ids[1:]):
            counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=counts.get)
        if counts[best] < 2:
            break
        new = len(vocab)
        vocab[new] = vocab[best[0]] + vocab[best[1]]
        merges.append(best)
        ids = join(ids, best, new)
    return Trained(merges, vocab)


def join(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


class Node:
    __slots__ = ("id", "left", "right", "place")

    def __init__(self, id, place):
        self.id, self.place, self.left, self.right = id, place, None, None


def encode(text, merges):
    rank = {tuple(pair): i for i, pair in enumerate(merges)}
    nodes = [Node(byte, place) for place, byte in enumerate(text.encode("utf-8"))]
    for a, b in zip(nodes, nodes[1:]):
        a.right, b.left = b, a
    heap = []

    def offer(a):
        if a is not None and a.right is not None and (a.id, a.right.id) in rank:
            heappush(heap, (rank[a.id, a.right.id], a.place))

    for node in nodes:
        offer(node)
    while heap:
        number, place = heappop(heap)
        a = nodes[place]
        b = a.right if a is not None else None
        if b is None or rank.get((a.id, b.id)) != number:
            continue
        a.id, a.right = 256 + number, b.right
        nodes[b.place] = None
        if b.right is not None:
            b.right.left = a
        offer(a.left)
        offer(a)
    return [node.id for node in nodes if node is not None]


def decode(ids, vocab):
    return b"".join([vocab[i] for i in ids]).decode("utf-8", errors="replace")
