"""What a feed's settings mean for the reader, the judge and the kind.

Belongs here: putting a feed's settings and its client's together. Does not belong here: the settings
(``feeds``, ``registry``), carrying them out (the readers, ``shaping``, ``wide``, ``judging``).
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from forecasting_lib.grain import Grain
from orchestration.errors import UserError
from orchestration.feeds import DECIMALS, NUMBERED, SEPARATORS, THOUSANDS, Feed
from orchestration.fields import option_name
from orchestration.landing.codes import reads_item, spelt
from orchestration.landing.contracts import Cells, Column
from orchestration.landing.expressions import columns_of, require_computable
from orchestration.landing.item_columns import PREFIX, ItemColumns
from orchestration.landing.kind import Kind
from orchestration.landing.kinds import KINDS, kind_named
from orchestration.landing.layout import Layout
from orchestration.landing.numbered_periods import Numbering
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


def numbering_of(feed: Feed) -> Numbering | None:
    """What the dates of a feed count that are running numbers; None where they are written out."""
    return None if feed.numbered is None else Numbering(*feed.numbered)


def laid_out(kind: Kind, feed: Feed) -> Kind:
    """A kind as a feed delivers it: with a column per period or item, or with rows that are added up."""
    if feed.lines == "transactions":
        kind = replace(kind, whole_file=add_up)
    if kind.has_sales and feed.numbered is not None and feed.numbered[0] is not Grain.DAY:
        kind = replace(kind, totals_of=feed.numbered[0])
    if kind.measure is None:
        return kind
    if feed.date_columns is not None:
        return _with_period_columns(kind, feed, feed.date_columns, kind.measure)
    if feed.item_columns is not None:
        return _with_item_columns(kind, feed, feed.item_columns, kind.measure)
    return kind


def _with_period_columns(kind: Kind, feed: Feed, names: str, measure: str) -> Kind:
    numbering = numbering_of(feed)
    day_named = partial(named_date, date_format=names) if numbering is None else numbering.day_named(names)
    return replace(
        kind,
        columns=_columns_beside_cells(kind, "date"),
        cells=Cells(lambda name: day_named(name) is not None, names),
        rows=partial(PeriodColumns, day_named=day_named, measure=measure),
        line_limit=_WIDE_LINE_LIMIT,
    )


def _with_item_columns(kind: Kind, feed: Feed, names: str, measure: str) -> Kind:
    def is_item(name: str) -> bool:
        return fnmatchcase(name.casefold(), names.casefold()) and reads_item(feed, name)

    return replace(
        kind,
        columns=_columns_beside_cells(kind, ItemColumns.told),
        cells=Cells(is_item, names, "an item", PREFIX),
        rows=partial(ItemColumns, item=kind.column("item_id"), spelt=partial(spelt, feed), measure=measure),
        line_limit=_WIDE_LINE_LIMIT,
    )


def _columns_beside_cells(kind: Kind, told: str) -> tuple[Column, ...]:
    """The columns that tell lines apart, where the names of the others tell the rest."""
    return tuple(column for column in kind.columns if column.staged in kind.key and column.name != told)


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
    if feed.date_format is not None and not is_usable(feed.date_format):
        raise FeedError(f"--date-format {feed.date_format!r} does not give a day, a week or a month.")
    if feed.date_columns is not None:
        _require_names_of_periods(feed, feed.date_columns)
    if kind.measure is None and (feed.date_columns or feed.item_columns):
        wide = ", ".join(kind.name for kind in KINDS if kind.measure)
        raise FeedError(f"Only {wide} may have a column per period or item, not {feed.kind}.")
    if feed.lines == "transactions" and not (kind.has_sales and kind.measure):
        raise FeedError(f"Only rows of sales are transactions that are added up, not those of {feed.kind}.")


def _require_names_of_periods(feed: Feed, names: str) -> None:
    if feed.numbered is None and not is_usable(names):
        numbered = " or ".join(option_name(Feed, field) for field in NUMBERED)
        advice = f"; where * is a running number, say with {numbered} since when" if "*" in names else ""
        raise FeedError(f"--date-columns {names!r} does not give a day, a week or a month{advice}.")
    if feed.numbered is not None and names.count("*") != 1:
        raise FeedError(
            f"--date-columns {names!r} needs one * where the running number stands, such as 'W*'."
        )
