"""What a feed's settings mean for the reader, the judge and the kind.

Belongs here: putting a feed's settings and its client's together. Does not belong here: the settings
(``feeds``, ``registry``), carrying them out (the readers, ``shaping``, ``wide``, ``judging``).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from orchestration.errors import UserError
from orchestration.feeds import DECIMALS, SEPARATORS, THOUSANDS, Feed
from orchestration.landing.expressions import columns_of, require_computable
from orchestration.landing.kinds import KINDS, Kind, kind_named
from orchestration.landing.layout import Layout
from orchestration.landing.values import Marks, is_usable
from orchestration.landing.whole_file import add_up
from orchestration.landing.wide import PeriodColumns, named_date
from orchestration.registry import Client

_WIDE_LINE_LIMIT = 16 << 20


class FeedError(UserError):
    """A feed that could read no file; the message says why."""


def layout_of(client: Client, feed: Feed) -> Layout:
    """What is known of the layout of a feed's files; the feed's own names of columns come first."""
    columns = {**client.column_map.get(feed.kind, {}), **feed.columns}
    supplied = feed.constants.keys() | feed.derived.keys()
    further = {name: None for formula in feed.derived.values() for name in columns_of(formula)}
    return Layout(
        columns={ours: theirs for ours, theirs in columns.items() if ours not in supplied},
        supplied=supplied,
        further=tuple(further),
        encoding=feed.encoding,
        separator=SEPARATORS.get(feed.separator or ""),
        decimal_comma=None if feed.decimal is None else feed.decimal == "comma",
        sheet=feed.sheet,
        header_row=feed.header_row,
    )


def marks_of(feed: Feed, *, decimal_comma: bool) -> Marks:
    """How the numbers of a file are written, of which the reader found the decimal mark."""
    decimal = DECIMALS["comma" if decimal_comma else "point"]
    thousands = THOUSANDS.get(feed.thousands or "")
    return Marks(decimal, None if thousands == decimal else thousands)


def laid_out(kind: Kind, feed: Feed) -> Kind:
    """A kind as a feed delivers it: with a column per period, or with rows that are added up."""
    if feed.lines == "transactions":
        kind = replace(kind, whole_file=add_up)
    if feed.date_columns is None or kind.measure is None:
        return kind
    date_format = feed.date_columns
    return replace(
        kind,
        columns=tuple(
            column for column in kind.columns if column.staged in kind.key and column.name != "date"
        ),
        day_label=lambda name: named_date(name, date_format) is not None,
        day_example=date_format,
        rows=partial(PeriodColumns, date_format=date_format, measure=kind.measure),
        line_limit=_WIDE_LINE_LIMIT,
    )


def require_readable(feed: Feed) -> None:
    """Refuse a feed that could read no file.

    Raises:
        FeedError: it names a kind, a column or a format that there is not.
        ExpressionError: a column cannot be computed.
    """
    kind = kind_named(feed.kind)
    if kind is None:
        raise FeedError(
            f"There is no kind {feed.kind!r}; there are {', '.join(kind.name for kind in KINDS)}."
        )
    names = [column.name for column in kind.columns]
    for column in (*feed.columns, *feed.constants, *feed.derived):
        if column not in names:
            raise FeedError(f"{feed.kind} has no column {column!r}; it has {', '.join(names)}.")
    for column, formula in feed.derived.items():
        require_computable(formula, kind.column(column))
    for option, date_format in (("--date-format", feed.date_format), ("--date-columns", feed.date_columns)):
        if date_format is not None and not is_usable(date_format):
            raise FeedError(f"{option} {date_format!r} does not give a day, a week or a month.")
    if kind.measure is None and feed.date_columns is not None:
        wide = ", ".join(kind.name for kind in KINDS if kind.measure)
        raise FeedError(f"Only {wide} may have a column per period, not {feed.kind}.")
    if feed.lines == "transactions" and not (kind.has_sales and kind.measure):
        raise FeedError(f"Only rows of sales are transactions that are added up, not those of {feed.kind}.")
