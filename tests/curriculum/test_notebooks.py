"""An upload becomes a clean notebook or a clear refusal, and the answer is found in it."""

from __future__ import annotations

import json

import nbformat
import pytest

from curriculum import notebooks
from curriculum.notebooks import AnswerMissing, NotebookError


def code(source="x = 1", name="c", *tags, **more):
    cell = {"cell_type": "code", "id": name, "metadata": {"tags": list(tags)} if tags else {}}
    return cell | {"execution_count": None, "outputs": [], "source": source} | more


def markdown(source, name="m", **more):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source} | more


def notebook(*cells, **more):
    content = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content | more)


def old(*sheets, **more):
    content = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    return json.dumps(content | {"worksheets": list(sheets)} | more)


STARTER = notebook(
    markdown("# Task"), code("def f():\n    raise NotImplementedError", "f", "answer"), code("f()")
)
TWO = notebook(
    code("def f(): ...", "f", "answer"), code("try_it()"), code("class G: ...", "g", "answer")
)

REFUSED = {
    "UTF-16": (notebook(code()).encode("utf-16"), "saved as UTF-16"),
    "GBK": (notebook(code("# 中文")).replace("\\u4e2d", "中").encode("gbk"), "isn't UTF-8"),
    "no JSON": (b"# %%\nx = 1", "not valid JSON"),
    "empty": (b"", "not valid JSON"),
    "NaN": (b'{"nbformat": NaN}', "not a Jupyter notebook"),
    "nested deep": (b"[" * 100_000, "not valid JSON"),
    "a huge number": (b'{"nbformat": ' + b"9" * 100_000 + b"}", "not valid JSON"),
    "a list": (b"[]", "not a Jupyter notebook"),
    "no cells": (b'{"nbformat": 4, "nbformat_minor": 5}', "not a Jupyter notebook"),
    "format 2": (notebook(code(), nbformat=2), "format 2"),
    "format 3 without sheets": (notebook(code(), nbformat=3), "not a Jupyter notebook"),
    "format 3 with odd sheets": (old(worksheets=[3]), "not a Jupyter notebook"),
    "format 3 without cells": (old({"cells": 3}), "no code cell"),
    "format 3 with odd cells": (old({"cells": [3]}), "cell 1 is malformed"),
    "format 3 with odd code": (old({"cells": [{"cell_type": "code", "input": 3}]}), "cell 1 is"),
    "format 5": (notebook(code(), nbformat=5), "format 5"),
    "format true": (notebook(code(), nbformat=True), "not a Jupyter notebook"),
    "a cell that is null": (notebook(None), "cell 1 is malformed"),
    "a cell without source": (notebook({"cell_type": "code"}), "cell 1 is malformed"),
    "an unknown cell type": (notebook(code(cell_type="heading")), "cell 1 is malformed"),
    "a cell type that is a list": (notebook(code(cell_type=[])), "cell 1 is malformed"),
    "no code": (notebook(markdown("text")), "no code cell"),
    "NUL": (notebook(markdown("a"), code("x = '\0'")), "Cell 2 has a character"),
    "half a surrogate pair": (notebook(code("x = '\ud800'")), "Cell 1 has a character"),
    "huge": (notebook(code("#" * (1 << 20))), "larger than 1 MiB"),
    "huge outputs": (notebook(code(outputs=["x" * (1 << 20)])), "larger than 1 MiB"),
    "large without outputs": (notebook(code("#" * (256 << 10))), "larger than 256 KiB"),
    "many cells": (notebook(*[code()] * 201), "more than 200 cells"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_usable_notebook_is_refused_in_both_languages(data, reason):
    with pytest.raises(NotebookError, match=reason) as refused:
        notebooks.read(data)
    assert refused.value.text.zh and refused.value.text.zh != refused.value.text.en


def test_only_text_ids_and_tags_are_kept():
    script = {"output_type": "display_data", "data": {"text/html": "<script>x</script>"}}
    cell = code("1", "c", "answer", outputs=[script], execution_count=7)
    cell["metadata"] |= {"trusted": True, "jupyter": {"source_hidden": True}}
    pictured = markdown("![](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}})
    text = notebooks.read(notebook(cell, pictured, metadata={"widgets": {"state": "<script>"}}))
    for gone in ("script", "trusted", "hidden", "AAAA", "widgets", "7"):
        assert gone not in text
    assert json.loads(text)["cells"] == [
        code("1", "c", "answer"),
        markdown("![](attachment:a.png)"),
    ]


def test_what_is_kept_is_a_valid_notebook_and_stays_the_same():
    odd = [
        code("x", 3),
        code("y", "no id!"),
        code("z", "same"),
        code("z", "same"),
        code("t", "t", "a,b", "", "tag", "tag", None),
        {"cell_type": "raw", "source": ["one\n", "two"], "metadata": []},
    ]
    text = notebooks.read(notebook(*odd, nbformat_minor=2))
    nbformat.validate(json.loads(text))
    assert notebooks.read(text) == text
    assert len({cell["id"] for cell in json.loads(text)["cells"]}) == len(odd)


def test_no_cell_keeps_a_hundred_thousand_tags():
    text = notebooks.read(notebook(code("x", "c", "answer", *map(str, range(100_000)))))
    [cell] = json.loads(text)["cells"]
    assert len(cell["metadata"]["tags"]) == notebooks.MAX_TAGS
    assert cell["metadata"]["tags"][0] == "answer"


def test_a_byte_order_mark_and_windows_line_ends_are_fine():
    text = notebooks.read(b"\xef\xbb\xbf" + notebook(code("a\r\nb")).encode())
    assert notebooks.code_cells(text) == ["a\nb"]


ANSWER = "import torch\n\ndef f():\n    return 1"
GIVEN = "def f():\n    raise NotImplementedError"
FOUND = {
    "as it was handed out": [markdown("# Task"), code(ANSWER, "f", "answer"), code("f()")],
    "the tag is gone": [code(ANSWER, "f")],
    "the id is gone": [code("f()", "x"), code(ANSWER, "new", "answer")],
    "both are gone": [code("f()", "x"), code(ANSWER, "new")],
    "solved in a copy": [code(GIVEN, "f", "answer"), code(ANSWER, "y", "answer")],
    "solved in a copy above": [code(ANSWER, "y", "answer"), code(GIVEN, "f", "answer")],
    "tried first, solved in a copy": [code("def f(): old", "f", "answer"), code(ANSWER, "y")],
    "a copy of one id": [code("def f(): old", "f", "answer"), code(ANSWER, "f", "answer")],
    "kept before it was solved": [code(ANSWER, "f", "answer"), code(GIVEN, "y", "answer")],
    "defined twice elsewhere": [code("def f(): old", "x"), code(ANSWER, "y")],
    "written in another cell": [code("", "f", "answer"), code(ANSWER, "y")],
    "the id became Markdown": [markdown(ANSWER, "f"), code(ANSWER, "y")],
    "tagged cells were added": [code("1", "x", "answer"), code(ANSWER, "f"), code("2", "y")],
    "Colab": [code(ANSWER, metadata={"id": "f", "colab": {"base_uri": "https://x"}}) | {"id": 0}],
}


@pytest.mark.parametrize("cells", FOUND.values(), ids=FOUND)
def test_the_answer_is_found_whatever_a_tool_did_to_its_cell(cells):
    assert notebooks.answer_source(notebooks.read(notebook(*cells)), STARTER) == ANSWER


def test_a_cell_that_defines_something_else_is_still_the_answer():
    handed_in = notebook(code("def ff(): pass", "f", "answer"), code("f()"))
    assert notebooks.answer_source(handed_in, STARTER) == "def ff(): pass"


def test_several_answers_come_in_the_starters_order_and_nothing_else_comes():
    handed_in = notebook(
        code("class G: 1", "g", "answer"), code("secret()", "x"), code("def f(): 2", "f", "answer")
    )
    assert notebooks.answer_source(handed_in, TWO) == "def f(): 2\n\nclass G: 1"


def test_what_is_as_it_was_handed_out_is_an_answer_where_nothing_else_is():
    for cells in (
        [code(GIVEN, "f", "answer"), code("f()")],
        [code(GIVEN, "x"), code("f()")],
    ):
        assert notebooks.answer_source(notebook(*cells), STARTER) == GIVEN


def test_what_the_starter_itself_shows_is_no_answer():
    starter = notebook(code(GIVEN, "f", "answer"), code("def f(): demonstration", "demo"))
    handed_in = notebook(code(ANSWER, "f", "answer"), code("def f(): demonstration", "demo"))
    assert notebooks.answer_source(handed_in, starter) == ANSWER


def test_the_cells_that_were_taken_are_numbered_as_the_page_numbers_them():
    handed_in = notebook(
        markdown("# Mine"),
        code("def f(): old", "f", "answer"),
        code("class G: 1", "g", "answer"),
        code("1"),
        code("def f(): new", "copy"),
    )
    assert notebooks.answers(handed_in, TWO) == [
        ("f", 4, "def f(): new"),
        ("g", 2, "class G: 1"),
    ]


def test_a_cell_that_holds_two_answers_is_taken_once():
    both = "def f(): 1\n\nclass G: 2"
    assert notebooks.answer_source(notebook(code(both, "f", "answer")), TWO) == both


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("name", ["f", "new"])
def test_an_answer_that_is_no_code_any_more_is_named(kind, name):
    handed_in = notebook(markdown(ANSWER, name, cell_type=kind), code("f()"))
    with pytest.raises(AnswerMissing, match=f"(?i)cell f is a {kind} cell now") as caught:
        notebooks.answer_source(notebooks.read(handed_in), STARTER)
    assert "代码单元格" in caught.value.text.zh


def test_notebooks_of_format_3_are_read():
    cells = [
        {"cell_type": "heading", "level": 1, "source": ["Task"], "metadata": {}},
        {
            "cell_type": "code",
            "input": ANSWER.splitlines(keepends=True),
            "outputs": [],
            "language": "python",
            "collapsed": False,
            "prompt_number": 3,
            "metadata": {},
        },
        {"cell_type": "raw", "source": "x"},
    ]
    text = notebooks.read(old({"cells": cells[:2]}, {"cells": cells[2:]}))
    kinds = [cell["cell_type"] for cell in json.loads(text)["cells"]]
    assert kinds == ["markdown", "code", "raw"]
    assert notebooks.answer_source(text, STARTER) == ANSWER


def test_an_older_notebook_of_format_4_needs_no_ids():
    cells = [code(["import torch\n", "def f():\n", "    return 1"]), code("f()")]
    for cell in cells:
        del cell["id"]
    text = notebooks.read(notebook(*cells, nbformat_minor=0))
    assert notebooks.answer_source(text, STARTER) == "import torch\ndef f():\n    return 1"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "-0"])
def test_odd_numbers_in_what_is_dropped_anyway_are_no_matter(number):
    output = {"output_type": "execute_result", "data": {"application/json": {"loss": "@"}}}
    text = notebook(code(ANSWER, outputs=[output])).replace('"@"', number)
    assert notebooks.code_cells(notebooks.read(text)) == [ANSWER]


def test_a_missing_answer_is_named_by_what_it_should_define():
    with pytest.raises(NotebookError, match="answer cell g is missing: no cell defines G"):
        notebooks.answer_source(notebook(code("def f(): 2", "f")), TWO)


MAGICS = {
    "%matplotlib inline\ndef f(): pass": "Line 1 of the answer cell f .*: %matplotlib inline",
    "def f(): pass\n!pip install einops": "Line 2 .*: !pip install einops",
    "%%bash\nls": "Line 1 .*: %%bash",
    "files = !ls\ndef f(): pass": "Line 1 .*: files = !ls",
}


@pytest.mark.parametrize(("source", "reason"), MAGICS.items(), ids=MAGICS)
def test_lines_for_ipython_are_named(source, reason):
    with pytest.raises(NotebookError, match=reason):
        notebooks.answer_source(notebook(code(source, "f", "answer")), STARTER)


@pytest.mark.parametrize(
    "source",
    ['"""\n% of\n!\n"""', "x = (7\n     % 3)", "def f(:\n%", "%" + "(" * 50_000, "x != 1\ny %= 2"],
    ids=["in a string", "an operator", "another error first", "hostile", "comparison"],
)
def test_other_uses_of_the_signs_are_left_to_python(source):
    found = notebooks.magic_line(source)
    assert found is None or source.startswith("%")


def test_a_solution_fills_the_starter_and_is_read_back():
    filled = notebooks.fill(STARTER, ANSWER)
    assert notebooks.answer_source(notebooks.read(filled), STARTER) == ANSWER
    assert notebooks.code_cells(filled)[1] == "f()"


def test_parts_fill_several_answers():
    filled = notebooks.fill(TWO, "# Solution\n# %% g\nclass G: 1\n\n# %% f\ndef f(): 2\n")
    assert notebooks.answer_source(filled, TWO) == "def f(): 2\n\nclass G: 1"
    with pytest.raises(NotebookError, match="not the starter's answer cells"):
        notebooks.fill(TWO, "# %% f\ndef f(): 2\n")
    with pytest.raises(NotebookError, match="not the starter's answer cells"):
        notebooks.fill(notebook(code("1")), ANSWER)
