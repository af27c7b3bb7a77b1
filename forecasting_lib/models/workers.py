"""Who answers the batches of a model: this process, or workers that each hold the model.

Belongs here: the interface and the way that needs nobody else. Does not belong here: any engine that spreads
work over processes or machines (whoever has one implements ``Workers``), the models.

A series' numbers may depend on the batch it is answered in: attention and matrix products add up in another
order for another shape. So the model makes its batches the same way whoever answers them, and the answers
come back in their order.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import Panel

Answer = npt.NDArray[np.float32]
"""(n, h, 21): a model's quantiles of the n series of a batch, as it gives them."""


class BatchModel(Protocol):
    """A model that can be asked batch by batch. Pickled, it is its settings: a copy loads its own weights."""

    def answer(self, batch: Panel, horizon: int) -> Answer:
        """The quantiles of the next ``horizon`` periods of one batch, whose series are answered together."""
        ...


class Workers(Protocol):
    """Who answers batches."""

    def answers(
        self, model: BatchModel, batches: Iterable[Panel], horizon: int
    ) -> Generator[Answer, None, None]:
        """One answer per batch, in the batches' order; closing it sends the workers home.

        Args:
            model: the model to ask.
            batches: read as they can be answered; they need not be in memory at once.
            horizon: periods ahead.
        """
        ...


@dataclass(frozen=True)
class ThisProcess:
    """Answers one batch after the other, with the model as it is here."""

    def answers(
        self, model: BatchModel, batches: Iterable[Panel], horizon: int
    ) -> Generator[Answer, None, None]:
        """See :meth:`Workers.answers`."""
        for batch in batches:
            yield model.answer(batch, horizon)


THIS_PROCESS = ThisProcess()
