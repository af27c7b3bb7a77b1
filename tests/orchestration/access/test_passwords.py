"""Passwords: what is stored, what fits, and that a stranger takes as long as a mistake."""

from __future__ import annotations

import time
from statistics import median

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from orchestration.access.passwords import FEWEST_CHARACTERS, MOST_CHARACTERS, checked, hashed, require_good
from orchestration.access.refusals import OF_AN_ADDRESS, OF_AN_EMAIL, AccessError

PASSWORD = "seven quiet herons wade"


@pytest.fixture(scope="module")
def known() -> str:
    return hashed(PASSWORD)


def test_a_hash_is_argon2id_and_never_the_same_twice() -> None:
    first, second = hashed(PASSWORD), hashed(PASSWORD)
    assert first.startswith("$argon2id$")
    assert first != second
    assert PASSWORD not in first
    assert checked(PASSWORD, first) == checked(PASSWORD, second) == (True, None)


@pytest.mark.parametrize(
    "typed", ["", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper(), "\udcff", "x" * 100_000]
)
def test_anything_else_does_not_fit(typed: str, known: str) -> None:
    assert checked(typed, known) == (False, None)


def test_nothing_fits_where_there_is_no_password() -> None:
    assert checked("", None) == checked(PASSWORD, None) == (False, None)


def test_an_umlaut_fits_however_the_keyboard_sends_it() -> None:
    assert checked("Grüne Wiese am Bach", hashed("Gru\N{COMBINING DIAERESIS}ne Wiese am Bach"))[0]


def test_a_hash_of_weaker_settings_is_made_anew_by_the_right_password_only() -> None:
    weak = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    is_right, renewed = checked(PASSWORD, weak)
    assert is_right
    assert renewed is not None
    assert checked(PASSWORD, renewed) == (True, None)
    assert checked("another password", weak) == (False, None)


def test_a_stranger_takes_as_long_as_a_mistake(known: str) -> None:
    def seconds(of: str | None) -> float:
        started = time.perf_counter()
        checked("a wrong password", of)
        return time.perf_counter() - started

    seconds(None)
    pairs = [(seconds(known), seconds(None)) for _ in range(5)]
    assert 0.5 < median(mistake for mistake, _ in pairs) / median(stranger for _, stranger in pairs) < 2


@pytest.mark.parametrize(
    "password",
    [
        *("x" * 11, "ab" * 20, "x" * (MOST_CHARACTERS + 1)),
        *("someone@example.com", "SOMEONE@example.com", "anna.elisabeth"),
    ],
)
def test_a_password_that_is_soon_guessed_is_refused(password: str) -> None:
    email = "anna.elisabeth@example.com" if "@" not in password else "someone@example.com"
    with pytest.raises(AccessError):
        require_good(password, email)


def test_a_password_of_some_words_is_good() -> None:
    require_good("a bcdefghijkl"[:FEWEST_CHARACTERS], "someone@example.com")
    require_good(PASSWORD, "someone@example.com")


def test_failures_slow_down_what_comes_after_and_never_for_good() -> None:
    waits = [OF_AN_EMAIL.wait_seconds(failures, 0.0) for failures in range(200)]
    assert waits[:7] == [0, 0, 0, 0, 0, 1, 2]
    assert waits == sorted(waits)
    assert waits[-1] == OF_AN_EMAIL.longest_seconds
    assert OF_AN_EMAIL.wait_seconds(200, 60.0) == 0
    assert OF_AN_ADDRESS.wait_seconds(19, 0.0) == 0 < OF_AN_ADDRESS.wait_seconds(20, 0.0)
