"""The door of a server with a token: the ways in, guesses that are slowed down, and no token left in an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from httpx import Response

from test_security import OTHERS, Client, guarded
from zhanr.app.door import ENTRANCE, FORM_LIMIT, TOO_MANY, WRONG, Door, Guesses
from zhanr.app.settings import Settings

PAGE = {"Accept": "text/html,*/*"}
WORD = "naïve Жанр & co"  # no ASCII, and signs that mean something in an address


class Clock:
    """Stands still until it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def slow(settings: Settings = OTHERS) -> tuple[Client, Clock]:
    client, clock = guarded(settings), Clock()
    client.guard._door = Door(settings.token or "", settings.port, clock)
    return client, clock


def bearer(token: str | bytes) -> dict[str, bytes]:
    return {"Authorization": b"Bearer " + (token if isinstance(token, bytes) else token.encode())}


def hidden(response: Response) -> str:
    """Where the form of the door will lead."""
    (found,) = re.findall(r'name="next" value="([^"]*)"', response.text)
    return str(found).replace("&amp;", "&")


# -- the ways in


def test_without_the_token_there_is_nothing() -> None:
    client = guarded(OTHERS)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "zhanr_8080=x"}, {"Cookie": "zhanr_8080=\xe9"}):
        response = client.get("/", headers={name: value.encode("latin-1") for name, value in headers.items()})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/?token=wrong").status_code == 401
    assert client.post("/?token=a secret").status_code == 401  # the address of a form of another page


@pytest.mark.parametrize("token", ["a secret", WORD])
def test_a_program_sends_the_token(token: str) -> None:
    client = guarded(Settings(host="0.0.0.0", port=8080, token=token))
    assert client.post("/", headers=bearer(token)).status_code == 200
    assert client.post("/", headers=bearer(token + "x")).status_code == 401
    assert client.post("/", headers=bearer(token.encode("utf-16"))).status_code == 401


@pytest.mark.parametrize("token", ["a secret", WORD])
def test_a_browser_sends_it_once_and_gets_a_cookie_that_does_not_tell_it(token: str) -> None:
    settings = Settings(host="0.0.0.0", port=8080, token=token)
    client = guarded(settings)
    response = client.get(f"/songs?q=jazz+%26+blues&q=2&token={quote(token)}")
    assert response.status_code == 303
    assert response.headers["location"] == "/songs?q=jazz+%26+blues&q=2"
    cookie = response.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert token not in cookie
    assert client.get("/").status_code == 200  # the client keeps cookies
    value = {"Cookie": cookie.partition(";")[0]}
    assert client.get("/", headers=value).status_code == 200
    assert guarded(settings).get("/", headers=value).status_code == 401  # the cookie of one process is no other's


@pytest.mark.parametrize("token", ["a secret", WORD])
def test_a_person_types_it_and_gets_where_they_wanted(token: str) -> None:
    client = guarded(Settings(host="0.0.0.0", port=8080, token=token))
    door = client.get("/library?q=genre%3Djazz+%22a%22&sort=-year", headers=PAGE)
    assert door.status_code == 401
    assert f'action="{ENTRANCE}"' in door.text
    assert 'method="post"' in door.text
    assert WRONG not in door.text
    done = client.post(ENTRANCE, data={"token": token, "next": hidden(door)}, headers=PAGE)
    assert done.status_code == 303
    assert done.headers["location"] == "/library?q=genre%3Djazz+%22a%22&sort=-year"
    assert client.get("/library").status_code == 200


def test_a_wrong_one_is_told_and_stays_in_no_address() -> None:
    client = guarded(OTHERS)
    moved = client.get("/library?q=jazz&token=wrong%26", headers=PAGE)
    assert moved.status_code == 303
    assert "wrong%26" not in moved.headers["location"]
    door = client.get(moved.headers["location"], headers=PAGE)
    assert door.status_code == 401
    assert WRONG in door.text
    assert hidden(door) == "/library?q=jazz"
    again = client.post(ENTRANCE, data={"token": "wrong", "next": hidden(door)}, headers=PAGE)
    assert (again.status_code, hidden(again)) == (401, "/library?q=jazz")
    assert WRONG in again.text
    assert WRONG in client.get("/?token=wrong").json()["detail"]


def test_who_has_been_let_in_finds_no_door() -> None:
    client = guarded(OTHERS)
    client.get("/?token=a%20secret")
    assert client.get(f"{ENTRANCE}?next=/map&wrong=1", headers=PAGE).headers["location"] == "/map"
    assert client.get("/map?token=old", headers=PAGE).headers["location"] == "/map"
    assert client.ask("HEAD", "/").status_code in (200, 405)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/ \r\nSet-Cookie: a=b",
        "https://evil.example",
        "javascript:1",
        "evil.example",
        "",
    ],
)
def test_the_way_on_never_leads_to_another_host(elsewhere: str) -> None:
    client = guarded(OTHERS)
    for token, status in (("wrong", 401), ("a secret", 303), ("", 303)):  # the last one has the cookie
        done = client.post(ENTRANCE, data={"token": token, "next": elsewhere}, headers=PAGE)
        assert done.status_code == status
        assert (done.headers.get("location") or hidden(done)) == "/"
    assert hidden(guarded(OTHERS).get(f"{ENTRANCE}?next={quote(elsewhere)}", headers=PAGE)) == "/"


def test_two_slashes_are_one() -> None:
    response = guarded(OTHERS).get("http://127.0.0.1:8080//evil.example/?token=a%20secret")
    assert response.status_code == 303
    assert response.headers["location"] == "/evil.example/"


def test_what_is_shown_at_the_door_is_text() -> None:
    door = guarded(OTHERS).get('/"><script>?"><b>=<i>', headers=PAGE)
    assert "<script" not in door.text
    assert "<b>" not in door.text
    assert "script-src" not in door.headers["content-security-policy"]
    assert "default-src 'none'" in door.headers["content-security-policy"]
    assert door.headers["cache-control"] == "no-store"
    assert door.headers["referrer-policy"] == "same-origin"


def test_the_form_is_bounded_and_comes_from_here() -> None:
    client = guarded(OTHERS)
    assert client.post(ENTRANCE, data={"token": "x" * FORM_LIMIT}).status_code == 413
    form = {"token": "a secret"}
    assert client.post(ENTRANCE, data=form, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(ENTRANCE, content=bytes(range(256))).status_code == 401
    assert client.ask("DELETE", ENTRANCE).status_code == 401


# -- guesses


def test_guesses_are_slowed_down_whichever_way_they_come() -> None:
    client, clock = slow()
    ways: tuple[Callable[[str], Response], ...] = (
        lambda token: client.get("/", headers=bearer(token)),
        lambda token: client.get(f"/?token={quote(token)}"),
        lambda token: client.post(ENTRANCE, data={"token": token}),
    )
    for i in range(Guesses.AT_ONCE):
        assert ways[i % 3]("wrong").status_code == 401
    for way in ways:
        for token in ("wrong", "a secret"):  # or guessing would go on, with an eye on the answers that are right
            response = way(token)
            assert response.status_code == 429
            assert TOO_MANY in response.json()["detail"]
            assert response.headers["retry-after"] == "6"
    assert client.get("/", headers=PAGE).status_code == 401, "who shows none guesses nothing"
    clock.now += Guesses.SECONDS
    assert ways[0]("wrong").status_code == 401
    assert ways[0]("wrong").status_code == 429
    clock.now += Guesses.SECONDS
    assert ways[0]("a secret").status_code == 200
    assert ways[0]("a secret").status_code == 200, "what is right costs nothing"


def test_a_person_is_told_how_long() -> None:
    client, _ = slow()
    for _ in range(Guesses.AT_ONCE):
        client.post(ENTRANCE, data={"token": "wrong"})
    door = client.post(ENTRANCE, data={"token": "a secret", "next": "/map"}, headers=PAGE)
    assert door.status_code == 429
    assert "Try again in 6 seconds" in door.text
    assert hidden(door) == "/map"


def test_a_cookie_is_not_slowed_down() -> None:
    client, _ = slow()
    client.get("/?token=a%20secret")
    stranger = guarded(OTHERS)
    stranger.guard = client.guard
    for _ in range(2 * Guesses.AT_ONCE):
        stranger.get("/", headers=bearer("wrong"))
    assert stranger.get("/", headers=bearer("a secret")).status_code == 429
    assert client.get("/").status_code == 200


def test_an_address_has_its_guesses_for_itself_and_few_are_remembered() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(Guesses.AT_ONCE):
        guesses.add("a")
    assert guesses.wait("a") == Guesses.SECONDS
    assert guesses.wait("b") == 0
    for i in range(2 * Guesses.ADDRESSES):
        guesses.add(str(i))
    assert len(guesses._forgiven) == Guesses.ADDRESSES
    clock.now += 1e6
    guesses.add("a")
    assert guesses.wait("a") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.168.0.7", "192.168.0.8", False),
        ("::ffff:192.168.0.7", "192.168.0.7", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "unix", False),
    ],
)
def test_whose_guesses_are_counted_together(one: str, other: str, same: bool) -> None:
    from zhanr.app.door import _address

    assert (_address({"client": (one, 1)}) == _address({"client": (other, 2)})) is same
    assert _address({"client": None}) == _address({})
