from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import ChurnError
from churn.secret_keys import SecretKeys, Secrets

KEY, OLDER = "k" * 43, "o" * 43


@given(st.text())
def test_what_is_encrypted_is_read_back_and_looks_like_nothing(text: str) -> None:
    keys = SecretKeys([KEY])
    token = keys.encrypt(text)
    assert keys.decrypt(token) == text
    assert len(text) < 8 or text not in token
    assert keys.encrypt(text) != token


def test_an_older_key_still_reads_and_the_first_one_writes() -> None:
    before, both = SecretKeys([OLDER]), SecretKeys([KEY, OLDER])
    assert both.decrypt(before.encrypt("x")) == "x"
    assert SecretKeys([KEY]).decrypt(both.encrypt("x")) == "x"
    assert both.markers("7") == [*SecretKeys([KEY]).markers("7"), *before.markers("7")]


@pytest.mark.parametrize(
    "broken", ["", "x", "gAAAAA", SecretKeys([OLDER]).encrypt("x")], ids=["empty", "short", "cut", "foreign"]
)
def test_what_another_key_wrote_is_one_sentence(broken: str) -> None:
    with pytest.raises(ChurnError, match="another secret key"):
        SecretKeys([KEY]).decrypt(broken)


@given(st.text(), st.text())
def test_a_marker_tells_users_apart_and_not_who_they_are(one: str, other: str) -> None:
    keys = SecretKeys([KEY])
    [marker] = keys.markers(one)
    assert len(marker) == 32
    assert int(marker, 16) >= 0
    assert (keys.markers(other) == [marker]) == (one == other)
    assert SecretKeys([OLDER]).markers(one) != [marker]


def test_encryption_and_markers_do_not_share_a_key() -> None:
    keys = SecretKeys([KEY])
    assert keys._marking[0] not in KEY.encode()
    assert len(set(keys._marking)) == 1


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, "short"]])
def test_what_is_too_short_to_be_secret_is_refused(keys: list[str]) -> None:
    with pytest.raises(ChurnError, match="at least 32 characters"):
        SecretKeys(keys)


def test_from_a_file_with_the_newest_first(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n{OLDER}\n")
    keys = Secrets(key_file=tmp_path / "key").require("x")
    assert keys.markers("7") == SecretKeys([KEY, OLDER]).markers("7")


def test_a_file_that_is_not_there_and_no_key_at_all_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ChurnError, match=r"cannot be read .* head -c 32"):
        Secrets(key_file=tmp_path / "nothing").read()
    assert Secrets().read() is None
    assert Secrets(key="").read() is None  # type: ignore[arg-type]
    with pytest.raises(ChurnError, match=r"There is no secret key\. It is needed here"):
        Secrets().require("It is needed here")


def test_two_places_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep one of the two"):
        Secrets(key=KEY, key_file=tmp_path)  # type: ignore[arg-type]


def test_a_key_is_never_shown() -> None:
    assert KEY not in repr(Secrets(key=KEY))  # type: ignore[arg-type]
