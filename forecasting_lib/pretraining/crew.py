"""Processes that train one model together: each its own batches, all the same weights.

Belongs here: how they meet, what they agree on before a step, how their gradients become one.
Does not belong here: what a step is (train), batches.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


@dataclass(frozen=True)
class Crew:
    """One process's view of the crew; a crew of one never speaks to anybody.

    Attributes:
        rank: 0 leads: it keeps the time, validates and saves.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def agree(self, progress: float) -> float:
        """The leader's progress, told to all; whatever a follower passes is overwritten."""
        if self.size == 1:
            return progress
        import torch
        from torch import distributed

        told = torch.tensor([progress], dtype=torch.float64)
        distributed.broadcast(told, src=0)
        return float(told[0])

    def average(self, tensors: list[torch.Tensor]) -> None:
        """Replace every tensor by its mean over the crew, in one message."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))


@contextmanager
def assemble(size: int, follow: Callable[[Crew], None]) -> Iterator[Crew]:
    """Start ``size - 1`` followers and yield the leader's crew; they end with the leader, however it ends.

    Args:
        follow: what a follower runs, picklable; it takes part in every exchange until the leader's last.
    """
    if size == 1:
        yield Crew()
        return
    from torch import distributed, multiprocessing

    os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as meeting_place:
        meeting = (Path(meeting_place) / "crew").as_uri()
        followers: list[BaseProcess] = [
            context.Process(target=_follow, args=(Crew(rank, size), meeting, follow), daemon=True)
            for rank in range(1, size)
        ]
        for process in followers:
            process.start()
        distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=size)
        try:
            yield Crew(0, size)
        finally:
            distributed.destroy_process_group()
            for process in followers:
                process.join(timeout=30)
                process.kill()


def _follow(crew: Crew, meeting: str, follow: Callable[[Crew], None]) -> None:
    import signal

    from torch import distributed

    # A Ctrl-C reaches every process of a terminal; the leader alone decides when the crew stops.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    distributed.init_process_group("gloo", init_method=meeting, rank=crew.rank, world_size=crew.size)
    follow(crew)
    distributed.destroy_process_group()
