"""A file of a learner's as text, decoded as Python does it."""

from __future__ import annotations

import codecs
import io
import tokenize

from curriculum.bilingual import BilingualError

_BOMS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class TextError(BilingualError):
    """A file can't be read."""


def utf8(data: bytes) -> str:
    """Return the text of ``data``, without the byte order mark that it may begin with.

    Raises:
        TextError: it isn't UTF-8.
    """
    return _decoded(data, "utf-8")


def python_source(data: bytes) -> str:
    """Return the text of a Python file: UTF-8, or what its ``# coding:`` line says (PEP 263).

    Raises:
        TextError: it is in another encoding, or in none that Python knows.
    """
    if _wide(data):
        return utf8(data)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "unknown encoding" not in str(error):
            return utf8(data)  # and say where it isn't
        raise TextError(
            f"The file's `# coding:` line names no encoding that Python knows: {error}. "
            "Save the file as UTF-8 and delete that line.",
            f"文件的 `# coding:` 行写的不是 Python 认识的编码：{error}。"
            "请把文件另存为 UTF-8，并删去这一行。",
        ) from error
    return _decoded(data, encoding)


def _wide(data: bytes) -> str | None:
    """Return the name of an encoding of two or four bytes a character that ``data`` is in."""
    found = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    head = data[:100]
    return found or ("UTF-16" if len(head) > 3 and 3 * head.count(0) > len(head) else None)


def _decoded(data: bytes, encoding: str) -> str:
    if (found := _wide(data)) is not None:
        raise TextError(
            f"The file is saved as {found}, not as UTF-8. {_HOW_EN}",
            f"文件是以 {found} 保存的，不是 UTF-8。{_HOW_ZH}",
        )
    if encoding.startswith("utf-8"):
        data, encoding = data.removeprefix(codecs.BOM_UTF8), "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"0x{data[error.start]:02X}"
        name = encoding.upper()
        raise TextError(
            f"The file isn't {name}: line {line} holds the byte {byte}, which can't stand there. "
            f"Probably it was saved in an older encoding, as Windows-1252 or GBK. {_HOW_EN}",
            f"文件不是 {name}：第 {line} 行有不合规的字节 {byte}。"
            f"它很可能是用旧编码（如 GBK 或 Windows-1252）保存的。{_HOW_ZH}",
        ) from error


_HOW_EN = (
    "Save it as UTF-8: in VS Code click the encoding in the status bar, then "
    "“Save with Encoding”; in Notepad choose UTF-8 under “Save as”."
)
_HOW_ZH = (
    "请另存为 UTF-8：在 VS Code 中点击状态栏里的编码，选“通过编码保存”；"
    "在记事本中用“另存为”，编码选 UTF-8。"
)
