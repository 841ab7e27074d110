"""Ask a zeroov server from another program: the standard library alone, no torch, one file.

client = Client("http://127.0.0.1:8000")
picture = client.upload("photo.jpg")
answer = client.ask(picture, "the white plane")
if answer.box: client.download(answer, "mask.png", "mask.png")
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

JSON = "application/json"
LONGEST_WAIT = 60.0  # seconds that a server may ask to wait before the next try
PAUSE = 0.2  # seconds between two looks at a job
Point = tuple[float, float, bool]
"""x, y in pixels of the picture, and whether the object is there."""


class ServerError(Exception):
    """The server refused: `code` is a word for programs, `message` says why, `hint` what to do; `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.status, self.code, self.message, self.hint = status, code, message, hint


@dataclass(frozen=True)
class Picture:
    """A picture that the server holds: its id, height and width, and all else that the server says of it."""

    id: str
    hw: tuple[int, int]
    large: bool
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What an expression means in a picture; `box` is x0, y0, x1, y1 in its pixels, `about` the whole document."""

    id: str
    expression: str
    found: bool
    score: float
    box: tuple[float, float, float, float] | None
    why: str
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A question on its way: accepted, running, successful, failed or dismissed."""

    id: str
    status: str
    progress: float
    stage: str
    about: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("successful", "failed", "dismissed")


class Client:
    """A server, by its address; `key` is the one that it was started with, if any."""

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str = "", timeout: float = 600.0, tries: int = 5):
        self.url, self.key, self.timeout, self.tries = url.rstrip("/"), key, timeout, tries

    def upload(self, image: str | PathLike[str] | bytes, bands: Sequence[int] | None = None, name: str = "") -> Picture:
        """Send an image file, or its bytes; the picture can be asked about until the server forgets it."""
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        query = {"name": name or ("" if isinstance(image, bytes) else Path(image).name)}
        if bands:
            query["bands"] = ",".join(map(str, bands))
        about = self._json("POST", f"/v1/pictures?{urllib.parse.urlencode(query)}", data)
        return Picture(about["id"], (about["hw"][0], about["hw"][1]), about["large"], about)

    def ask(self, picture: Picture | str, expression: str, **options: Any) -> Answer:
        """Find what an expression describes; `options` are the fields of the question, such as `all=True`."""
        return self.ask_many(picture, [expression], **options)[0]

    def ask_many(self, picture: Picture | str, expressions: Sequence[str], **options: Any) -> list[Answer]:
        """Find what several expressions describe, in one go."""
        question = {"expressions": list(expressions), **options}
        path = f"/v1/pictures/{_id(picture)}/ground"
        return _answers(self._json("POST", path, question, {"Prefer": "wait"}))

    def start(self, picture: Picture | str, expressions: Sequence[str], **options: Any) -> Job:
        """Ask without waiting."""
        question = {"expressions": list(expressions), **options}
        path = f"/v1/pictures/{_id(picture)}/ground"
        return _job(self._json("POST", path, question, {"Prefer": "respond-async"}))

    def job(self, job: Job | str) -> Job:
        """Return how far a job is."""
        return _job(self._json("GET", f"/v1/jobs/{_id(job)}"))

    def wait(self, job: Job | str, progress: Callable[[Job], None] = lambda job: None) -> list[Answer]:
        """Wait for a job, which `progress` gets at each look; return its answers, of a stopped search what it kept."""
        while not (now := self.job(job)).has_ended:
            progress(now)
            time.sleep(PAUSE)
        progress(now)
        return self.answers(now)

    def answers(self, job: Job | str) -> list[Answer]:
        """Return the answers of a job that has ended."""
        return _answers(self._json("GET", f"/v1/jobs/{_id(job)}/results"))

    def cancel(self, job: Job | str) -> Job:
        """Stop a job; a search keeps what it has found."""
        return _job(self._json("DELETE", f"/v1/jobs/{_id(job)}"))

    def refine(
        self,
        picture: Picture | str,
        *,
        box: Sequence[float] | None = None,
        points: Sequence[Point] = (),
        answer: Answer | None = None,
        number: int = 0,
    ) -> Answer:
        """Draw an object in a box and at points, or change the object of an answer by points on it and beside it."""
        asked: dict[str, Any] = {"points": [[x, y, int(on)] for x, y, on in points] or None}
        asked |= {"box": list(box) if box else None, "result": answer.id if answer else None, "object": number}
        return _answer(self._json("POST", f"/v1/pictures/{_id(picture)}/refine", asked))

    def download(self, answer: Answer | str, name: str, to: str | PathLike[str] | None = None) -> bytes:
        """Return a file of an answer, e.g. `mask.png`, `found.geojson` or `all.zip`; write it to a file too."""
        data = self._send("GET", f"/v1/results/{_id(answer)}/files/{urllib.parse.quote(name)}")
        if to is not None:
            Path(to).write_bytes(data)
        return data

    def explain(self, answer: Answer | str) -> dict[str, Any]:
        """Return how an answer came about: its maps, the candidates with their evidence, the recipe's values."""
        about: dict[str, Any] = self._json("GET", f"/v1/results/{_id(answer)}/explain")
        return about

    def forget(self, picture: Picture | str) -> None:
        """Let the server forget a picture."""
        self._send("DELETE", f"/v1/pictures/{_id(picture)}")

    def about(self) -> dict[str, Any]:
        """Return what the server is and what it takes."""
        about: dict[str, Any] = self._json("GET", "/v1")
        return about

    def _json(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        return json.loads(self._send(method, path, body, headers))

    def _send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
        """Send a request; a server that is full is asked again when it says."""
        fields = {"Accept": "*/*", **(headers or {})}
        if self.key:
            fields["Authorization"] = f"Bearer {self.key}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            fields["Content-Type"] = "application/octet-stream" if isinstance(body, bytes) else JSON
        for left in range(self.tries - 1, -1, -1):
            request = urllib.request.Request(self.url + path, data, fields, method=method)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as reply:
                    answer: bytes = reply.read()
                    return answer
            except urllib.error.HTTPError as error:
                with error:
                    refused = _refused(error.code, error.read())
                    wait = error.headers.get("Retry-After", "1")
                if error.code != 429 or not left:
                    raise refused from None
                time.sleep(min(LONGEST_WAIT, float(wait) if wait.isdecimal() else 1.0))
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                reason = getattr(error, "reason", error)
                raise ServerError(
                    0, "unreachable", f"{self.url} does not answer ({reason})", "is it running?"
                ) from error
        raise ServerError(0, "unreachable", "the server was not asked", "give tries=1 or more")


def _id(thing: Picture | Answer | Job | str) -> str:
    return urllib.parse.quote(thing if isinstance(thing, str) else thing.id, safe="")


def _answers(about: Mapping[str, Any]) -> list[Answer]:
    return [_answer(each) for each in about["results"]]


def _answer(about: Mapping[str, Any]) -> Answer:
    box = tuple(about["box_xyxy"]) if about["box_xyxy"] else None
    return Answer(
        about["id"], about["expression"], about["status"] == "found", about["score"], box, about["why"], about
    )


def _job(about: Mapping[str, Any]) -> Job:
    return Job(about["id"], about["status"], about["progress"], about["stage"], about)


def _refused(status: int, body: bytes) -> ServerError:
    try:
        error = json.loads(body)["error"]
        return ServerError(status, error["code"], error["message"], error.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        return ServerError(status, "no_zeroov", f"the answer {status} is none of zeroov's", "check the address")
