"""What is said of a field of a model beside its type, limits and default, and what follows from all of it.

A table's columns (``warehouse.tables.registry_columns``) and a command's options
(``commands.field_options``) are made of it. Belongs here: the vocabulary and the questions. Does not belong
here: any field (``registry``, ``feeds``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

NOT_TYPED = "-"
"""In the place of an option's name: the field is set by commands of its own."""


@dataclass(frozen=True)
class Setting:
    """What table and command line have to know of a field beside its type, limits and default.

    Attributes:
        sentence: what the field means, without the full stop where ``empty`` follows.
        empty: what no value means, of a text that may be missing: '' on the command line, NULL in the table.
        option: the option's name where it is not the field's.
        one_piece: the option's own sentence, where it takes a piece of the value and may be repeated.
        check: name of the table's constraint, where the database enforces the limits, too.
        is_exact: a fraction that is kept as a person wrote it, not in binary.
        in_every_row: False where the table neither demands a value nor fills in the default.
    """

    sentence: str
    empty: str | None = None
    option: str | None = None
    one_piece: str | None = None
    check: str | None = None
    is_exact: bool = False
    in_every_row: bool = True

    @property
    def help(self) -> str:
        """The option's help."""
        return self.one_piece or self._with_empty("''")

    @property
    def comment(self) -> str:
        """The column's comment."""
        return self._with_empty("NULL")

    def _with_empty(self, nothing: str) -> str:
        return self.sentence if self.empty is None else f"{self.sentence}; {nothing} for {self.empty}."


def setting_of(model: type[BaseModel], field: str) -> Setting:
    """What was said of a field; every field must say it."""
    (setting,) = (note for note in model.model_fields[field].metadata if isinstance(note, Setting))
    return setting


def option_name(model: type[BaseModel], field: str) -> str:
    """The option by which a field is set; of a switch, the one that sets it to True."""
    option = setting_of(model, field).option
    return (option or f"--{field.replace('_', '-')}").split("/", maxsplit=1)[0]


def typed_fields(model: type[BaseModel]) -> list[str]:
    """The fields that have an option."""
    return [field for field in model.model_fields if setting_of(model, field).option != NOT_TYPED]


def may_be_missing(model: type[BaseModel], field: str) -> bool:
    """Whether None is a value of the field."""
    return type(None) in get_args(model.model_fields[field].annotation)


def plain_type(model: type[BaseModel], field: str) -> type:
    """str, int, float, bool, list or dict: what decides how a field is stored and how it is typed in."""
    annotation: Any = model.model_fields[field].annotation
    if may_be_missing(model, field):
        (annotation,) = set(get_args(annotation)) - {type(None)}
    outer = get_origin(annotation) or annotation
    return str if outer is Literal else outer


def choices(model: type[BaseModel], field: str) -> tuple[str, ...]:
    """The words a field may hold; none where it is not one of a few."""
    declared = model.model_fields[field].annotation
    annotations = get_args(declared) if may_be_missing(model, field) else ()
    for annotation in (*annotations, declared):
        if get_origin(annotation) is Literal:
            return get_args(annotation)
    return ()
