"""A byte-level BPE tokenizer."""


def train(corpus: str, vocab_size: int) -> tuple[list[tuple[int, int]], dict[int, bytes]]:
    """Learn merges from the corpus; return ``(merges, vocab)``.

    Merge ``i`` joins the ids ``merges[i]`` into the id ``256 + i``; ``vocab`` maps every id
    to its bytes.

    Raises:
        ValueError: if ``vocab_size < 256``.
    """
    raise NotImplementedError("Count pairs, join the most frequent one, repeat")


def encode(text: str, merges: list[tuple[int, int]]) -> list[int]:
    """Return the ids of ``text``: always join the pair of lowest merge number, leftmost first."""
    raise NotImplementedError("Apply the merges in the order of their numbers")


def decode(ids: list[int], vocab: dict[int, bytes]) -> str:
    """Return the text of ``ids``; bytes that aren't valid UTF-8 become U+FFFD.

    Raises:
        KeyError: for an id that isn't in ``vocab``.
    """
    raise NotImplementedError("Join the bytes, then decode")
