"""Text of data inside Markdown: shown as it is, never read as markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(
    r"[\\`*|<]"  # code, emphasis, cells of tables, tags and links in angle brackets
    r"|(?<![^\W_])(?<!_)_++|_++(?![^\W_])"  # emphasis; inside of a word it is none
    r"|\](?=[(\[:])"  # links, images, and what they refer to
    r"|&(?=#?\w+;)"  # entities
    r"|~(?=~)"  # struck-out text
)
_BEGINNING = re.compile(r"^(\d*)([#>+=.)-])")
"""What makes a heading, a quotation, a list or a rule of a paragraph."""


def escape_markdown(text: str) -> str:
    r"""Escape text inside a line of Markdown, as GitHub and the Hub read it; runs of blanks and lines become one blank.

    Examples
    --------
    >>> print(escape_markdown("[a](http://b) <b>dna150_paws</b> [0.1, 0.2]"))
    [a\](http://b) \<b>dna150_paws\</b> [0.1, 0.2]
    """
    return _MARKUP.sub(lambda marks: "".join(f"\\{mark}" for mark in marks[0]), " ".join(text.split()))


def markdown_paragraph(text: str) -> str:
    r"""Escape text that is a paragraph of its own, or an entry of a list.

    Examples
    --------
    >>> print(markdown_paragraph("# no heading"))
    \# no heading
    """
    return _BEGINNING.sub(r"\1\\\2", escape_markdown(text))
