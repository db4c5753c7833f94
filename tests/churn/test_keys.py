from __future__ import annotations

from typing import Any

import pytest

from churn.errors import ChurnError
from churn.keys import KEPT_MS, SCOPES, Keys, digest, key_id
from churn.sessions import LINK_S, SESSION_S, Sessions
from churn.settings import DAY_MS

T0 = 1_790_000_000_000


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (f"churn_{'ab12' * 3}_{'x_y-z' * 8}abc", "ab12" * 3),
        ("churn_ab12_", ""),
        ("churn_ab12", ""),
        ("other_ab12_x", ""),
        ("", ""),
        ("churn__x", ""),
    ],
)
def test_the_id_within_a_key(token: str, expected: str) -> None:
    assert key_id(token) == expected


@pytest.mark.servers
class TestKeys:
    @pytest.fixture
    def now(self) -> list[int]:
        return [T0]

    @pytest.fixture
    def keys(self, redis_client: Any, now: list[int]) -> Keys:
        return Keys(redis_client, lambda: now[0])

    def test_a_key_has_256_random_bits_and_only_its_hash_is_kept(self, keys: Keys, redis_client: Any) -> None:
        made = {keys.create("x", ["read"])[1] for _ in range(50)}
        assert len(made) == 50
        for token in made:
            assert len(token.split("_", 2)[2]) == 43
            assert redis_client.hget(f"churn:key:{key_id(token)}", "sha256") == digest(token)

    def test_scopes_are_known_and_in_their_order(self, keys: Keys) -> None:
        key, _ = keys.create("x", ["admin", "read", "read"])
        assert key.scopes == ("read", "admin")
        assert keys.get(key.id) == key
        for wrong in ([], ["all"], ["read", "all"]):
            with pytest.raises(ChurnError, match="scope"):
                keys.create("x", wrong)
        assert set(SCOPES) == {"read", "write", "events", "admin"}

    def test_what_ended_long_ago_is_forgotten(self, keys: Keys, now: list[int], redis_client: Any) -> None:
        revoked, _ = keys.create("revoked", ["read"])
        expired, _ = keys.create("expired", ["read"], days=1)
        lasting, _ = keys.create("lasting", ["read"])
        keys.revoke(revoked.id)
        now[0] += KEPT_MS
        assert {key.name for key in keys.all()} == {"revoked", "expired", "lasting"}
        now[0] += 1
        assert {key.name for key in keys.all()} == {"expired", "lasting"}
        now[0] += DAY_MS
        assert [key.name for key in keys.all()] == ["lasting"]
        assert redis_client.zrange("churn:keys", 0, -1) == [lasting.id]
        assert not redis_client.exists(f"churn:key:{revoked.id}", f"churn:key:{expired.id}")

    def test_a_rotation_keeps_how_long_a_key_lasts(self, keys: Keys, now: list[int]) -> None:
        old, _ = keys.create("x", ["events"], days=10, per_second=7)
        now[0] += 4 * DAY_MS
        new, _ = keys.rotate(old.id)
        assert (new.scopes, new.per_second, new.expires_ms) == (("events",), 7, now[0] + 10 * DAY_MS)
        assert keys.get(old.id).expires_ms == now[0] + DAY_MS

    def test_a_rotation_never_makes_the_old_one_last_longer(self, keys: Keys) -> None:
        old, _ = keys.create("x", ["read"], days=0.5)
        keys.rotate(old.id, overlap_days=7)
        assert keys.get(old.id).expires_ms == old.expires_ms

    def test_revoking_twice_keeps_the_first_time(self, keys: Keys, now: list[int]) -> None:
        key, _ = keys.create("x", ["read"])
        first = keys.revoke(key.id).revoked_ms
        now[0] += 5
        assert keys.revoke(key.id).revoked_ms == first
        with pytest.raises(LookupError):
            keys.revoke("nothing")


@pytest.mark.servers
class TestSessions:
    def test_redis_knows_neither_a_session_nor_a_link(self, redis_client: Any) -> None:
        sessions = Sessions(redis_client)
        session, link = sessions.begin("k1"), sessions.link("k1")
        held = " ".join(redis_client.scan_iter("churn:*"))
        assert session not in held
        assert link not in held
        assert SESSION_S - 5 <= redis_client.ttl(f"churn:session:{digest(session)}") <= SESSION_S
        assert LINK_S - 5 <= redis_client.ttl(f"churn:link:{digest(link)}") <= LINK_S

    def test_a_link_begins_one_session(self, redis_client: Any) -> None:
        sessions = Sessions(redis_client)
        link = sessions.link("k1")
        session = sessions.follow(link)
        assert session is not None
        assert redis_client.get(f"churn:session:{digest(session)}") == "k1"
        assert sessions.follow(link) is None
        assert sessions.follow("nonsense") is None
        sessions.end(session)
        assert redis_client.get(f"churn:session:{digest(session)}") is None
