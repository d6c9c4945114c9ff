"""Hybrid retrieval: BM25 and embeddings, fused by rank."""

from collections.abc import Callable

import numpy as np


def bm25_scores(docs: list[str], queries: list[str]) -> np.ndarray:
    """Return every document's BM25 score for every query.

    Returns:
        float64, shape (len(queries), len(docs)).
    """
    raise NotImplementedError


class Retriever:
    """Searches documents by words and by meaning."""

    def __init__(self, docs: list[str], embed: Callable[[list[str]], np.ndarray]) -> None:
        """Index ``docs``; ``embed`` maps n texts to a float32 array of shape (n, dim)."""
        raise NotImplementedError

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return the ``k`` best documents as (index, fused score), best first."""
        raise NotImplementedError
