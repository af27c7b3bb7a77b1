"""Options of a command made of the fields of a model: one for each, with its type, default and sentence.

Belongs here: what an option looks like, and which fields a command line named. Does not belong here: any
field (``registry``, ``feeds``) and any command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from orchestration.fields import plain_type, setting_of, typed_fields

Command = TypeVar("Command", bound=Callable[..., None])


def option_per_field(
    model: type[BaseModel], *, but: Collection[str] = (), demand_the_required: bool
) -> Callable[[Command], Command]:
    """Give a command an option for each field of a model in the place of its ``**fields``.

    Args:
        model: whose fields.
        but: fields that the command asks for in another way.
        demand_the_required: insist on those without a default, and show the defaults of the others.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [
            _option(model, field, demand_the_required) for field in typed_fields(model) if field not in but
        ]
        vars(command)["__signature__"] = signature.replace(parameters=[*own, *options])
        return command

    return decorate


def given(model: type[BaseModel], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields named on the command line; an empty text clears a field that may be empty."""
    return {
        field: None if value == "" and setting_of(model, field).empty is not None else value
        for field, value in fields.items()
        if value is not None
    }


def merged_pairs(
    pairs: Sequence[str], before: Mapping[str, str], shape: Callable[[str], str]
) -> dict[str, str]:
    """Pairs of ``NAME=VALUE`` merged into those that are stored; an empty value takes one out.

    Args:
        pairs: as typed.
        before: as stored.
        shape: what is said of a pair that is none.

    Raises:
        BadParameter: a pair has no name or no ``=``.
    """
    merged = dict(before)
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not (separator and name.strip()):
            raise typer.BadParameter(shape(pair))
        merged[name.strip()] = value
        if not value:
            del merged[name.strip()]
    return merged


def _option(model: type[BaseModel], field: str, demand_the_required: bool) -> inspect.Parameter:
    """A field as an option; one that is not named on the command line arrives as None."""
    setting, kind = setting_of(model, field), plain_type(model, field)
    typed_in = list[str] if kind in {list, dict} else kind
    is_demanded = demand_the_required and model.model_fields[field].is_required()
    shown = setting.help
    if demand_the_required and not is_demanded:
        shown += f"  [default: {_shown_default(model, field)}]"
    option = typer.Option(*([setting.option] if setting.option else []), help=shown)
    return inspect.Parameter(
        field,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if is_demanded else None,
        annotation=Annotated[typed_in if is_demanded else typed_in | None, option],
    )


def _shown_default(model: type[BaseModel], field: str) -> str:
    """What a field is where its option is not named, as the help shows it."""
    match model.model_fields[field].default:
        case None | {} | []:
            return "none"
        case bool() as switch:
            on, off = (setting_of(model, field).option or "").removeprefix("--").split("/--")
            return on if switch else off
        case list() as several:
            return ", ".join(several)
        case default:
            return str(default)
