"""The viewer's connections: how many there are, and how long they may wait for a request."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 128
"""The most connections that are open at a time."""

_OF_ONE_ADDRESS = 112
"""The most of them that one address may have. A browser opens six; behind a proxy, all browsers have its address."""

_HEAD_SECONDS = 10.0
"""Seconds in which the head of a request must arrive."""


class Connection(H11Protocol):
    """One connection. Where there are too many, a new one replaces the oldest that waits for its client.

    Clients that never finish a request, or never read an answer, therefore cannot keep others out.
    """

    _head: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Makes room for the connection, or closes it if all others are being answered."""
        super().connection_made(transport)
        others = [other for other in self.server_state.connections if other is not self]
        of_address = [other for other in others if other.client and self.client and other.client[0] == self.client[0]]
        for rivals, most in ((of_address, _OF_ONE_ADDRESS), (others, CONNECTIONS)):
            rivals = [other for other in rivals if not other._refused]
            if len(rivals) >= most:
                waiting = [other for other in rivals if other._waits()]
                self._refuse(min(waiting, key=lambda other: other._since) if waiting else self)
        self._since = self.loop.time()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads a part of a request."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._watch_head()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _waits(self) -> bool:
        """Whether it waits for its client: for a request, or to read the answer."""
        return self._between_requests() or self.flow.write_paused

    def _watch_head(self) -> None:
        if not self._between_requests():
            self._stop_watching()
        elif self._head is None:
            self._head = self.loop.call_later(_HEAD_SECONDS, self._refuse, self)

    def _stop_watching(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    @staticmethod
    def _refuse(connection: "Connection") -> None:
        connection._refused = True
        connection.transport.abort()
