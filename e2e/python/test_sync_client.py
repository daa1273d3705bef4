"""python-socketio, the blocking client: one thread for each connection."""

import queue
import time

import pytest
import socketio

SECONDS = 8


class Client:
    """A connected client with a queue for each event that it listens to."""

    def __init__(self, server, transport, namespaces=("/",), auth=None, events=()):
        name, transports = transport
        self.socket = socketio.Client(reconnection=False)
        self.queues = {}
        for event in ("welcome", *events):
            for namespace in namespaces:
                self.listen(event, namespace)
        self.socket.connect(
            server.url,
            transports=transports,
            namespaces=list(namespaces),
            auth=auth,
            wait_timeout=SECONDS,
        )
        expected = "polling" if name == "polling" else "websocket"
        assert self.socket.transport() == expected

    def listen(self, event, namespace="/"):
        heard = self.queues[namespace, event] = queue.Queue()
        self.socket.on(event, lambda *args: heard.put(args), namespace=namespace)

    def next(self, event, namespace="/"):
        return self.queues[namespace, event].get(timeout=SECONDS)

    def call(self, event, data=None, namespace="/"):
        return self.socket.call(event, data, namespace=namespace, timeout=SECONDS)


def until(holds):
    """Waits until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.001)


@pytest.fixture
def connect(server, transport):
    clients = []

    def open_one(**options):
        clients.append(Client(server, transport, **options))
        return clients[-1]

    yield open_one
    for client in clients:
        client.socket.disconnect()


SHAPES = {
    "text": "hello",
    "scripts": "てすと Я ß 👍 \u2028",
    "nested": {"a": [{"b": None}], "ü": {"": [1.5, -2, True]}},
    "empty": [[], {}],
    "bytes": b"\x00\x01\xfe\xff",
    "bytes within": {"list": [b"a", {"deep": b"b"}], "text": "c"},
}


@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES.keys())
def test_event_comes_back(connect, value):
    client = connect(events=["echo"])
    client.socket.emit("echo", value)
    assert client.next("echo") == (value,)


@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES.keys())
def test_ack_comes_back(connect, value):
    assert connect().call("echo", value) == value


def test_several_arguments_each_way(connect):
    client = connect(events=["echo"])
    client.socket.emit("echo", (1, b"two", {"three": 3}))
    assert client.next("echo") == (1, b"two", {"three": 3})
    assert client.call("echo", ("a", b"b")) == ("a", b"b")


def test_auth_arrives(connect):
    client = connect(auth={"token": "abc", "n": 1})
    (welcome,) = client.next("welcome")
    assert welcome["auth"] == {"token": "abc", "n": 1}
    assert welcome["id"] == client.socket.get_sid()


def test_middleware_refuses_and_admits(server, transport, connect):
    # The exception has the message; the data comes with the event.
    refused = socketio.Client(reconnection=False)
    errors = queue.Queue()
    refused.on("connect_error", errors.put, namespace="/admin")
    with pytest.raises(socketio.exceptions.ConnectionError):
        refused.connect(
            server.url, transports=transport[1], namespaces=["/admin"], auth={"token": "wrong"}
        )
    error = errors.get(timeout=SECONDS)
    assert error == {"message": "not authorized", "data": {"status": 401, "hint": "say the word"}}
    admitted = connect(namespaces=["/admin"], auth={"token": "let-me-in"})
    assert admitted.call("echo", "inside", namespace="/admin") == "inside"


def test_namespaces_share_a_connection(connect):
    client = connect(namespaces=["/", "/other"], events=["echo"])
    client.socket.emit("echo", "one", namespace="/")
    client.socket.emit("echo", "two", namespace="/other")
    assert client.next("echo", "/other") == ("two",)
    assert client.next("echo", "/") == ("one",)
    assert client.socket.get_sid("/") != client.socket.get_sid("/other")


def test_rooms(connect):
    ann, bob, cy = (connect(events=["told"]) for _ in range(3))
    assert bob.call("join", "python") == ["python"]
    cy.call("join", "python")
    except_cy = {"rooms": ["python"], "except": [cy.socket.get_sid()], "args": ["to bob"]}
    ann.call("tell", except_cy)
    assert cy.call("leave", "python") == []
    ann.call("tell", {"rooms": ["python"], "except": [], "args": ["to bob again"]})
    ann.call("broadcast", "to all others")
    assert [bob.next("told") for _ in range(3)] == [
        ("to bob",),
        ("to bob again",),
        ("to all others",),
    ]
    assert cy.next("told") == ("to all others",)
    ann.call("echo", "settle")
    assert ann.queues["/", "told"].empty()


def test_bytes_reach_a_room(connect):
    ann, bob = connect(), connect(events=["told"])
    bob.call("join", "bytes")
    ann.call("tell-bytes", ("bytes", b"\x00\xff"))
    assert bob.next("told") == (b"\x00\xff",)


def test_server_asks(connect):
    client = connect()
    client.socket.on("question", lambda question: f"{question} yes")
    assert client.call("ask", ("sure?", 5000)) == {"answer": "sure? yes"}


def test_events_keep_their_order(connect):
    client = connect(events=["tick"])
    client.socket.emit("ticks", 1000)
    assert [client.next("tick") for _ in range(1000)] == [(i,) for i in range(1000)]


def test_large_event(connect):
    client = connect()
    # Python writes each letter as `\\u00fc`, which makes 900 kB.
    text = "ü" * 150_000
    assert client.call("echo", text) == text


def test_client_disconnects(connect, server):
    client = connect()
    sid = client.socket.get_sid()
    # Its writer looks at the state before each turn, and says nothing when `disconnect` comes while
    # a request is under way. So wait until it waits for something to write.
    until(lambda: client.socket.eio.queue.not_empty._waiters)
    client.socket.disconnect()
    reason = server.wait_for(rf"left / {sid} (.*)").group(1)
    assert reason in ("client namespace disconnect", "transport close")


def test_server_disconnects(connect, server):
    client = connect()
    ended = queue.Queue()
    client.socket.on("disconnect", lambda reason: ended.put(reason))
    sid = client.socket.get_sid()
    client.socket.emit("kick", True)
    assert ended.get(timeout=SECONDS) == "server disconnect"
    assert server.wait_for(rf"left / {sid} (.*)").group(1) == "server namespace disconnect"
