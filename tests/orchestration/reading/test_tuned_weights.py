"""What a killed tuning leaves goes with the next one."""

from __future__ import annotations

from pathlib import Path

from orchestration.reading.tuned_weights import scratch_folder


def test_the_folder_of_a_killed_tuning_goes_and_that_of_one_in_progress_stays(tmp_path: Path) -> None:
    left = tmp_path / ".tuning-killed"
    (left / "weights").mkdir(parents=True)
    (left / "weights" / "model.safetensors").write_text("half")
    with scratch_folder(tmp_path) as mine:
        assert not left.exists()
        with scratch_folder(tmp_path) as other:
            assert {mine, other} == set(tmp_path.iterdir())
        assert set(tmp_path.iterdir()) == {mine}
    assert not list(tmp_path.iterdir())
