"""One server for all tests of a file, looked at after each test; clients over each transport."""

import engineio.payload
import pytest
from server_process import ServerProcess

# The Python client gives up when one poll brings more packets than this; its default of 16 is less
# than any server sends after a burst.
engineio.payload.Payload.max_decode_packets = 20_000

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}


@pytest.fixture(scope="module")
def running_server():
    server = ServerProcess("api")
    yield server
    server.kill()


@pytest.fixture
def server(running_server):
    yield running_server
    running_server.assert_quiet()


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    """The name, and what python-socketio calls it."""
    return request.param, TRANSPORTS[request.param]
