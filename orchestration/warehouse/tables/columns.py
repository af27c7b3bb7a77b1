"""The column vocabulary that all tables share: types by meaning, the tenant key, the quantile grid."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Numeric,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.warehouse.tables.vocabulary import Vocabulary, listed, words_of

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BOOK_QUANTITY = Numeric(18, 4)

BY_CLIENT = "LIST (client_id)"
"""How the large tables are partitioned."""

VOCABULARY = "vocabulary"
"""Key of ``Column.info`` under which a column of a closed vocabulary holds its words."""


def client_key() -> Column[str]:
    """First column of every tenant table.

    Without a foreign key to ``ops.clients``: it would cost a look-up for every row of a bulk load, and
    the partitions of the large tables refuse an unknown client anyway.
    """
    return Column("client_id", Text, primary_key=True, comment="Tenant the row belongs to.")


def of_a_client() -> ForeignKeyConstraint:
    """Of a table that people write to: its rows go with the client, whoever writes meanwhile.

    The slug may be somebody else's later.
    """
    return ForeignKeyConstraint(["client_id"], ["ops.clients.client_id"], ondelete="CASCADE")


def made_up(name: str, comment: str, *, primary_key: bool = True) -> Column[Any]:
    """A random identifier that the database chooses where nobody else does."""
    return Column(
        name,
        UUID(as_uuid=True),
        primary_key=primary_key,
        nullable=False,
        server_default=text("gen_random_uuid()"),
        comment=comment,
    )


def key(name: str, comment: str, type_: Any = Text) -> Column[Any]:
    return Column(name, type_, primary_key=True, comment=comment)


def series_key() -> list[Column[str]]:
    return [key("item_id", "Item."), key("location_id", "Location.")]


def words(name: str, comment: str, *, nullable: bool = True, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default, comment=comment)


def one_of(
    name: str,
    vocabulary: Vocabulary,
    comment: str = "{}.",
    *,
    nullable: bool = True,
    primary_key: bool = False,
    default: str | None = None,
) -> Column[str]:
    """A column of a closed vocabulary, whose comment lists the words.

    Args:
        name: of the column.
        vocabulary: the words it may hold.
        comment: with ``{}`` where the list stands.
        nullable: whether NULL may stand there.
        default: the word in rows that were there before the column.
        primary_key: whether it is part of the key, and so never NULL.
    """
    words = words_of(vocabulary)
    return Column(
        name,
        Text,
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        server_default=default,
        comment=comment.format(listed(words)),
        info={VOCABULARY: words},
    )


def only(name: str, vocabulary: Vocabulary) -> CheckConstraint:
    """The database refuses any other word in this column."""
    words = ", ".join(f"'{word}'" for word in words_of(vocabulary))
    return CheckConstraint(f"{name} in ({words})", name=name)


def book(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    """A quantity or a value as delivered or ordered: exact."""
    return Column(name, BOOK_QUANTITY, nullable=nullable, comment=comment)


def total(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    """A sum of exact quantities or values, exact to all its digits."""
    return Column(name, Numeric, nullable=nullable, comment=comment)


def model(name: str, comment: str, *, nullable: bool = True) -> Column[float]:
    """A number a model computed: double precision."""
    return Column(name, Double, nullable=nullable, comment=comment)


def whole(name: str, comment: str, *, nullable: bool = True, default: int | None = None) -> Column[int]:
    return Column(
        name,
        Integer,
        nullable=nullable,
        server_default=None if default is None else text(str(default)),
        comment=comment,
    )


def day(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, Date, nullable=nullable, comment=comment)


def moment(name: str, comment: str, *, nullable: bool = True, now: bool = False) -> Column[Any]:
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=text("now()") if now else None,
        comment=comment,
    )


def yes_no(name: str, comment: str, *, nullable: bool = False, default: bool | None = False) -> Column[bool]:
    return Column(
        name,
        Boolean,
        nullable=nullable,
        server_default=None if default is None else text("true" if default else "false"),
        comment=comment,
    )


def document(name: str, comment: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment=comment)


def labels(name: str, comment: str, *, default: str = "'{}'") -> Column[Any]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text(default), comment=comment)


def run_key(comment: str, name: str = "run_id") -> Column[Any]:
    return Column(name, UUID(as_uuid=False), primary_key=True, comment=comment)


def quantile_columns() -> list[Column[float]]:
    return [
        model(name, f"{int(name[1:])} % quantile of the day's demand, in units.", nullable=False)
        for name in QUANTILE_COLUMNS
    ]


def ordered_quantiles() -> CheckConstraint:
    """Finite, non-negative, never crossing. NaN sorts above infinity, so the last bound refuses both."""
    chain = " and ".join(f"{low} <= {high}" for low, high in pairwise(QUANTILE_COLUMNS))
    return CheckConstraint(
        f"{QUANTILE_COLUMNS[0]} >= 0 and {chain} and {finite(QUANTILE_COLUMNS[-1])}", name="quantiles"
    )


def finite(column: str) -> str:
    return f"{column} < 'infinity'::float8"


def non_negative(*columns: str) -> CheckConstraint:
    """Each column is NULL or a finite number from zero up."""
    return CheckConstraint(" and ".join(f"{c} >= 0 and {finite(c)}" for c in columns), name="non_negative")
