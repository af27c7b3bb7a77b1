"""Plots as data: what ``static/plots.js`` draws, as JSON that stands in the page.

Belongs here: the shape of a plot, and writing it so that nothing in it ends the element it stands in. Does
not belong here: which plots a page has, how they look (``static/plots.js``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

Style = Literal["ink", "lead", "earlier", "quiet", "wide", "narrow", "warn", "model", "other"]
"""What a line is, which decides its colour and its dashes: ``wide`` and ``narrow`` are edges of bands, each
of the ``other`` lines has dashes of its own."""


@dataclass(frozen=True)
class Line:
    """Values along a plot; None is a gap.

    Attributes:
        label: in the legend.
        values: one per place of the axis.
        style: what it is.
        points: whether each value gets a mark, too.
    """

    label: str
    values: Sequence[float | None]
    style: Style
    points: bool = False

    @property
    def is_there(self) -> bool:
        """Whether anything would be drawn."""
        return any(value is not None for value in self.values)


@dataclass(frozen=True)
class Level:
    """A line across the plot: of a value, or of a place of the axis where ``at`` is x."""

    label: str
    value: float | str
    style: Style
    at: Literal["x", "y"] = "y"


@dataclass(frozen=True)
class Plot:
    """What is drawn.

    Attributes:
        x: dates, ascending, or quantities.
        x_label: what a place of the axis is.
        y_label: what the values are.
        lines: drawn in their order.
        bands: pairs of places in ``lines``, lower and upper edge.
        levels: lines across.
        marks: place of the axis -> letters at the foot of the plot.
        shown_from: place of the axis that the usual range begins with.
        floor: nothing below it is in sight; None leaves that to the values.
        is_share: the values are shares of one.
    """

    x: Sequence[date] | Sequence[float]
    x_label: str
    y_label: str
    lines: Sequence[Line]
    bands: Sequence[tuple[int, int]] = ()
    levels: Sequence[Level] = ()
    marks: Mapping[int, str] = field(default_factory=dict)
    shown_from: int = 0
    floor: float | None = None
    is_share: bool = False

    def json(self) -> Markup:
        """The plot for a script element.

        Raises:
            ValueError: a value is NaN or infinite.
        """
        drawn: dict[str, Any] = {
            "x": [place.isoformat() if isinstance(place, date) else place for place in self.x],
            "xLabel": self.x_label,
            "yLabel": self.y_label,
            "lines": [
                {
                    "label": line.label,
                    "values": list(line.values),
                    "style": line.style,
                    "points": line.points,
                }
                for line in self.lines
            ],
            "bands": [list(pair) for pair in self.bands],
            "levels": [
                {"label": level.label, "value": level.value, "style": level.style, "at": level.at}
                for level in self.levels
            ],
            "marks": [[place, letters] for place, letters in sorted(self.marks.items())],
            "shownFrom": self.shown_from,
            "floor": self.floor,
            "isShare": self.is_share,
        }
        return htmlsafe_json_dumps(drawn, allow_nan=False, ensure_ascii=True)
