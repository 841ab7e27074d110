"""What uvicorn leaves out of a connection: refusals as JSON, clients that stop sending, and those that say nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote_from_bytes

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from zeroov.serve.gate import CUT, PATIENCE
from zeroov.serve.refusal import RequestError, about

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # the interim answer that every client of HTTP/1.1 passes over
PROBED = 0.2  # seconds after which the machine of a client that is gone has said so
SAFE = "".join(map(chr, range(33, 127)))


class Protocol(H11Protocol):
    """One connection."""

    _sends_no_more = False
    _unread = 0  # bytes that waited for the client when it was last looked at
    _reads = False  # whether it has taken anything since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a client some time to say what it wants."""
        super().connection_made(transport)
        self._silent = self.loop.call_later(PATIENCE, self._give_up)
        self._reading = self.loop.call_later(PATIENCE, self._require_reading)

    def data_received(self, data: bytes) -> None:
        """Take what came; an address that nobody escaped is escaped first, as UTF-8."""
        if self.conn.their_state is h11.IDLE and not data.isascii():
            line, end, rest = data.partition(b"\r\n")
            method, space, target = line.partition(b" ")
            data = method + space + quote_from_bytes(target, safe=SAFE + " ").encode() + end + rest
        super().data_received(data)
        if self.cycle is not None:
            self._silent.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._silent.cancel()
        self._reading.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Take note that the client takes its answer."""
        self._reads = True
        super().resume_writing()

    def _require_reading(self) -> None:
        """Cut off a client that takes nothing of its answer: it would hold memory and a place for ever."""
        waiting = self.transport.get_write_buffer_size()
        if waiting and self._unread and waiting >= self._unread and not self._reads:
            self.transport.abort()
            return
        self._unread, self._reads = waiting, False
        self._reading = self.loop.call_later(PATIENCE, self._require_reading)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Find out whether a client that sends no more is gone, or waits: the machine of one that is gone says so."""
        cycle: Any = self.cycle
        self._sends_no_more = True
        if cycle is None or cycle.response_complete:
            return None
        if cycle.more_body:
            cycle.scope[CUT] = True
            cycle.message_event.set()
            return True
        if self.conn.their_http_version != b"1.1":
            return True
        self._probe()
        self.loop.call_later(PROBED, self._probe)
        return True

    def on_response_complete(self) -> None:
        """Close a connection on which nothing more can come."""
        super().on_response_complete()
        if self._sends_no_more:
            self.transport.close()

    def _probe(self) -> None:
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_started and not self.transport.is_closing():
            self.transport.write(CONTINUE)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        error = RequestError(400, "the request cannot be understood", "send HTTP/1.1, with addresses escaped as UTF-8")
        body = (json.dumps(about(error)) + "\n").encode()
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", str(len(body)).encode()),
            (b"X-Content-Type-Options", b"nosniff"),
            (b"Connection", b"close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
