"""Questions that take a while: their turn, their events, their end, and clients that leave."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.serve.conftest import LIMITS
from tests.serve.running import Running, running, wait_until
from zeroov.bench.mini.measure import Question
from zeroov.ground import Pipeline
from zeroov.serve import models
from zeroov.serve.jobs import MOST_EVENTS, Job, Watch, Wish
from zeroov.serve.queue import MOST_TOGETHER, Queue
from zeroov.serve.refusal import RequestError
from zeroov.serve.store import Pictures
from zeroov.serve.work import Worker

SHIP = {"expressions": ["the ship"]}
LATER = {"Prefer": "respond-async"}


def start(server: Running, picture: str, question: Any = SHIP) -> str:
    status, job = server.json("POST", f"/v1/pictures/{picture}/ground", question, **LATER)
    assert status == 202, job
    models.Job.model_validate(job)
    return str(job["id"])


class Held:
    """Holds the workers before their work, as long as a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun, self.batches = threading.Event(), threading.Event(), []  # type: ignore[var-annotated]
        answers = Worker._answers

        def holding(worker: Worker, jobs: Any, watch: Any) -> Any:
            self.batches.append(list(jobs))
            self.begun.set()
            while not self.go.wait(0.01):
                watch.report("tiles", 0, 1)
            return answers(worker, jobs, watch)

        monkeypatch.setattr(Worker, "_answers", holding)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Held(monkeypatch)
    yield made
    made.go.set()


def test_a_look_tells_its_stages_and_maps(server: Running, photo: bytes) -> None:
    job = start(server, server.upload(photo), {"expressions": ["the ship", "the plane"]})
    events = server.events(job)
    assert [number for number, name, _ in events if number] == list(range(1, len(events) + 1 - _extra(events)))
    maps = [data["stage"] for _, name, data in events if name == "map"]
    assert maps == ["overview", "focus", "evolve", "refine"]
    assert events[-1][1] == "done"
    done = events[-1][2]
    assert (done["status"], done["progress"], len(done["results"])) == ("successful", 100, 2)
    assert server.events(job, Last_Event_ID=str(events[-1][0] - 1)) == events[-1:]
    assert server.events(job, Last_Event_ID="rubbish") == [each for each in events if each[0]]
    status, told = server.json("GET", f"/v1/jobs/{job}")
    assert (status, told) == (200, done)
    results = server.json("GET", f"/v1/jobs/{job}/results")[1]["results"]
    assert [each["id"] for each in results] == done["results"]
    assert results == server.json("GET", f"/v1/jobs/{job}/results")[1]["results"]  # asked for twice
    told = server.json("GET", f"/v1/jobs/{job}/explain?expression=1")[1]
    assert told["expression"] == "the plane"
    assert server.refused("GET", f"/v1/jobs/{job}/explain?expression=2") == (404, "no_look")


def test_a_model_that_is_loaded_is_told_and_what_its_last_load_took(
    own: Running, photo: bytes, asked: list[Question]
) -> None:
    id = own.upload(photo)
    question = {"expressions": [asked[0].expression.text]}
    own.service.pipeline.close()
    known = own.service.pipeline.models._took
    known.pop("refine", None)
    first = own.events(start(own, id, question))
    loads = [(name, data["stage"], data["seconds"]) for _, name, data in first if name in ("loading", "loaded")]
    assert [each[:2] for each in loads] == [
        (name, stage) for stage in ("overview", "focus", "refine") for name in ("loading", "loaded")
    ]
    assert loads[-2][2] is None, "nobody knows yet how long it takes"
    took = {stage: seconds for name, stage, seconds in loads if name == "loaded"}
    assert took == {stage: round(known[stage], 3) for stage in took}
    own.service.pipeline.close()
    again = own.events(start(own, id, question))
    told = {data["stage"]: data["seconds"] for _, name, data in again if name == "loading"}
    assert told == took


def test_what_is_tied_to_a_cell_is_there_while_the_answer_is_in_work(
    own: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, refine = threading.Event(), own.service.pipeline.refine
    monkeypatch.setattr(own.service.pipeline, "refine", lambda *given: go.wait(60) and refine(*given))
    job = start(own, own.upload(photo))
    try:
        wait_until(lambda: "evolve" in own.service.job(job).looks)
        early = own.json("GET", f"/v1/jobs/{job}/focus?row=3&col=5")
        assert early[0] == 200
        assert own.refused("GET", f"/v1/jobs/{job}/focus?row=99&col=5")[0] == 422
        assert own.refused("GET", f"/v1/jobs/{job}/focus?row=3&col=5&expression=1") == (404, "no_look")
        assert own.json("GET", f"/v1/jobs/{job}")[1]["status"] == "running"
    finally:
        go.set()
    (result,) = own.events(job)[-1][2]["results"]
    assert own.json("GET", f"/v1/results/{result}/focus?row=3&col=5") == early
    assert own.json("GET", f"/v1/jobs/{job}/focus?row=3&col=5") == early


def test_a_job_that_has_ended_holds_no_maps(own: Running, photo: bytes, held: Held) -> None:
    """Its looks took megabytes each, as long as it was remembered."""
    job = start(own, own.upload(photo))
    assert held.begun.wait(60)
    assert own.refused("GET", f"/v1/jobs/{job}/explain") == (404, "no_look")
    held.go.set()
    own.events(job)
    assert not own.service.job(job).looks
    assert own.json("GET", f"/v1/jobs/{job}/explain")[1]["overview"]


def _extra(events: Any) -> int:
    return sum(not number for number, _, _ in events)


def test_a_search_is_a_job_that_shows_its_tiles(
    server: Running, pipeline: Pipeline, asked: list[Question], wide: bytes
) -> None:
    text, id = asked[0].expression.text, server.upload(wide)
    status, told = server.json("POST", f"/v1/pictures/{id}/ground", {"expressions": [text]})
    assert status == 202
    events = server.events(told["id"])
    tiles = [data for _, name, data in events if name == "tile"]
    looked = [tile["window_xyxy"] for tile in tiles if tile["status"] == "looked"]
    assert [tile["window_xyxy"] for tile in tiles if tile["status"] == "now"] == looked
    (result,) = server.json("GET", f"/v1/jobs/{told['id']}/results")[1]["results"]
    models.Result.model_validate(result)
    assert result["searched"]
    assert result["tiles"]["looked"] == len(looked) > 1
    assert any(name == "found" and data["polygons"] for _, name, data in events)
    status, waited = server.json("POST", f"/v1/pictures/{id}/ground", {"expressions": [text]}, Prefer="wait=60")
    assert status == 200
    assert waited["results"][0]["box_xyxy"] == result["box_xyxy"]
    part = {"expressions": [text], "area": [0, 0, 224, 224]}
    (small,) = server.json("POST", f"/v1/pictures/{id}/ground", part)[1]["results"]
    assert (small["searched"], small["area_xyxy"]) == (False, [0, 0, 224, 224])


def test_a_stopped_search_ends_within_a_tile_and_keeps_what_it_found(
    server: Running, wide: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, glance = threading.Event(), threading.Event()
    look = Pipeline.look

    def slowly(stages: Any, *args: Any, **kwargs: Any) -> Any:
        made = look(stages, *args, **kwargs)
        looked.set()
        assert glance.wait(60)
        return made

    monkeypatch.setattr(Pipeline, "look", slowly)
    job = start(server, server.upload(wide), {"expressions": ["the ship"], "all": True})
    assert looked.wait(60)  # the first tile
    for _ in range(2):  # a second time changes nothing
        assert server.json("DELETE", f"/v1/jobs/{job}")[1]["status"] == "running"
    assert server.refused("GET", f"/v1/jobs/{job}/results") == (409, "not_ready")
    glance.set()
    events = server.events(job)
    assert events[-1][1:] == ("done", server.json("GET", f"/v1/jobs/{job}")[1])
    assert events[-1][2]["status"] == "dismissed"
    (kept,) = server.json("GET", f"/v1/jobs/{job}/results")[1]["results"]
    assert kept["tiles"]["looked"] == 1
    assert kept["tiles"]["stopped"] == len(kept["not_looked_at"]) > 0
    assert all(one["mask_is_box"] for one in kept["found"])
    candidates = [data for _, name, data in events if name == "found"]
    assert len(kept["found"]) <= len(candidates)
    assert server.json("DELETE", f"/v1/jobs/{job}")[0] == 200
    monkeypatch.undo()


def test_waiting_questions_about_one_picture_are_answered_together(
    server: Running, photo: bytes, held: Held, pipeline: Pipeline, asked: list[Question]
) -> None:
    other, id = server.upload(photo + b"another"), server.upload(photo)
    first = start(server, other)
    assert held.begun.wait(60)
    texts = [asked[0].expression.text, "the ship", "the plane"]
    jobs = [start(server, id, {"expressions": [text]}) for text in texts]
    assert [server.json("GET", f"/v1/jobs/{job}")[1]["position"] for job in jobs] == [1, 2, 3]
    assert start(server, id, {"expressions": [texts[1]]}) == jobs[1], "the same question again is the same job"
    closer = start(server, id, {"expressions": ["the ship"], "zoom": True})
    held.go.set()
    results = [server.events(job)[-1][2]["results"] for job in [first, *jobs, closer]]
    assert [[job.id for job in batch] for batch in held.batches] == [[first], jobs, [closer]]
    for text, (result,) in zip(texts, results[1:4], strict=True):
        report = server.json("GET", f"/v1/results/{result}")[1]
        expected = pipeline.ground(asked[0].scene.image, text)
        assert (report["expression"], report["status"]) == (text, expected.status)
        assert report["box_xyxy"] == (list(expected.box.xyxy) if expected.box else None)


def test_one_of_several_that_fails_costs_itself_alone(
    server: Running, photo: bytes, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Pipeline.ground

    def failing(pipeline: Any, source: Any, texts: Any, **options: Any) -> Any:
        if "the odd one" in texts:
            raise RuntimeError("secret")
        return ground(pipeline, source, texts, **options)

    monkeypatch.setattr(Pipeline, "ground", failing)
    first = start(server, server.upload(photo + b"another"))
    assert held.begun.wait(60)
    id = server.upload(photo)
    good, bad = start(server, id), start(server, id, {"expressions": ["the odd one"]})
    held.go.set()
    assert server.events(first)[-1][1] == "done"
    assert server.events(good)[-1][2]["status"] == "successful"
    _, name, told = server.events(bad)[-1]
    assert (name, told["error"]["code"], "secret" in str(told)) == ("failed", "internal", False)
    assert server.refused("GET", f"/v1/jobs/{bad}/results") == (500, "internal")


def test_what_is_taken_back_while_its_batch_is_asked_again_is_not_asked(
    server: Running, photo: bytes, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, asked = Pipeline.ground, []

    def failing(pipeline: Any, source: Any, texts: Any, **options: Any) -> Any:
        asked.append(list(texts))
        if len(texts) > 1:
            raise RuntimeError
        if texts == SHIP["expressions"]:
            server.service.dismiss(server.service.job(second))
        return ground(pipeline, source, texts, **options)

    monkeypatch.setattr(Pipeline, "ground", failing)
    start(server, server.upload(photo + b"another"), {"expressions": ["the plane"]})
    assert held.begun.wait(60)
    id = server.upload(photo)
    first, second = start(server, id), start(server, id, {"expressions": ["the road"]})
    held.go.set()
    assert server.events(first)[-1][2]["status"] == "successful"
    assert server.events(second)[-1][2]["status"] == "dismissed"
    assert asked == [["the plane"], ["the ship", "the road"], ["the ship"]]


def test_a_search_that_is_asked_again_while_the_server_stops_is_to_finish(pipeline: Pipeline) -> None:
    watches = []

    class Failing(Worker):
        def _answers(self, jobs: Any, watch: Any) -> Any:
            watches.append((len(jobs), watch.is_finishing))
            self.finish()
            raise RuntimeError

    worker = Failing(pipeline, Queue(4), Pictures(Path(), 1, 1), lambda *_: "")
    worker.pictures.release = lambda id: None  # type: ignore[method-assign]
    worker._work([Job("p", Wish((text,)), "c", searches=True) for text in ("the ship", "the plane")])
    assert watches == [(2, False), (1, True), (1, True)]


def test_a_full_queue_says_when_to_come_again(server: Running, photo: bytes, held: Held) -> None:
    id = server.upload(photo)
    start(server, id, {"expressions": ["one"]})
    assert held.begun.wait(60)
    jobs = [start(server, id, {"expressions": [f"the ship {n}"]}) for n in range(LIMITS.queue // 2)]
    body = json.dumps(SHIP).encode()
    status, headers, told = server.ask("POST", f"/v1/pictures/{id}/ground", body, Content_Type="application/json")
    assert (status, json.loads(told)["error"]["code"]) == (429, "queue_full")
    assert int(headers["Retry-After"]) >= 1
    assert server.json("GET", "/health")[1]["queue"] == len(jobs)  # while another question has its turn
    for job in jobs:  # taken back
        assert server.json("DELETE", f"/v1/jobs/{job}")[1]["status"] == "dismissed"
        assert server.refused("GET", f"/v1/jobs/{job}/results") == (409, "stopped")
        assert server.events(job)[-1][1] == "done"
    assert server.json("GET", "/health")[1]["queue"] == 0


def test_who_waits_is_told_how_long_where_that_is_known(own: Running, photo: bytes, held: Held) -> None:
    id = own.upload(photo)

    def wait_of(job: str) -> Any:
        return own.json("GET", f"/v1/jobs/{job}")[1]["wait_seconds"]

    start(own, id, {"expressions": ["one"], "zoom": False})
    assert held.begun.wait(60)
    second = start(own, id)
    assert wait_of(second) is None, "no look has ended, and nobody knows how long one takes"
    own.service.queue.took(6.0)
    assert wait_of(second) == 6.0
    own.service.queue.took(14.0)
    third = start(own, id, {"expressions": ["three"]})
    assert (wait_of(second), wait_of(third)) == (7.0, 14.0)
    own.json("DELETE", f"/v1/jobs/{second}")
    search = start(own, id, {"expressions": ["a plane"], "search": True})
    last = start(own, id, {"expressions": ["four"]})
    assert wait_of(last) is None, "a search comes before it"
    own.json("DELETE", f"/v1/jobs/{search}")
    held.go.set()
    turns = [data for _, name, data in own.events(third) if name == "queued"]
    assert turns[0] == {"position": 2, "wait_seconds": 14.0}
    assert own.json("GET", f"/v1/jobs/{third}")[1]["wait_seconds"] is None


def test_nothing_is_computed_for_a_client_that_has_gone(server: Running, photo: bytes, held: Held) -> None:
    head = f"POST /ground?expression=nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    start(server, server.upload(photo + b"another"))
    assert held.begun.wait(60)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + photo)
        wait_until(lambda: len(server.service.queue) == 1)
    wait_until(lambda: len(server.service.queue) == 0)
    wait_until(lambda: any(" /ground 499 " in line for line in server.lines))
    assert len(held.batches) == 1


def test_work_in_hand_ends_when_its_client_goes(server: Running, wide: bytes, held: Held) -> None:
    head = f"POST /ground?expression=nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(wide)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + wide)
        assert held.begun.wait(60)
        (job,) = held.batches[0]
        time.sleep(0.05)
        assert not job.has_ended
    wait_until(lambda: job.has_ended)
    assert job.status == "dismissed"


def test_a_client_that_leaves_takes_nothing_from_another(server: Running, photo: bytes, held: Held) -> None:
    start(server, server.upload(photo + b"another"))
    assert held.begun.wait(60)
    stays = start(server, server.upload(photo))
    head = f"POST /ground?expression=nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + photo)
        wait_until(lambda: len(server.service.queue) == 2)
        held.begun.clear()
        held.go.set()
        assert held.begun.wait(60)
    assert server.events(stays)[-1][2]["status"] == "successful"


def test_two_tabs_share_a_picture_and_one_may_forget_it(server: Running, photo: bytes, held: Held) -> None:
    id = server.upload(photo)
    assert server.upload(photo) == id
    job = start(server, id)
    assert held.begun.wait(60)
    waits = start(server, id, {"expressions": ["the plane"]})
    assert server.ask("DELETE", f"/v1/pictures/{id}")[0] == 204
    assert server.refused("DELETE", f"/v1/pictures/{id}") == (404, "picture_gone")
    assert server.refused("POST", f"/v1/pictures/{id}/ground", SHIP) == (404, "picture_gone")
    assert server.refused("GET", f"/v1/pictures/{id}/preview") == (404, "picture_gone")
    held.go.set()
    for each in (job, waits):
        _, name, told = server.events(each)[-1]
        assert name == "done" or told["error"]["code"] == "picture_gone"
    assert server.upload(photo) == id
    assert server.json("POST", f"/v1/pictures/{id}/ground", SHIP)[0] == 200


def test_a_picture_is_forgotten_for_want_of_room_unless_work_needs_it(
    pipeline: Pipeline, photo: bytes, held: Held
) -> None:
    with running(pipeline, replace(LIMITS, store_bytes=2 * len(photo) + 100)) as server:
        used = server.upload(photo)
        job = start(server, used)
        assert held.begun.wait(60)
        second, third = server.upload(photo + b"2"), server.upload(photo + b"33")
        assert server.refused("GET", f"/v1/pictures/{second}") == (404, "picture_gone")
        assert server.json("GET", f"/v1/pictures/{third}")[0] == 200
        assert {path.name for path in server.service.pictures.folder.iterdir()} == {used, third}
        held.go.set()
        assert server.events(job)[-1][2]["status"] == "successful"
        server.upload(photo + b"4444")  # the work used the other one later
        assert server.refused("GET", f"/v1/pictures/{third}") == (404, "picture_gone")
        assert server.json("GET", f"/v1/pictures/{used}")[0] == 200


def test_each_device_has_a_worker(pipeline: Pipeline, photo: bytes, held: Held) -> None:
    with running(pipeline, LIMITS, workers=2) as server:
        jobs = [start(server, server.upload(photo + bytes([n]))) for n in range(3)]
        wait_until(lambda: len(held.batches) == 2)
        assert server.json("GET", f"/v1/jobs/{jobs[2]}")[1]["position"] == 1
        held.go.set()
        assert [server.events(job)[-1][2]["status"] for job in jobs] == ["successful"] * 3


def test_a_server_that_was_started_again_says_so(pipeline: Pipeline, photo: bytes) -> None:
    with running(pipeline, LIMITS) as server:
        id = server.upload(photo)
        (result,) = server.json("POST", f"/v1/pictures/{id}/ground", SHIP)[1]["results"]
        job = start(server, id)
        server.events(job)
    with running(pipeline, LIMITS) as server:
        assert server.refused("POST", f"/v1/pictures/{id}/ground", SHIP) == (404, "picture_gone")
        assert server.refused("GET", f"/v1/results/{result['id']}/files/mask.png") == (404, "result_gone")
        assert server.refused("GET", f"/v1/jobs/{job}/events") == (404, "job_gone")
        assert server.upload(photo) == id


def test_a_stop_answers_the_picture_in_hand_and_refuses_the_rest(pipeline: Pipeline, photo: bytes, held: Held) -> None:
    with running(pipeline, LIMITS) as server:
        id, other = server.upload(photo), server.upload(photo + b"2")
        statuses: dict[str, int] = {}

        def ask(name: str, picture: str) -> None:
            statuses[name] = server.json("POST", f"/v1/pictures/{picture}/ground", SHIP)[0]

        asking = [threading.Thread(target=ask, args=("in hand", id))]
        asking[0].start()
        assert held.begun.wait(60)
        asking.append(threading.Thread(target=ask, args=("waits", other)))
        asking[1].start()
        wait_until(lambda: len(server.service.queue) == 1)
        where = ("127.0.0.1", server.port)
        with socket.create_connection(where, 10) as slow, socket.create_connection(where, 10) as silent:
            slow.sendall(b"POST /v1/pictures HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nh")
            wait_until(lambda: any(server.service.incoming.iterdir()))
            server.server.should_exit = True
            assert slow.recv(1 << 16).startswith(b"HTTP/1.1 503")
            assert silent.recv(1 << 16) == b""
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(where, 10)
        held.go.set()
        for each in asking:
            each.join(60)
        assert statuses == {"in hand": 200, "waits": 503}


def test_a_stop_waits_not_long_for_an_answer_that_nobody_takes(
    pipeline: Pipeline, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeroov.serve.server.GRACE", 0.2)
    monkeypatch.setattr("zeroov.serve.routes.pictures.preview", lambda *_: bytes(2**26))
    with running(pipeline, LIMITS) as server:
        id = server.upload(photo)
        with socket.create_connection(("127.0.0.1", server.port), 10) as idle:
            idle.sendall(f"GET /v1/pictures/{id}/preview HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert idle.recv(12) == b"HTTP/1.1 200"
            server.stop()


def test_the_queue_is_fair_between_clients() -> None:
    queue = Queue(20)

    def job(client: str, picture: str) -> Job:
        made = Job(picture, Wish(("the ship",)), client, searches=False)
        queue.put(made)
        return made

    many = [job("a", f"a{n}") for n in range(5)]
    other = [job("b", f"b{n}") for n in range(2)]
    ahead = [queue.ahead(each) for each in (many[0], many[4], other[0], other[1])]
    assert [[each.picture for each in found or ()] for found in ahead] == [
        [],
        ["a0", "a1", "a2", "a3", "b0", "b1"],
        ["a0"],
        ["a0", "a1", "b0"],
    ]
    taken = [queue.take()[0] for _ in range(7)]
    assert [each.picture for each in taken] == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]
    assert queue.ahead(many[0]) is None
    for n in range(10):
        job("a", f"c{n}")
    with pytest.raises(RequestError, match="10 of them yours"):
        job("a", "one more")
    job("b", "there is room for another")
    assert len(queue.close()) == 11
    assert queue.take() == []
    with pytest.raises(RequestError, match="stopping"):
        job("b", "late")


def test_only_what_goes_together_is_answered_together() -> None:
    queue = Queue(100)

    def put(client: str, picture: str, *texts: str, **options: Any) -> Job:
        job = Job(picture, Wish(texts or ("the ship",), **options), client, searches=False)
        queue.put(job)
        return job

    first = put("a", "p")
    elsewhere, every = put("a", "q"), put("a", "p", every=True)
    together = put("b", "p", "the plane")
    drawn = put("b", "p", box=(0.0, 0.0, 1.0, 1.0))
    large = put("c", "p", *("the ship",) * MOST_TOGETHER)
    searches = [put("d", "p", text, search=True) for text in ("the ship", "the plane")]
    assert queue.take() == [first, together]
    assert [queue.take() for _ in range(6)] == [
        *([each] for each in (drawn, large, searches[0], elsewhere, searches[1], every))
    ]


def test_who_gives_up_waiting_does_not_end_a_job() -> None:
    job = Job("p", Wish(("the ship",)), "a", searches=False)
    assert not job.future.cancel()
    job.end(["r"])
    assert job.future.result() == ("r",)


def test_a_job_taken_back_between_the_queue_and_its_work_is_not_wanted() -> None:
    for searches in (False, True):
        job, other = (Job("p", Wish((text,)), "a", searches) for text in ("the ship", "the plane"))
        job.take_back(keep=True)
        watch = Watch([job, other])
        job.begin(watch)
        other.begin(watch)
        assert (watch.is_wanted(job), watch.is_wanted(other)) == (False, True)


def test_a_job_forgets_its_oldest_events() -> None:
    job = Job("p", Wish(("the ship",)), "a", searches=True)
    for n in range(MOST_EVENTS + 1):
        job.emit("tile", n=n)
    events = job.events_after(0)
    assert len(events) < MOST_EVENTS
    assert [number for number, _, _ in events[:1]] == [MOST_EVENTS // 10 + 1]
    assert all(data["n"] == number - 1 for number, _, data in events)
    assert job.events_after(MOST_EVENTS) == events[-1:]
    assert job.events_after(MOST_EVENTS + 1) == []
