"""Sentences of ours as HTML: what the templates of the report and of the pages do with them alike."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from orchestration.foreign_text import printable


def coded(sentence: str) -> Markup:
    """A sentence whose names of files and tables stand between backticks, as such.

    >>> print(coded("Deliver `sales*.csv` <now>."))
    Deliver <code>sales*.csv</code> &lt;now&gt;.
    """
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(printable(sentence)))))
