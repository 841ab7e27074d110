"""Ask a model that an OpenAI-compatible server serves, e.g. vLLM, for chat completions. Knows HTTP, and no picture.

HTTP is that of the standard library: no redirect is followed and no proxy asked, so that the key goes nowhere else.
"""

from __future__ import annotations

import email.utils
import functools
import http.client
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zeroov.errors import Failed, RecipeError, ServerError, ServerRefusal, UsageError, attempt, first_line
from zeroov.recipe import OverviewRecipe

KEY = "ZEROOV_URL_KEY"  # the environment variable with the server's key; it is written nowhere
PATH = "/chat/completions"
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before the second attempt, doubled each time; at most
MOST_BYTES = 2**24  # of an answer
AT_ONCE = 16  # requests


@dataclass(frozen=True)
class Server:
    """Where a served model is, what it is called there, how long an attempt may take, and how many may follow."""

    url: str
    model: str
    seconds: float
    retries: int

    @classmethod
    def of(cls, recipe: OverviewRecipe) -> Server:
        """Return the server of a recipe."""
        if not recipe.url:
            raise RecipeError(
                f"overview.served_model = {recipe.served_model} is to be asked, and overview.url does not say where it "
                "is served; use --set overview.url=http://HOST:PORT/v1"
            )
        return cls(recipe.url.rstrip("/"), recipe.served_model, recipe.url_seconds, recipe.url_retries)


@dataclass(frozen=True)
class Completion:
    """What a served model said; `whole`: it was not cut off at the longest length.

    `pieces` are the text token by token, and `sure` how likely each one was, and the end; empty where the server does
    not say.
    """

    text: str
    whole: bool
    pieces: tuple[str, ...] = ()
    sure: tuple[float, ...] = ()

    @property
    def confidence(self) -> float:
        """The geometric mean of the probabilities of the tokens; 1 where none are known."""
        if not self.sure:
            return 1.0
        return math.exp(sum(math.log(max(each, 1e-30)) for each in self.sure) / len(self.sure))


class _Failure(Exception):
    """An attempt that failed in a way that may pass; `wait` seconds where the server says so."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def complete_all(server: Server, asked: Sequence[Mapping[str, Any]]) -> list[Completion | Failed]:
    """Ask for several completions at once; return each, or how it failed."""
    stopped = threading.Event()
    pool = ThreadPoolExecutor(min(AT_ONCE, max(1, len(asked))))
    try:
        calls = [functools.partial(complete, server, each, stopped.wait) for each in asked]
        return list(pool.map(attempt, calls))
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


def complete(server: Server, asked: Mapping[str, Any], wait: Callable[[float], Any] = time.sleep) -> Completion:
    """Ask for one completion, the greedy one: `asked` is the body of the request without the model's name.

    What may pass is tried again: a connection that fails, status 429 and those from 500. `wait` returns true where
    nobody waits any more.
    """
    body = {"model": server.model, "temperature": 0, "logprobs": True, **asked}
    data, seconds = json.dumps(body).encode(), FIRST_WAIT
    for left in range(server.retries, -1, -1):
        try:
            return read_completion(_post(server, data))
        except _Failure as failure:
            reason = _shown(str(failure))
            pause = min(LONGEST_WAIT, seconds if failure.wait is None else failure.wait)
        if left and wait(pause):
            break
        seconds *= 2
    raise ServerError(
        f"{server.model} at {server.url} gave no answer: {reason}, also after {server.retries} more attempts; see "
        "whether the server runs, or wait longer with --set overview.url_seconds and overview.url_retries"
    )


def read_completion(raw: bytes) -> Completion:
    """Return what the body of a server's answer says; one that says nothing is an error, never an empty answer."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _unusable("no JSON", raw) from error
    choices = said.get("choices") if isinstance(said, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise _unusable("no choice with a message", raw)
    text, reason = message.get("content"), choice.get("finish_reason")
    if reason not in ("stop", "length"):
        raise _unusable(f"an answer that ended because of {str(reason)[:40]!r}, expected `stop` or `length`", raw)
    if not isinstance(text, str) or not text.strip():
        more = "; give it more tokens, or turn its thinking off" if reason == "length" else ""
        raise _unusable(f"an answer without words{more}", raw)
    pieces, sure = _by_token(choice.get("logprobs"), text)
    return Completion(text, reason == "stop", pieces, sure)


def _by_token(said: Any, text: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return an answer token by token with its probabilities; nothing where the server does not say, or otherwise.

    Tokens may hold more than the text: the end, which counts, and blanks that a server takes away.
    """
    tokens = said.get("content") if isinstance(said, dict) else None
    if not isinstance(tokens, list) or not tokens or not all(map(_is_token, tokens)):
        return (), ()
    joined = "".join(token["token"] for token in tokens)
    begin = joined.find(text)
    if begin < 0:  # letters that are split over tokens
        return (), ()
    pieces, at = [], -begin
    for token in tokens:
        own, start = token["token"], at
        at += len(own)
        pieces.append(own[max(0, -start) : max(0, len(text) - start)])
    return tuple(pieces), tuple(math.exp(min(0.0, token["logprob"])) for token in tokens)


def _is_token(said: Any) -> bool:
    number = said.get("logprob") if isinstance(said, dict) else None
    fine = isinstance(number, int | float) and not isinstance(number, bool) and not math.isnan(number)
    return fine and isinstance(said.get("token"), str)


def _unusable(what: str, raw: bytes) -> ServerError:
    return ServerError(f"the server of overview.url sent {_shown(what)}: {_shown(raw)}; see its log")


def _post(server: Server, data: bytes) -> bytes:
    """Post a body once, and return that of the answer."""
    parts, key = urlsplit(server.url), _key()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=server.seconds)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    end = time.monotonic() + server.seconds
    try:
        connection.request("POST", parts.path + PATH, data, headers)
        wire = connection.sock
        with connection.getresponse() as answer:
            raw = _read(wire, answer, end)
    except TimeoutError as error:
        raise _Failure(f"nothing came within {server.seconds:g} s") from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise _Failure(f"the connection failed ({first_line(error)})") from error
    finally:
        connection.close()
    if answer.status == 200:
        return raw
    said = _shown(raw)
    if answer.status == 429 or answer.status >= 500:
        raise _Failure(f"status {answer.status} ({said})", _retry_after(answer.headers.get("Retry-After")))
    if 300 <= answer.status < 400:
        raise ServerRefusal(
            f"{server.url} answers with a redirect ({answer.status}), which is not followed: the key is for this "
            "address alone; set overview.url to the address where the model is served"
        )
    if answer.status in (401, 403):
        raise ServerRefusal(
            f"{server.url} refuses the key ({answer.status}: {said}); put the right one into the environment variable "
            f"{KEY}"
        )
    if answer.status == 404:
        raise ServerRefusal(
            f"{server.url} knows no model {server.model}, or no address {PATH} ({said}); overview.url mostly ends with "
            "/v1, and GET /v1/models lists what overview.served_model may be"
        )
    raise ServerError(f"{server.model} at {server.url} refuses the request ({answer.status}: {said})")


def _read(wire: Any, answer: http.client.HTTPResponse, end: float) -> bytes:
    """Return the body of an answer, which must be whole before `end`."""
    got = bytearray()
    while True:
        if (left := end - time.monotonic()) <= 0:
            raise TimeoutError
        wire.settimeout(left)
        part = answer.read1(1 << 16)
        got += part
        if len(got) > MOST_BYTES:
            raise ServerError(f"the server of overview.url sent more than {MOST_BYTES:,} bytes; see its log")
        if not part:
            break
    if answer.length:
        raise http.client.IncompleteRead(bytes(got[:100]), answer.length)
    return bytes(got)


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not (key.isprintable() or not key):
        raise UsageError(f"the environment variable {KEY} holds characters that no key has; set it once more")
    return key


def _retry_after(value: str | None) -> float | None:
    """Return for how many seconds a server wants to be left alone: a number, or the time until a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _shown(said: bytes | str) -> str:
    """Return the first words of what a server said for a message, without the key, should it repeat that."""
    text, key = (
        said if isinstance(said, str) else said[:4096].decode("utf-8", "replace"),
        os.environ.get(KEY, "").strip(),
    )
    text = text.replace(key, "***") if key else text
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (words if len(words) <= 200 else words[:197] + "...") or "nothing"
