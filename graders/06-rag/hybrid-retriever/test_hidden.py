"""Hidden tests of hybrid-retriever: each part against plain loops, then both fused."""

import math

import numpy as np
import pytest

from grading.checks import assert_close, assert_equal, require

SYLLABLES = ["ba", "ko", "mi", "ru", "te", "zo", "42"]


def vocabulary(rng, size):
    """Return ``size`` different made-up words."""
    words = {"".join(rng.choice(SYLLABLES, 3)) for _ in range(4 * size)}
    return sorted(words)[:size]


def texts(rng, words, lengths):
    """Return one text per length; low words of the vocabulary are frequent, as in real text."""
    odds = 1 / np.arange(1, len(words) + 1)
    odds /= odds.sum()
    return [" ".join(rng.choice(words, n, p=odds)) for n in lengths]


def corpus(rng, n_docs, n_queries):
    """Return documents, all of different length, and queries of four words."""
    words = vocabulary(rng, 60)
    lengths = rng.permutation(np.arange(8, 8 + n_docs))
    return texts(rng, words, lengths), texts(rng, words, [4] * n_queries)


def plain_bm25(docs, queries):
    """Return the scores by the statement's formula; texts are words between spaces."""
    bags = [doc.split() for doc in docs]
    mean = sum(map(len, bags)) / len(bags)
    table = []
    for query in queries:
        row = []
        for bag in bags:
            score = 0.0
            for token in query.split():
                n, f = sum(token in other for other in bags), bag.count(token)
                idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
                score += idf * f * 2.5 / (f + 1.5 * (0.25 + 0.75 * len(bag) / mean))
            row.append(score)
        table.append(row)
    return np.array(table)


def fuse(n_docs, *rankings):
    """Return (index, score) of all documents, best first, from lists of indices."""
    scores = [0.0] * n_docs
    for ranking in rankings:
        for rank, index in enumerate(ranking, start=1):
            scores[index] += 1 / (60 + rank)
    return sorted(enumerate(scores), key=lambda pair: (-pair[1], pair[0]))


def angles(rng, order, dim=6):
    """Return a query vector and documents whose cosines fall in ``order``, with gaps well apart."""
    basis = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    cosines = np.empty(len(order))
    cosines[order] = np.linspace(0.95, -0.9, len(order))
    side = rng.normal(size=(len(order), dim - 1)) @ basis[1:]
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    rows = cosines[:, None] * basis[0] + np.sqrt(1 - cosines**2)[:, None] * side
    lengths = rng.uniform(0.2, 8, size=(len(order), 1))
    return (3 * basis[0]).astype(np.float32), (rows * lengths).astype(np.float32)


class Embedder:
    """Embeds by looking up, and notes what it was asked for."""

    def __init__(self, docs, vectors, query_vector):
        self.table = dict(zip(docs, vectors, strict=True))
        self.query_vector = query_vector
        self.calls = []

    def __call__(self, batch):
        self.calls.append(list(batch))
        return np.array([self.table.get(t, self.query_vector) for t in batch], dtype=np.float32)

    def retriever(self, submission, docs):
        return submission.Retriever(docs, lambda batch: self(batch))


def apart(row):
    """Whether several documents match, with scores that no rounding can reorder."""
    matched = np.sort(row[row > 0])
    return len(matched) > 1 and bool((np.diff(matched) > 1e-9).all())


def lexical_ranking(row):
    """Return the indices of the matching documents, best first."""
    return [i for i in np.argsort(-row, kind="stable").tolist() if row[i] > 0]


@pytest.mark.title(en="BM25 equals the formula", zh="BM25 与公式一致")
@pytest.mark.hint(
    en="Check in turn: idf with its 1 +, k1 = 1.5, b = 0.75, and the mean length of the documents.",
    zh="依次检查：idf 里的 1 +、k1 = 1.5、b = 0.75，以及文档的平均长度。",
)
@pytest.mark.points(3)
def test_bm25(submission, rng):
    docs, queries = corpus(rng, 14, 9)
    scores = submission.bm25_scores(docs, queries)
    assert_close(scores, plain_bm25(docs, queries), rtol=1e-9, atol=1e-12)


@pytest.mark.title(
    en="Even a word in every document scores above 0", zh="即使是每篇文档都有的词，得分也大于 0"
)
@pytest.mark.hint(
    en="ln((N - n + 0.5) / (n + 0.5)) is negative for frequent words; the 1 + inside prevents that.",
    zh="对常见词，ln((N - n + 0.5) / (n + 0.5)) 为负；对数里的 1 + 就是为了避免这一点。",
)
@pytest.mark.points(2)
def test_idf_is_positive(submission, rng):
    words = vocabulary(rng, 8)
    docs = [f"{words[0]} {word}" for word in words[1:]]
    scores = submission.bm25_scores(docs, [words[0]])
    require(bool((scores > 0).all()), en="A score is not above 0.", zh="有得分不大于 0。")
    assert_close(scores, plain_bm25(docs, [words[0]]), rtol=1e-9)


@pytest.mark.title(
    en="A word that the query repeats counts each time", zh="查询中重复的词每次都计分"
)
@pytest.mark.hint(
    en="Sum over the query's tokens as they come, not over the set of them.",
    zh="对查询里的词逐个求和，不要先去重。",
)
def test_repeated_query_word(submission, rng):
    docs, queries = corpus(rng, 6, 2)
    once = plain_bm25(docs, queries)
    for times in (1, 2, 3):
        repeated = [" ".join([query] * times) for query in queries]
        scores = submission.bm25_scores(docs, repeated)
        assert_close(scores, times * once, rtol=1e-9, atol=1e-12)


@pytest.mark.title(
    en="Case and punctuation don't count, digits do", zh="大小写与标点不影响匹配，数字也是词"
)
@pytest.mark.hint(
    en="Lowercase, then take maximal runs of a-z0-9; '_' and 'é' separate.",
    zh="先转小写，再取连续的 a-z0-9；下划线和 é 都是分隔符。",
)
@pytest.mark.points(2)
def test_ascii_tokens(submission):
    docs = ["GPT-4 rocks", "snake_case", "café", "gpt4", "x", ""]
    queries = ["gpt", "Snake!", "CAF", "4", "rock", "cafe", "é", "gpt-4?"]
    scores = submission.bm25_scores(docs, queries)
    expected = np.zeros((8, 6), dtype=bool)
    for query, doc in [(0, 0), (1, 1), (2, 2), (3, 0), (7, 0)]:
        expected[query, doc] = True
    assert_equal(scores > 0, expected, {"en": "which documents match", "zh": "哪些文档匹配"})
    words = ["gpt 4 rocks", "snake case", "caf", "gpt4", "x", ""]
    split = ["gpt", "snake", "caf", "4", "rock", "cafe", "", "gpt 4"]
    assert_close(scores, plain_bm25(words, split), rtol=1e-9, atol=1e-12)


@pytest.mark.title(
    en="Chinese runs become pairs, never single characters", zh="连续汉字拆成二元组，而不是单字"
)
@pytest.mark.hint(
    en="Pairs don't cross spaces, punctuation or Latin letters; a lone character stands for itself.",
    zh="二元组不跨越空格、标点或拉丁字母；孤立的单字就是它自己。",
)
@pytest.mark.points(2)
def test_chinese_tokens(submission):
    docs = ["大语言模型", "模 型", "用GPT模型", "语，言", "言语言语"]
    queries = ["模型", "型", "语言", "gpt", "用", "型号", "语言模"]
    scores = submission.bm25_scores(docs, queries)
    expected = np.zeros((7, 5), dtype=bool)
    matches = {0: [0, 2], 1: [1], 2: [0, 4], 3: [2], 4: [2], 6: [0, 4]}
    for query, where in matches.items():
        expected[query, where] = True
    assert_equal(scores > 0, expected, {"en": "which documents match", "zh": "哪些文档匹配"})
    pairs = ["大语 语言 言模 模型", "模 型", "用 gpt 模型", "语 言", "言语 语言 言语"]
    split = ["模型", "型", "语言", "gpt", "用", "型号", "语言 言模"]
    assert_close(scores, plain_bm25(pairs, split), rtol=1e-9, atol=1e-12)


@pytest.mark.title(en="Empty documents and empty queries score 0", zh="空文档与空查询得 0 分")
@pytest.mark.hint(
    en="When no document has a token the mean length is 0: don't divide by it.",
    zh="所有文档都没有词时平均长度为 0：不要用它作除数。",
)
def test_empty(submission):
    assert_equal(submission.bm25_scores(["", "?!"], ["a", ""]), np.zeros((2, 2)))
    assert_equal(submission.bm25_scores(["a b"], ["", "..."]), np.zeros((2, 1)))
    assert_equal(submission.bm25_scores(["a b"], []).shape, (0, 1), "shape")
    never = submission.Retriever([], lambda batch: np.zeros((len(batch), 3), dtype=np.float32))
    assert_equal(
        never.search("a", 3), [], {"en": "search without documents", "zh": "没有文档时的检索结果"}
    )


@pytest.mark.title(en="The dense ranking goes by cosine", zh="语义排名按余弦相似度")
@pytest.mark.hint(
    en="Long vectors must not win by length: divide by both norms. This query shares no word.",
    zh="向量不能因为长就排在前面：要除以两者的模。此查询与文档没有相同的词。",
)
@pytest.mark.points(2)
def test_dense_only(submission, rng):
    docs, _ = corpus(rng, 10, 1)
    order = rng.permutation(10)
    query, vectors = angles(rng, order)
    found = Embedder(docs, vectors, query).retriever(submission, docs).search("unseen?", 10)
    assert_close(found, fuse(10, order.tolist()))


@pytest.mark.title(en="Both rankings are fused by rank", zh="两个排名按名次融合")
@pytest.mark.hint(
    en="Each list adds 1 / (60 + rank), rank 1 for its best; a list adds nothing to those it omits.",
    zh="每个排名加 1 / (60 + 名次)，第一名的名次是 1；没有列出的文档不加分。",
)
@pytest.mark.points(3)
def test_fusion(submission, rng):
    docs, _ = corpus(rng, 12, 1)
    order = rng.permutation(12)
    query_vector, vectors = angles(rng, order)
    retriever = Embedder(docs, vectors, query_vector).retriever(submission, docs)
    words = rng.permutation(sorted(set(" ".join(docs).split()))).tolist()
    rows = zip(words, plain_bm25(docs, words), strict=True)
    for query, row in [(word, row) for word, row in rows if apart(row)][:3]:
        expected = fuse(12, lexical_ranking(row), order.tolist())
        assert_close(retriever.search(query, 12), expected)
        assert_close(retriever.search(query, 3), expected[:3])
        assert_close(retriever.search(query, 99), expected)


@pytest.mark.title(
    en="A document without the query's words gets no rank from BM25",
    zh="不含查询词的文档在 BM25 排名中没有名次",
)
@pytest.mark.hint(
    en="The word ranking lists only scores above 0: being last among the irrelevant is no merit.",
    zh="词语排名只列得分大于 0 的文档：在不相关的文档里排个名次不该加分。",
)
@pytest.mark.points(2)
def test_unmatched_documents(submission, rng):
    docs = [f"filler{i} " * (i + 1) for i in range(6)]
    hit = int(rng.integers(0, 6))
    docs[hit] += "needle"
    order = rng.permutation(6)
    query_vector, vectors = angles(rng, order)
    retriever = Embedder(docs, vectors, query_vector).retriever(submission, docs)
    assert_close(retriever.search("needle", 6), fuse(6, [hit], order.tolist()))
    assert_close(retriever.search("", 6), fuse(6, order.tolist()))


@pytest.mark.title(en="Ties go to the lower index", zh="分数相同时下标小的在前")
@pytest.mark.hint(
    en="Sort stably, or by (-score, index), in both rankings and in the fused one.",
    zh="两个排名和融合后的排名都要用稳定排序，或按 (-分数, 下标) 排序。",
)
@pytest.mark.points(2)
def test_ties(submission, rng):
    docs = [f"twin pad{i}" for i in range(40)]  # equal BM25 scores for "twin"
    vectors = rng.integers(0, 2, size=(40, 1)) * np.array([[1, 1, 1, 1]])
    vectors[:2] = [[0, 0, 0, 0], [1, 1, -1, -1]]  # a zero vector has cosine 0, as has this one
    query = np.array([1, 1, 1, 1], dtype=np.float32)
    near = [i for i in range(40) if vectors[i].sum() > 0]
    dense = near + [i for i in range(40) if i not in near]
    retriever = Embedder(docs, vectors, query).retriever(submission, docs)
    assert_close(retriever.search("twin", 40), fuse(40, range(40), dense))
    assert_close(retriever.search("none", 7), fuse(40, dense)[:7])
    docs = ["win win", "win lose"]  # by words 0 before 1, by meaning 1 before 0
    retriever = Embedder(docs, [[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0]).retriever(submission, docs)
    assert_close(retriever.search("win", 2), [(i, 1 / 61 + 1 / 62) for i in range(2)])


@pytest.mark.title(
    en="Documents are embedded once, each query once", zh="文档只编码一次，每个查询编码一次"
)
@pytest.mark.hint(
    en="Embedding is the expensive part: keep the documents' vectors from the constructor on.",
    zh="编码最费时：在构造函数里算好文档向量并保存下来。",
)
def test_embed_calls(submission, rng):
    docs, queries = corpus(rng, 7, 3)
    query_vector, vectors = angles(rng, rng.permutation(7))
    embedder = Embedder(docs, vectors, query_vector)
    retriever = embedder.retriever(submission, docs)
    for query in queries:
        retriever.search(query, 2)
    expected = [docs] + [[query] for query in queries]
    assert_equal(embedder.calls, expected, {"en": "calls of embed", "zh": "对 embed 的调用"})


@pytest.mark.title(
    en="Fast enough on 250 documents and 200 queries", zh="在 250 篇文档、200 个查询上足够快"
)
@pytest.mark.hint(
    en="Build an inverted index: for each token the documents that contain it, counted only once.",
    zh="建立倒排索引：记下每个词出现在哪些文档里，只统计一次。",
)
@pytest.mark.points(2)
def test_speed(speed, rng):
    words = vocabulary(rng, 200)
    speed.compare(
        "bm25_scores",
        lambda: (texts(rng, words, [40] * 250), texts(rng, words[20:], [5] * 200)),
    )
