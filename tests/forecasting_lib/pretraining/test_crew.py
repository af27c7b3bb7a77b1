"""Processes that train together: what one tells all, and the mean of what all bring."""

from __future__ import annotations

from forecasting_lib.pretraining.crew import Crew, assemble


def _bring_own_rank(crew: Crew) -> None:
    import torch

    while (told := crew.agree(-99.0)) >= 0.0:
        crew.average([torch.tensor([float(crew.rank), told]), torch.full((2, 2), 10.0 * crew.rank)])


def test_the_leader_is_heard_and_the_gradients_are_averaged() -> None:
    import torch

    with assemble(3, _bring_own_rank) as crew:
        for told in (4.0, 7.0):
            assert crew.agree(told) == told
            vector, matrix = torch.tensor([0.0, told]), torch.zeros(2, 2)
            crew.average([vector, matrix])
            assert vector.tolist() == [1.0, told]
            assert matrix.tolist() == [[10.0, 10.0], [10.0, 10.0]]
        crew.agree(-1.0)


def test_a_crew_of_one_speaks_to_nobody() -> None:
    import torch

    with assemble(1, _bring_own_rank) as crew:
        assert crew == Crew(rank=0, size=1)
        own = torch.tensor([3.0])
        crew.average([own])
        assert (crew.agree(0.5), own.tolist()) == (0.5, [3.0])
