"""Files are decoded as Python does it, and what can't be is named, with a way out."""

from __future__ import annotations

import pytest

from curriculum import texts

SOURCE = "# café 猫\nx = 'é'\n"


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (SOURCE.encode(), SOURCE),
        (SOURCE.encode("utf-8-sig"), SOURCE),
        (b"# -*- coding: cp1252 -*-\nx = '\xe9'\n", "# -*- coding: cp1252 -*-\nx = 'é'\n"),
        ("#!/usr/bin/env python\n# vim: set fileencoding=gbk :\nx = '猫'".encode("gbk"), None),
        (b"# coding: latin-1\r\nx = '\xe9'\r\n", "# coding: latin-1\r\nx = 'é'\r\n"),
        (b"", ""),
        (b"x", "x"),
        (b"x = 1\n\0", "x = 1\n\0"),
    ],
    ids=["utf-8", "mark", "cp1252", "gbk", "latin-1", "empty", "short", "NUL"],
)
def test_a_python_file_is_decoded_as_python_does(data, source):
    found = texts.python_source(data)
    assert found == source if source is not None else found.endswith("x = '猫'")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (SOURCE.encode("utf-16"), "saved as UTF-16"),
        (SOURCE.encode("utf-16-be"), "saved as UTF-16"),
        ("x = 1".encode("utf-16-le"), "saved as UTF-16"),
        (SOURCE.encode("utf-32"), "saved as UTF-32"),
        (b"x = 1\ny = '\xe9'\n", "isn't UTF-8: line 2 holds the byte 0xE9"),
        ("\n\nx = '中文'".encode("gbk"), "isn't UTF-8: line 3 holds the byte 0xD6"),
        (b"# coding: ascii\nx = '\xe9'\n", "isn't ASCII: line 2"),
        (b"# coding: klingon\n", "unknown encoding: klingon"),
        (b"\xef\xbb\xbf# coding: cp1252\n'\xe9'", "isn't UTF-8: line 2"),
    ],
    ids=["mark", "no mark", "ascii text", "utf-32", "cp1252", "gbk", "lying", "unknown", "both"],
)
def test_what_cannot_be_decoded_is_named_in_both_languages(data, says):
    with pytest.raises(texts.TextError) as caught:
        texts.python_source(data)
    assert says in caught.value.text.en and "UTF-8" in caught.value.text.zh
    assert caught.value.text.en.endswith(".") and caught.value.text.zh.endswith("。")


def test_a_mark_and_a_cookie_of_another_encoding_is_utf8():
    assert texts.python_source(b"\xef\xbb\xbf# coding: cp1252\nx = 1\n").endswith("x = 1\n")
