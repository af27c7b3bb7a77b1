"""The formulas that queries share with dbt: the macros of ``dbt_project`` that are plain Jinja.

Belongs here: rendering a query or one expression with them. Does not belong here: the formulas themselves
(``dbt_project/macros``), and values, which are bound or quoted by the driver.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.settings import RESOURCES

_MACROS = RESOURCES / "dbt_project" / "macros"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_MACROS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_formulas(template: str, **names: Any) -> str:
    """A query written as a template that imports macros by their file's name.

    Args:
        template: SQL with Jinja; its placeholders in single braces are left for the driver.
        names: names of columns and the like; never a value.
    """
    return _environment().from_string(template).render(names)


def accuracy_metric(name: str) -> str:
    """One metric over the columns of ``forecast_quality`` as ``expression as name``."""
    return render_formulas(
        '{% from "accuracy.sql" import accuracy_metric %}{{ accuracy_metric(name) }}', name=name
    )
