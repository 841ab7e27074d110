"""Where the time goes: spans are added up for the thread that works, and all threads are in the trace."""

from __future__ import annotations

import contextvars
import json
import threading

import pytest

from zeroov.spans import recorded, span


class Clock:
    """A clock that the test turns."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_span_inside_another_counts_for_itself_alone(clock: Clock) -> None:
    with recorded(clock=clock) as recorder:
        clock.now += 1
        with span("select"):
            clock.now += 2
            with span("reading"):
                clock.now += 4
            with span("reading"):
                clock.now += 1
        with span("overview"):
            clock.now += 8
    clock.now += 50
    shares = recorder.shares
    assert shares.seconds == 16
    assert shares.parts == {"select": 2, "reading": 5, "overview": 8, "rest": 1}
    assert str(shares) == "16.0 s: overview 50%, select 12%, reading 31%, rest 6%"
    assert shares.to_json() == {"all": 16, "select": 2, "reading": 5, "overview": 8, "rest": 1}


def test_a_span_that_fails_is_counted_and_outside_of_a_record_it_is_nothing(clock: Clock) -> None:
    def broken() -> None:
        with span("focus"):
            clock.now += 3
            raise KeyError("focus")

    with pytest.raises(KeyError):
        broken()
    with recorded(clock=clock) as recorder:
        with pytest.raises(KeyError):
            broken()
        clock.now += 1
    assert recorder.shares.parts == {"focus": 3, "rest": 1}


def test_another_thread_is_in_the_trace_and_not_in_the_shares(clock: Clock) -> None:
    def read() -> None:
        with span("reading"):
            clock.now += 4

    with recorded(trace=True, clock=clock) as recorder, span("overview"):
        clock.now += 1
        beside = threading.Thread(target=contextvars.copy_context().run, args=[read], name="reading_0")
        beside.start()
        beside.join()
        clock.now += 1
    assert recorder.shares.parts == {"overview": 6, "rest": 0}
    named, drawn = {}, []
    for event in json.loads(recorder.to_json())["traceEvents"]:  # as Chrome's trace format has it: ts, dur in us
        if event["ph"] == "M":
            named[event["tid"]] = event["args"]["name"]
        else:
            assert event["ph"] == "X"
            drawn.append((event["name"], event["tid"], event["ts"], event["dur"]))
    assert named == {1: "reading_0", 2: threading.current_thread().name}
    assert drawn == [("reading", 1, 1e6, 4e6), ("overview", 2, 0, 6e6)]
