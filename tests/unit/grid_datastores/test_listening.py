"""Where the server listens: what asyncio makes of the connections that it accepts there."""

from __future__ import annotations

import asyncio
import socket

from grid_datastores.server import serve


def test_no_answer_waits_for_the_one_before_to_be_acknowledged() -> None:
    """On a connection that is kept, each answer would take 40 ms longer."""

    async def without_delay() -> int:
        accepted: asyncio.Queue[int] = asyncio.Queue()

        async def look(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            given = writer.get_extra_info("socket")
            await accepted.put(given.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = serve._listen("127.0.0.1", 0)
        async with await asyncio.start_server(look, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await asyncio.wait_for(accepted.get(), timeout=30)
            writer.close()
        return found

    assert asyncio.run(without_delay()) == 1
