"""A served model over HTTP: what is sent, what is tried again, what is refused, and that the key stays with us."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest

from tests.overview.fake_vllm import Fake, Reply, Request, said, serving
from zeroov.errors import Failed, ModelError, RecipeError, ServerError, Streak, UsageError, ZeroovError
from zeroov.overview.server import KEY, MOST_BYTES, Completion, Server, complete, complete_all, read_completion
from zeroov.recipe import OverviewRecipe, from_dict, load

SECRET = "sk-very-secret-0123456789"
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "where?"}], "max_tokens": 7}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, f" {SECRET}\n")


@pytest.fixture
def replies() -> list[Reply]:
    """What the server answers, one after the other, the last one again and again."""
    return [said("[1, 2, 3, 4]")]


@pytest.fixture
def fake(replies: list[Reply]) -> Iterator[Fake]:
    with serving(lambda _: replies.pop(0) if len(replies) > 1 else replies[0]) as running:
        yield running


def server(fake: Fake, retries: int = 2, seconds: float = 20.0) -> Server:
    return Server(fake.url, "org/model", seconds, retries)


def refusal(fake: Fake, kind: type[ZeroovError], retries: int = 2, seconds: float = 20.0) -> str:
    """Ask, and return the text of the error, which never holds the key."""
    with pytest.raises(kind) as caught:
        complete(server(fake, retries, seconds), ASKED, lambda _: None)
    text = f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert SECRET not in text
    return str(caught.value)


def test_the_request_is_a_greedy_chat_completion_with_the_key_as_bearer(fake: Fake) -> None:
    assert complete(server(fake), ASKED) == Completion("[1, 2, 3, 4]", True)
    [request] = fake.requests
    assert request.path == "/v1/chat/completions"
    assert request.body == {"model": "org/model", "temperature": 0, "logprobs": True, **ASKED}
    assert request.headers["authorization"] == f"Bearer {SECRET}"


def test_without_a_key_none_is_sent(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    complete(server(fake), ASKED)
    assert "authorization" not in fake.requests[0].headers


def test_a_key_that_no_header_takes_is_refused_and_not_shown(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, f"{SECRET}\r\nHost: elsewhere")
    assert KEY in refusal(fake, UsageError)
    assert not fake.requests


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_may_pass_is_tried_again_after_longer_and_longer_waits(
    fake: Fake, replies: list[Reply], status: int
) -> None:
    replies[:0] = [Reply(b"busy", status)] * 2
    waits: list[float] = []
    assert complete(server(fake), ASKED, waits.append).text == "[1, 2, 3, 4]"
    assert (len(fake.requests), waits) == (3, [1.0, 2.0])
    assert fake.requests[0] == fake.requests[2]


def test_attempts_end(fake: Fake, replies: list[Reply]) -> None:
    replies[:] = [Reply(b'{"error": {"message": "out of memory"}}', 500)]
    text = refusal(fake, ServerError)
    assert len(fake.requests) == 3
    assert "status 500" in text
    assert "out of memory" in text
    assert "2 more attempts" in text
    assert fake.url in text
    assert "org/model" in text


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_not_tried_again_and_costs_its_own_sample(
    fake: Fake, replies: list[Reply], status: int
) -> None:
    replies[:] = [Reply(b'{"message": "too many image tokens"}', status)]
    text = refusal(fake, ServerError)
    assert len(fake.requests) == 1
    assert str(status) in text
    assert "too many image tokens" in text


@pytest.mark.parametrize(("status", "named"), [(401, KEY), (403, KEY), (404, "served_model")])
def test_what_the_next_sample_would_meet_too_ends_the_work(
    fake: Fake, replies: list[Reply], status: int, named: str
) -> None:
    replies[:] = [Reply(f"no {SECRET} here".encode(), status)]
    text = refusal(fake, ModelError)  # which `attempt` does not take for a sample's failure
    assert len(fake.requests) == 1
    assert named in text
    assert "no *** here" in text


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("100000", 60.0),
        ("-3", 0.0),
        ("soon", 1.0),
        ("nan", 1.0),
        (lambda: formatdate(time.time() + 3600, usegmt=True), 60.0),
        (lambda: formatdate(time.time() - 3600, usegmt=True), 0.0),
    ],
)
def test_a_server_says_how_long_it_wants_to_be_left_alone(
    fake: Fake, replies: list[Reply], value: str | Callable[[], str], pause: float
) -> None:
    header = value if isinstance(value, str) else value()
    replies.insert(0, Reply(b"", 429, (("Retry-After", header),)))
    waits: list[float] = []
    complete(server(fake), ASKED, waits.append)
    assert waits == [pause]


def test_a_server_that_is_not_there_is_tried_again_and_named() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        gone = Fake(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        text = refusal(gone, ServerError)
    assert "the connection failed" in text
    assert gone.url in text


def test_a_connection_that_breaks_off_is_tried_again(fake: Fake, replies: list[Reply]) -> None:
    whole = said("[1, 2, 3, 4]")
    replies.insert(0, whole._replace(body=whole.body[:-20], claimed=len(whole.body)))
    assert complete(server(fake), ASKED, lambda _: None).text == "[1, 2, 3, 4]"
    assert len(fake.requests) == 2


def test_who_says_nothing_in_time_is_given_up(fake: Fake, replies: list[Reply]) -> None:
    over = threading.Event()
    replies[:] = [said("[1, 2, 3, 4]")._replace(before=lambda: over.wait(20))]
    try:
        text = refusal(fake, ServerError, retries=1, seconds=0.2)
    finally:
        over.set()
    assert "nothing came within 0.2 s" in text
    assert "url_seconds" in text
    assert len(fake.requests) == 2


def test_an_answer_that_drips_is_given_up_too() -> None:
    """Each byte comes in time, the whole never."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            wire, _ = listening.accept()
            with wire:
                wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    while True:
                        wire.sendall(b" ")
                        time.sleep(0.02)
                except OSError:  # nobody listens any more
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        slow = Fake(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
        assert "nothing came within 0.3 s" in refusal(slow, ServerError, retries=0, seconds=0.3)
        thread.join()


def test_an_answer_without_end_is_not_taken_in(fake: Fake, replies: list[Reply]) -> None:
    replies[:] = [Reply(b" " * (MOST_BYTES + 1))]
    assert "more than" in refusal(fake, ServerError)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>502</html>",
        b'{"choices": [{"message": {"content": "[1, 2, 3, 4]"}, "finish_reason": "st',
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
        b"\xff\xfe{",
        said(None).body,
        said("").body,
        said(" \n").body,
        said("", "length").body,
        said("[1, 2, 3, 4]", "content_filter").body,
        said("[1, 2, 3, 4]", None).body,
    ],
)
def test_what_is_no_answer_is_an_error_never_an_empty_answer(fake: Fake, replies: list[Reply], raw: bytes) -> None:
    replies[:] = [Reply(raw)]
    assert "overview.url" in refusal(fake, ServerError)
    assert len(fake.requests) == 1


def test_an_error_shows_little_of_what_came_and_not_the_key(fake: Fake, replies: list[Reply]) -> None:
    replies[:] = [Reply(f"\x1b[31m{SECRET} {'x' * 5000}".encode())]
    text = refusal(fake, ServerError)
    assert "***" in text
    assert "\x1b" not in text
    assert len(text) < 400


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else() -> None:
    with serving(lambda _: said("[1, 2, 3, 4]")) as other:
        moved = Reply(b"", 307, (("Location", f"{other.url}/chat/completions"),))
        with serving(lambda _: moved) as fake:
            assert "redirect" in refusal(fake, ModelError)
        assert len(fake.requests) == 1
        assert other.requests == []


def test_no_proxy_is_asked(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: said("[9, 9, 9, 9]")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert complete(server(fake), ASKED).text == "[1, 2, 3, 4]"
    assert proxy.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/v1",
        "//host/v1",
        "host:8000/v1",
        "http://",
        "http:///v1",
        f"http://user:{SECRET}@host/v1",
        "http://host/v1?key=1",
        "http://host/v1#there",
        "http://host:eighty/v1",
        "http://host:99999/v1",
        "http://host/v 1",
        "http://host/v1\r\nX: y",
        "http://[::1/v1",
        "http://höst/v1",
    ],
)
def test_what_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(RecipeError, match=r"overview\.url"):
        load("mini", {"overview.url": url, "overview.served_model": "m"})


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://models.example.org/a/v1/", "http://[::1]:80/v1"])
def test_an_address_may_be_http_or_https(url: str) -> None:
    assert load("mini", {"overview.url": url, "overview.served_model": "m"}).overview.url == url


def test_a_recipe_names_the_served_model_and_an_address_is_asked_for_when_it_is_needed() -> None:
    for changes in ({"overview.url": "http://a/v1"}, {"overview.answer": "served"}):
        with pytest.raises(RecipeError, match=r"overview\.served_model"):
            load("mini", changes)
    with pytest.raises(RecipeError, match="prefill_only"):
        load("mini", {"overview.answer": "served", "overview.served_model": "m", "overview.prefill_only": True})
    with pytest.raises(RecipeError, match=r"--set overview\.url"):
        Server.of(OverviewRecipe(served_model="m"))


def test_the_digest_holds_the_models_name_and_not_the_address() -> None:
    changes: dict[str, Any] = {"overview.answer": "served", "overview.served_model": "a"}
    here = load("mini", changes)
    there = here.with_values({"overview.url": "https://b/v1", "overview.url_seconds": 9.0, "overview.url_retries": 0})
    assert here.digest == there.digest
    assert len({load("mini").digest, here.digest, here.with_values({"overview.served_model": "b"}).digest}) == 3
    assert "url" not in json.dumps(there.deciding())
    assert load("mini").with_values({"overview.url_seconds": 9.0}).digest == load("mini").digest
    assert from_dict(there.to_dict()) == there


def test_an_answer_that_was_cut_off_is_taken_as_one() -> None:
    cut = read_completion(said("[1, 2, 3", "length").body)
    assert (cut.text, cut.whole) == ("[1, 2, 3", False)


def test_probabilities_belong_to_the_letters_of_their_tokens() -> None:
    tokens = [(" ", -0.5), ("[1,", -0.1), (" 2]", -0.2), ("<|im_end|>", -0.4)]
    found = read_completion(said("[1, 2]", tokens=tokens).body)
    assert found.pieces == ("", "[1,", " 2]", "")
    assert found.sure == pytest.approx([math.exp(number) for _, number in tokens])
    assert found.confidence == pytest.approx(math.exp(-0.3))


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        5,
        {},
        {"content": None},
        {"content": []},
        {"content": [{"token": "[1"}]},
        {"content": [{"token": "[1, 2]", "logprob": float("nan")}]},
        {"content": [{"token": "[1, 2]", "logprob": "0"}]},
        {"content": [{"token": "[1, 2]", "logprob": True}]},
        {"content": [{"token": "\ufffd1, 2]", "logprob": -1}]},
    ],
)
def test_probabilities_that_are_not_there_leave_an_answer_certain(logprobs: Any) -> None:
    choice = {"message": {"content": "[1, 2]"}, "finish_reason": "stop", "logprobs": logprobs}
    found = read_completion(json.dumps({"choices": [choice]}).encode())
    assert (found.text, found.pieces, found.sure, found.confidence) == ("[1, 2]", (), (), 1.0)


def test_several_are_asked_at_once_and_each_fails_for_itself() -> None:
    together = threading.Barrier(3)

    def answer(request: Request) -> Reply:
        together.wait(20)  # breaks unless all are asked at once
        text = request.body["messages"][0]["content"]
        return Reply(b"", 400) if text == "b" else said(f"[{text}]")

    with serving(answer) as fake:
        asked = [{"messages": [{"role": "user", "content": text}]} for text in "abc"]
        first, second, third = complete_all(server(fake), asked)
    assert (first, third) == (Completion("[a]", True), Completion("[c]", True))
    assert isinstance(second, Failed)
    assert isinstance(second.error, ServerError)


def test_a_server_that_is_gone_for_good_ends_the_work() -> None:
    streak = Streak()
    for _ in range(24):
        streak.add(Failed(ServerError("gone")))
    with pytest.raises(ZeroovError, match="25 in a row"):
        streak.add(Failed(ServerError("gone")))
    patient = Streak()
    for _ in range(100):
        patient.add(Failed(UsageError("a bad expression")))
