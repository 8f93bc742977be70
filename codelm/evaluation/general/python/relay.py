"""A line-based chat relay. Rooms exist while somebody is in them; slow readers are dropped, not waited for."""

import asyncio
import contextlib
import json
import logging
import signal
import time
from typing import AsyncIterator, Dict, NamedTuple, Optional, Set

log = logging.getLogger("relay")

QUEUE_SIZE = 32
IDLE_SECONDS = 300


class Message(NamedTuple):
    room: str
    sender: str
    text: str
    at: float

    def encode(self) -> bytes:
        return json.dumps(self._asdict(), ensure_ascii=False).encode() + b"\n"


class Member:
    def __init__(self, name: str, writer: asyncio.StreamWriter):
        self.name = name
        self.writer = writer
        self.outbox: "asyncio.Queue[Optional[Message]]" = asyncio.Queue(QUEUE_SIZE)

    def offer(self, message: Message) -> bool:
        try:
            self.outbox.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    async def pump(self) -> None:
        """Write queued messages until None comes along."""
        while (message := await self.outbox.get()) is not None:
            self.writer.write(message.encode())
            await self.writer.drain()


class Relay:
    def __init__(self, clock=time.time):
        self.rooms: Dict[str, Set[Member]] = {}
        self.clock = clock

    @contextlib.asynccontextmanager
    async def joined(self, room: str, member: Member) -> AsyncIterator[Set[Member]]:
        members = self.rooms.setdefault(room, set())
        if any(other.name == member.name for other in members):
            raise ValueError(f"{member.name} is taken")
        members.add(member)
        self.announce(room, f"{member.name} joined")
        try:
            yield members
        finally:
            members.discard(member)
            if members:
                self.announce(room, f"{member.name} left")
            else:
                del self.rooms[room]

    def announce(self, room: str, text: str) -> None:
        self.broadcast(Message(room, "*", text, self.clock()))

    def broadcast(self, message: Message) -> None:
        for member in list(self.rooms.get(message.room, ())):
            if not member.offer(message):
                log.warning("%s reads too slowly, dropping", member.name)
                member.writer.close()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        try:
            hello = json.loads(await asyncio.wait_for(reader.readline(), timeout=10))
            member = Member(hello["name"], writer)
            async with self.joined(hello["room"], member):
                pump = asyncio.create_task(member.pump())
                try:
                    await self.listen(reader, hello["room"], member)
                finally:
                    pump.cancel()
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            writer.write(json.dumps({"error": str(error)}).encode() + b"\n")
        except (asyncio.TimeoutError, ConnectionError):
            log.info("%s went silent", peer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def listen(self, reader: asyncio.StreamReader, room: str, member: Member) -> None:
        while True:
            line = await asyncio.wait_for(reader.readline(), IDLE_SECONDS)
            if not line:
                break
            text = line.decode("utf-8", errors="replace").strip()
            if text:
                self.broadcast(Message(room, member.name, text, self.clock()))


async def serve(host: str = "127.0.0.1", port: int = 7070) -> None:
    relay = Relay()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    server = await asyncio.start_server(relay.handle, host, port, limit=4096)
    async with server:
        log.info("listening on %s:%d", host, port)
        await stop.wait()
    for room in list(relay.rooms):
        relay.announce(room, "the relay is closing")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(serve())
