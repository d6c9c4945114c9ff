"""A dense matrix of counts, one column for each token."""

import re
from collections import Counter

import numpy as np


def tokens(text):
    found = []
    for part in re.findall("[a-z0-9]+|[\u4e00-\u9fff]+", text.lower()):
        if part[0] <= "z" or len(part) == 1:
            found.append(part)
        else:
            found += [a + b for a, b in zip(part, part[1:])]
    return found


class Words:
    def __init__(self, docs):
        bags = [Counter(tokens(doc)) for doc in docs]
        self.column = {}
        for bag in bags:
            for token in bag:
                self.column.setdefault(token, len(self.column))
        counts = np.zeros((len(docs), len(self.column)))
        for row, bag in enumerate(bags):
            for token, count in bag.items():
                counts[row, self.column[token]] = count
        length = counts.sum(1, keepdims=True)
        mean = length.mean() if length.size and length.any() else 1.0
        df = (counts > 0).sum(0)
        idf = np.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
        self.weights = (
            counts * 2.5 / (counts + 1.5 * (0.25 + 0.75 * length / mean)) * idf
        ).T.copy()

    def scores(self, query):
        rows = [self.column[token] for token in tokens(query) if token in self.column]
        return self.weights[rows].sum(0)


def bm25_scores(docs, queries):
    words = Words(docs)
    out = np.zeros((len(queries), len(docs)))
    for row, query in enumerate(queries):
        out[row] = words.scores(query)
    return out


class Retriever:
    def __init__(self, docs, embed):
        self.words, self.embed, self.count = Words(docs), embed, len(docs)
        if docs:
            self.vectors = self.unit(embed(docs))

    @staticmethod
    def unit(rows):
        rows = np.asarray(rows, dtype=np.float64)
        size = np.sqrt((rows**2).sum(1, keepdims=True))
        return np.divide(rows, size, out=np.zeros_like(rows), where=size > 0)

    def search(self, query, k):
        if not self.count:
            return []
        lexical = self.words.scores(query)
        dense = self.vectors @ self.unit(self.embed([query]))[0]
        fused = [0.0] * self.count
        for scores, least in ((lexical, 0.0), (dense, -np.inf)):
            ranking = sorted(range(self.count), key=lambda i: (-scores[i], i))
            for rank, i in enumerate(i for i in ranking if scores[i] > least):
                fused[i] += 1 / (61 + rank)
        best = sorted(range(self.count), key=lambda i: (-fused[i], i))[:k]
        return [(i, fused[i]) for i in best]
