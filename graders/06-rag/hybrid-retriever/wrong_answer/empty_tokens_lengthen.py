"""en: Splitting at punctuation leaves empty strings at the ends, and you count them to a document's length.
zh: 按标点切分会在首尾留下空字符串，你把它们也计入了文档长度。
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np

K1, B, RRF_K = 1.5, 0.75, 60
RUN = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]+")


def tokenize(text: str) -> list[str]:
    """Return ASCII words and pairs of neighbouring Chinese characters, in order."""
    tokens = []
    for piece in re.split(r"[^a-z0-9\u4e00-\u9fff]+", text.lower()):
        for run in RUN.findall(piece) or [""]:
            if run.isascii() or len(run) == 1:
                tokens.append(run)
            else:
                tokens.extend(run[i : i + 2] for i in range(len(run) - 1))
    return tokens


class BM25:
    """An inverted index: for each token the documents that contain it, with finished weights."""

    def __init__(self, docs: list[str]) -> None:
        bags = [Counter(tokenize(doc)) for doc in docs]
        self.size = len(docs)
        length = np.array([bag.total() for bag in bags], dtype=np.float64)
        mean = length.mean() if length.any() else 1.0
        damping = (K1 * (1 - B + B * length / mean)).tolist()
        postings: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for index, bag in enumerate(bags):
            for token, count in bag.items():
                where, gain = postings[token]
                where.append(index)
                gain.append(count * (K1 + 1) / (count + damping[index]))
        self.postings = {
            token: (np.array(where), np.array(gain) * self._idf(len(where)))
            for token, (where, gain) in postings.items()
        }

    def _idf(self, df: int) -> float:
        return float(np.log1p((self.size - df + 0.5) / (df + 0.5)))

    def scores(self, query: str) -> np.ndarray:
        """Return each document's score, float64 of shape (number of documents,)."""
        total = np.zeros(self.size)
        for token in tokenize(query):
            if token and token in self.postings:
                where, gain = self.postings[token]
                total[where] += gain
        return total


def bm25_scores(docs: list[str], queries: list[str]) -> np.ndarray:
    """Return every document's BM25 score for every query, float64 of shape (queries, docs)."""
    index = BM25(docs)
    return np.array([index.scores(query) for query in queries]).reshape(len(queries), len(docs))


class Retriever:
    """Searches by words and by meaning."""

    def __init__(self, docs: list[str], embed: Callable[[list[str]], np.ndarray]) -> None:
        self.words = BM25(docs)
        self.embed = embed
        self.vectors = _unit(embed(docs)) if docs else None

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return the ``k`` best documents as (index, fused score), best first."""
        if self.vectors is None:
            return []
        lexical = self.words.scores(query)
        dense = self.vectors @ _unit(self.embed([query]))[0]
        fused = np.zeros(len(dense))
        for ranking in (_ranked(lexical)[: np.count_nonzero(lexical)], _ranked(dense)):
            fused[ranking] += 1 / (RRF_K + 1 + np.arange(len(ranking)))
        return [(int(i), float(fused[i])) for i in _ranked(fused)[:k]]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return rows of length 1, in float64; rows of zeros stay zero."""
    rows = vectors.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1, length)


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Return indices from the highest score to the lowest; equals stay in order of index."""
    return np.argsort(-scores, kind="stable")
