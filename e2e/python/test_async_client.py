"""python-socketio on asyncio: several clients in one loop."""

import asyncio

import pytest
import socketio

SECONDS = 8


class Client:
    """A client with a queue for each event that it listens to."""

    def __init__(self, server, transport):
        self.server = server
        self.name, self.transports = transport
        self.socket = socketio.AsyncClient(reconnection=False)
        self.queues = {}

    def listen(self, event, namespace="/"):
        heard = self.queues[namespace, event] = asyncio.Queue()

        async def put(*args):
            await heard.put(args)

        self.socket.on(event, put, namespace=namespace)

    async def open(self, namespaces=("/",), **options):
        await self.socket.connect(
            self.server.url, transports=self.transports, namespaces=list(namespaces), **options
        )
        expected = "polling" if self.name == "polling" else "websocket"
        assert self.socket.transport() == expected
        return self

    async def next(self, event, namespace="/"):
        return await asyncio.wait_for(self.queues[namespace, event].get(), SECONDS)

    async def call(self, event, data=None, namespace="/"):
        return await self.socket.call(event, data, namespace=namespace, timeout=SECONDS)


@pytest.fixture
def play(server, transport):
    """Runs `scenario(open)` in a loop of its own; `open(*events, ...)` gives a connected client."""

    def run(scenario):
        async def main():
            clients = []

            async def open_one(*events, **options):
                client = Client(server, transport)
                clients.append(client)
                for event in events:
                    client.listen(event)
                return await client.open(**options)

            try:
                await asyncio.wait_for(scenario(open_one), 30)
            finally:
                for client in clients:
                    await client.socket.disconnect()

        asyncio.run(main())

    return run


def test_events_and_acks_come_back(play):
    async def scenario(open_one):
        client = await open_one("echo")
        for value in ("てすと 👍", {"a": [None, 1.5, {"b": b"\x00\xff"}]}, b"", [[], {}]):
            await client.socket.emit("echo", value)
            assert await client.next("echo") == (value,)
            assert await client.call("echo", value) == value

    play(scenario)


def test_fifty_acks_at_once(play):
    async def scenario(open_one):
        client = await open_one()
        answers = await asyncio.gather(*(client.call("echo", i) for i in range(50)))
        assert answers == list(range(50))

    play(scenario)


def test_auth_and_namespaces(play):
    async def scenario(open_one):
        client = await open_one("welcome", namespaces=["/", "/other"], auth={"token": "abc"})
        (welcome,) = await client.next("welcome")
        assert welcome["auth"] == {"token": "abc"}
        assert await client.call("echo", "there", namespace="/other") == "there"

    play(scenario)


def test_unknown_namespace_is_refused(play):
    async def scenario(open_one):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await open_one(namespaces=["/nowhere"])

    play(scenario)


def test_room_of_ten_hears_in_order(play):
    async def scenario(open_one):
        speaker, *listeners = await asyncio.gather(*(open_one("told") for _ in range(10)))
        await asyncio.gather(*(it.call("join", "crowd") for it in listeners))
        for i in range(50):
            await speaker.call("tell", {"rooms": ["crowd"], "except": [], "args": [i, {"i": i}]})
        for listener in listeners:
            heard = [await listener.next("told") for _ in range(50)]
            assert heard == [(i, {"i": i}) for i in range(50)]

    play(scenario)


def test_server_asks_and_bytes_answer(play):
    async def scenario(open_one):
        client = await open_one()

        async def answer(question):
            return {"question": question, "data": b"\x01\x02"}

        client.socket.on("question", answer)
        reply = await client.call("ask", ("what?", 5000))
        assert reply == {"answer": {"question": "what?", "data": b"\x01\x02"}}
        too_late = asyncio.Event()

        async def hesitate(_question):
            await too_late.wait()

        client.socket.on("question", hesitate)
        assert await client.call("ask", ("now?", 50)) == {"error": "timeout"}
        too_late.set()

    play(scenario)


def test_both_sides_disconnect(play, server):
    async def scenario(open_one):
        leaver, kicked = await asyncio.gather(open_one(), open_one())
        ended = asyncio.Queue()
        kicked.socket.on("disconnect", ended.put)
        sids = [it.socket.get_sid() for it in (leaver, kicked)]
        await leaver.socket.disconnect()
        await kicked.socket.emit("kick", True)
        assert await asyncio.wait_for(ended.get(), SECONDS) == "server disconnect"
        wait = asyncio.to_thread(server.wait_for, rf"left / {sids[0]} (.*)")
        assert (await wait).group(1) in ("client namespace disconnect", "transport close")
        wait = asyncio.to_thread(server.wait_for, rf"left / {sids[1]} (.*)")
        assert (await wait).group(1) == "server namespace disconnect"

    play(scenario)
