"""Tokens of pages: good for what they were given for, and for nothing else."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.api.paging import TokenRefusedError, seal, unseal

NOW, BEFORE = b"n" * 32, b"b" * 32
ABOUT = ("acme", "worklist", "{}")


# thirty characters outside the basic plane are 360 bytes: four such texts fit into the longest token
@given(st.lists(st.one_of(st.text(max_size=30), st.integers()), min_size=1, max_size=4))
def test_a_token_gives_back_its_key(key: list[str | int]) -> None:
    assert unseal([NOW], ABOUT, seal([NOW], ABOUT, key)) == key


def test_days_travel_as_text() -> None:
    assert unseal([NOW], ABOUT, seal([NOW], ABOUT, [date(2026, 3, 31), 4])) == ["2026-03-31", 4]


def test_a_token_of_the_key_before_is_good_until_that_is_gone() -> None:
    token = seal([BEFORE], ABOUT, ["a"])
    assert unseal([NOW, BEFORE], ABOUT, token) == ["a"]
    with pytest.raises(TokenRefusedError):
        unseal([NOW], ABOUT, token)


@pytest.mark.parametrize("about", [("zenith", *ABOUT[1:]), ("acme", "demand", "{}"), (*ABOUT[:2], '{"a":1}')])
def test_a_token_is_bound_to_client_listing_and_filter(about: tuple[str, ...]) -> None:
    with pytest.raises(TokenRefusedError, match="begin at the first page"):
        unseal([NOW], about, seal([NOW], ABOUT, ["a"]))


@given(st.text(max_size=80))
def test_nothing_that_is_made_up_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefusedError):
        unseal([NOW], ABOUT, text)


@given(st.data())
def test_a_token_with_one_character_changed_is_none(data: st.DataObject) -> None:
    token = seal([NOW], ABOUT, ["item", "2026-03-31"])
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from([c for c in "abcXYZ019-_" if c != token[place]]))
    with pytest.raises(TokenRefusedError):
        unseal([NOW], ABOUT, token[:place] + other + token[place + 1 :])
