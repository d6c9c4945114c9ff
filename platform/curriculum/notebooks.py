"""Notebooks as data: what a learner uploads is cleaned, and the answer is read out of it.

Nothing here runs a notebook or needs Jupyter; what comes in is never trusted.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import nbformat

from curriculum import texts
from curriculum.bilingual import BilingualError

MAX_RAW_BYTES = 1 << 20
MAX_CLEAN_BYTES = 256 << 10
MAX_CELLS = 200
MAX_TAGS = 50
ANSWER_TAG = "answer"

_CELL_TYPES = ("code", "markdown", "raw")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!]|=\s*[%!]")
_PART = re.compile(r"^# %% (\S+)[ \t]*\n", re.MULTILINE)

Cell = dict[str, Any]


class NotebookError(BilingualError):
    """A notebook can't be used."""


class AnswerMissing(NotebookError):
    """No code cell of the notebook holds the answer."""


class Answer(NamedTuple):
    """The cell that was taken for an answer: its place among the code cells, from 1, and text."""

    name: str
    number: int
    source: str


def read(data: bytes | str) -> str:
    """Return the JSON text of an uploaded notebook, with only what grading needs.

    Cells keep their ids, tags and sources; outputs, attachments and all other metadata go.

    Raises:
        NotebookError: it is too large, isn't JSON, isn't a notebook of a format that Jupyter opens,
            has characters that can't be stored, or has no code cell.
    """
    cells = _cells(_decode(data))
    if not any(cell["cell_type"] == "code" for cell in cells):
        raise NotebookError("The notebook has no code cell.", "Notebook 里没有代码单元格。")
    text = _dump(cells)
    if len(text.encode()) > MAX_CLEAN_BYTES:
        raise NotebookError(
            f"Without its outputs the notebook is still larger than {MAX_CLEAN_BYTES >> 10} KiB.",
            f"去掉输出之后，Notebook 仍超过 {MAX_CLEAN_BYTES >> 10} KiB。",
        )
    return text


def code_cells(notebook_text: str) -> list[str]:
    """Return the sources of a cleaned notebook's code cells, in order.

    Raises:
        NotebookError: it is no notebook.
    """
    return [cell["source"] for cell in _code(notebook_text)]


def answer_source(notebook_text: str, starter_text: str) -> str:
    """Return the learner's module: the code in the cells that hold the answers.

    Raises:
        NotebookError: an answer cell is missing, or has lines that only IPython understands.
    """
    sources: dict[int, str] = {}
    for answer in answers(notebook_text, starter_text):
        _refuse_magics(answer)
        sources[answer.number] = answer.source
    return "\n\n".join(sources.values())


def answers(notebook_text: str, starter_text: str) -> list[Answer]:
    """Return the cells that hold the answers, in the order of the starter's cells of that tag.

    The last cell that defines an answer's functions and classes counts, as when the notebook runs:
    learners copy and move code. What is as it was handed out counts only where nothing else does.
    A cell that doesn't define them is taken by its id; else, when as many cells are tagged as in
    the starter, by its place among them.

    Raises:
        AnswerMissing: one is in no code cell.
        NotebookError: these are no notebooks, or the starter has no answer cell.
    """
    cells, given = _cells(notebook_text), _cells(starter_text)
    wanted = [cell for cell in given if _is_answer(cell)]
    if not wanted:
        raise NotebookError(
            "This exercise's notebook has no answer cell.", "这道练习的 Notebook 没有答案单元格。"
        )
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    handed_out = {cell["source"] for cell in given}
    own = [cell for cell in code if cell["source"] not in handed_out]
    found = list[Answer]()
    for position, answer in enumerate(wanted):
        untouched = [cell for cell in code if cell["source"] == answer["source"]]
        cell = _defining(own, answer) or _in_its_place(code, wanted, position)
        cell = cell or _defining(untouched, answer)
        if cell is None:
            raise _missing(cells, answer)
        found.append(Answer(answer["id"], code.index(cell) + 1, cell["source"]))
    return found


def magic_line(source: str) -> tuple[int, str] | None:
    """Return number and text of the first line of a cell that only IPython understands, if any."""
    lines = source.split("\n")
    if not any(map(_MAGIC.search, lines)):
        return None
    try:
        ast.parse(source)
    except SyntaxError as error:
        # Where Python stumbles: a "%" or "!" elsewhere may well stand in a string.
        number = error.lineno or 0
        if 0 < number <= len(lines) and _MAGIC.search(lines[number - 1]):
            return number, lines[number - 1].strip()[:80]
    except (ValueError, RecursionError, MemoryError):
        pass  # not our question: loading it in the sandbox says what is wrong
    return None


def fill(starter_text: str, source: str) -> str:
    """Return the starter with ``source`` in its answer cells.

    With several answer cells, a line ``# %% <cell id>`` begins each one's part.

    Raises:
        NotebookError: the starter has no answer cell, or the parts aren't its answer cells.
    """
    cells = _cells(starter_text)
    answers = [cell for cell in cells if _is_answer(cell)]
    if len(answers) == 1:
        answers[0]["source"] = source
        return _dump(cells)
    _, *pieces = _PART.split(source)
    parts = dict(zip(pieces[::2], pieces[1::2], strict=True))
    if not answers or parts.keys() != {cell["id"] for cell in answers}:
        raise NotebookError(
            "The parts of the source are not the starter's answer cells.",
            "源代码的各部分与初始 Notebook 的答案单元格不一致。",
        )
    for cell in answers:
        cell["source"] = parts[cell["id"]].strip("\n")
    return _dump(cells)


def _decode(data: bytes | str) -> str:
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > MAX_RAW_BYTES:
            raise NotebookError(
                f"The file is larger than {MAX_RAW_BYTES >> 20} MiB. Clear its outputs first.",
                f"文件超过 {MAX_RAW_BYTES >> 20} MiB，请先清除输出。",
            )
        return texts.utf8(raw)
    except UnicodeEncodeError as error:
        raise _not_json() from error
    except texts.TextError as error:
        raise NotebookError(error.text.en, error.text.zh) from error


def _parse(text: str) -> list[Any]:
    """Return the cells of a notebook, in the shape of format 4."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_json() from error
    version = content.get("nbformat") if isinstance(content, dict) else None
    if type(version) is not int:
        raise _not_a_notebook()
    if version not in (3, 4):
        raise NotebookError(
            f"The notebook has format {str(version)[:9]}. Save it in format 4 (.ipynb) first.",
            f"Notebook 的格式版本是 {str(version)[:9]}，请先另存为版本 4（.ipynb）。",
        )
    cells = content.get("cells") if version == 4 else _cells_of_format_3(content)
    if not isinstance(cells, list):
        raise _not_a_notebook()
    return cells


def _cells_of_format_3(content: dict[str, Any]) -> list[Any] | None:
    """Return what format 3 keeps in worksheets, or None if it has none."""
    sheets = content.get("worksheets")
    if not isinstance(sheets, list) or not all(isinstance(sheet, dict) for sheet in sheets):
        return None
    parts = [cells for sheet in sheets if isinstance(cells := sheet.get("cells"), list)]
    return [_upgraded(cell) for cells in parts for cell in cells]


def _upgraded(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    if cell.get("cell_type") == "code":
        return {**cell, "source": cell.get("input", "")}
    return {**cell, "cell_type": "raw" if cell.get("cell_type") == "raw" else "markdown"}


def _not_json() -> NotebookError:
    return NotebookError(
        "The file is not a notebook: it is not valid JSON.", "文件不是 Notebook：不是有效的 JSON。"
    )


def _not_a_notebook() -> NotebookError:
    return NotebookError("The file is not a Jupyter notebook.", "文件不是 Jupyter Notebook。")


def _clean_cells(found: list[Any]) -> list[Cell]:
    if len(found) > MAX_CELLS:
        raise NotebookError(
            f"The notebook has more than {MAX_CELLS} cells.",
            f"Notebook 的单元格超过 {MAX_CELLS} 个。",
        )
    cells: list[Cell] = []
    taken: set[str] = set()
    for position, cell in enumerate(found, 1):
        cleaned = _clean_cell(cell, position)
        wanted = cell.get("id", _metadata(cell).get("id"))  # Colab keeps it there
        if not isinstance(wanted, str) or not _ID.fullmatch(wanted) or wanted in taken:
            wanted = _free_id(position, taken)
        taken.add(wanted)
        cells.append({"id": wanted, **cleaned})
    try:
        nbformat.validate(_document(cells))
    except nbformat.ValidationError as error:
        raise _not_a_notebook() from error
    return cells


def _clean_cell(cell: Any, position: int) -> Cell:
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or cell.get("cell_type") not in _CELL_TYPES:
        raise NotebookError(
            f"The file is not a Jupyter notebook: cell {position} is malformed.",
            f"文件不是 Jupyter Notebook：第 {position} 个单元格格式不正确。",
        )
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    tags = _tags(cell)
    _refuse_unstorable((source, *tags), position)
    cleaned = {
        "cell_type": cell["cell_type"],
        "metadata": {"tags": tags} if tags else {},
        "source": source,
    }
    if cell["cell_type"] == "code":
        cleaned |= {"execution_count": None, "outputs": []}
    return cleaned


def _tags(cell: Cell) -> list[str]:
    tags = _metadata(cell).get("tags")
    # The format wants them unique and without commas.
    texts = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return [tag for tag in dict.fromkeys(texts) if tag and "," not in tag][:MAX_TAGS]


def _metadata(cell: Cell) -> dict[str, Any]:
    metadata = cell.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _refuse_unstorable(texts: Iterable[str], position: int) -> None:
    for text in texts:
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise NotebookError(
                f"Cell {position} has a character that is no text (NUL or half a surrogate pair).",
                f"第 {position} 个单元格含有不是文本的字符（NUL 或不成对的代理项）。",
            )


def _free_id(position: int, taken: set[str]) -> str:
    name = f"cell-{position}"
    while name in taken:
        name += "-x"
    return name


def _document(cells: list[Cell]) -> dict[str, Any]:
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _dump(cells: list[Cell]) -> str:
    return json.dumps(_document(cells), ensure_ascii=False, indent=1) + "\n"


def _cells(text: str) -> list[Cell]:
    return _clean_cells(_parse(text))


def _code(text: str) -> list[Cell]:
    return [cell for cell in _cells(text) if cell["cell_type"] == "code"]


def _is_answer(cell: Cell) -> bool:
    return cell["cell_type"] == "code" and ANSWER_TAG in cell["metadata"].get("tags", ())


def _defining(cells: list[Cell], answer: Cell) -> Cell | None:
    """Return the last of ``cells`` that defines what ``answer`` does."""
    names = _defined(answer)
    found = [cell for cell in cells if names and names <= _defined(cell)]
    return found[-1] if found else None


def _in_its_place(cells: list[Cell], wanted: list[Cell], position: int) -> Cell | None:
    tagged = [cell for cell in cells if _is_answer(cell)]
    same_id = [cell for cell in cells if cell["id"] == wanted[position]["id"]]
    if same_id:
        return same_id[0]
    return tagged[position] if len(tagged) == len(wanted) else None


def _missing(cells: list[Cell], answer: Cell) -> AnswerMissing:
    names, name = _defined(answer), answer["id"]
    for cell in cells:
        if cell["id"] == name or (names and names <= _defined(cell)):  # no code cell, then
            kind = "raw" if cell["cell_type"] == "raw" else "Markdown"
            return AnswerMissing(
                f"The answer cell {name} is a {kind} cell now, so its code doesn't run. Make it a "
                "code cell again (in Jupyter: select it and press Esc, then Y).",
                f"答案单元格 {name} 现在是 {kind} 单元格，其中的代码不会运行。"
                "请把它改回代码单元格（在 Jupyter 中选中它，按 Esc，再按 Y）。",
            )
    listed = ", ".join(sorted(names))
    return AnswerMissing(
        f"The answer cell {name} is missing" + (f": no cell defines {listed}." if names else "."),
        f"缺少答案单元格 {name}" + (f"：没有单元格定义 {listed}。" if names else "。"),
    )


def _defined(cell: Cell) -> set[str]:
    # By pattern and not by syntax tree: a cell with a syntax error must be found as well.
    return set(_DEFINED.findall(cell["source"]))


def _refuse_magics(answer: Answer) -> None:
    if (found := magic_line(answer.source)) is not None:
        number, line = found
        raise NotebookError(
            f"Line {number} of the answer cell {answer.name} is no Python but an IPython command: "
            f"{line}",
            f"答案单元格 {answer.name} 的第 {number} 行是 IPython 命令，不是 Python：{line}",
        )
