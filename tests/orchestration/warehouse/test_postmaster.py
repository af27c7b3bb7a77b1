"""What ``postmaster.pid`` says is read whole or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestration.warehouse.postmaster import PidFile, parse_pid_file
from tests.orchestration.warehouse.hard_stop import GENUINE

WHOLE = GENUINE.format(pid=4711, data_dir="/srv/postgres")


def test_the_file_of_a_running_server_names_its_process_and_its_socket() -> None:
    assert parse_pid_file(WHOLE) == PidFile(4711, "/srv/postgres", "/srv/postgres-socket", 5432)


def test_a_server_that_is_coming_up_has_no_socket_yet() -> None:
    assert parse_pid_file("4711\n/srv/postgres\n1795552811\n5432\n\n") == PidFile(
        4711, "/srv/postgres", None, 5432
    )


@given(st.integers(0, len(WHOLE)))
def test_a_file_cut_anywhere_names_no_other_process(length: int) -> None:
    said = parse_pid_file(WHOLE[:length])
    assert said is None or (said.pid, said.data_dir) == (4711, "/srv/postgres")


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    said = parse_pid_file(text)
    assert said is None or said.pid > 1


@given(st.sampled_from(["0", "1", "-4711", "", "x", "٣"]))
def test_a_number_that_no_server_has_is_none(number: str) -> None:
    said = parse_pid_file(WHOLE.replace("4711", number, 1))
    assert said is None or said.pid > 1
