// Official clients over TLS: https and wss, and no way around the certificate.

import { test } from "node:test";
import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { once } from "node:events";

import { tlsExample } from "../harness/certificate.mjs";
import { TRANSPORTS, clientsOf, refused } from "../harness/clients.mjs";
import { isReference } from "../harness/sut.mjs";
import { within } from "../harness/until.mjs";

if (!isReference) {
  const { server, certificate } = await tlsExample();
  for (const transport of TRANSPORTS) {
    const { start, open } = clientsOf(server, transport);

    test(`${transport.name}: events and acks go over TLS`, async () => {
      const client = await open("/", { ca: certificate.pem });
      assert.equal(await client.timeout(5_000).emitWithAck("ping me"), "pong");
      server.assertQuiet();
    });

    test(`${transport.name}: a certificate that nobody vouches for is refused`, async () => {
      const error = await refused(start("/"));
      assert.match(error.message, /(?:xhr poll|websocket) error/);
    });
  }

  test("polling and a WebSocket share one connection of HTTP/2", async () => {
    const session = connectHttp2(server.url, { ca: certificate.pem });
    const [settings] = await within(once(session, "remoteSettings"), "the settings arrive");
    assert.equal(settings.enableConnectProtocol, true);
    const path = "/socket.io/?EIO=4";
    const poll = session.request({ ":path": `${path}&transport=polling` });
    const [head] = await within(once(poll, "response"), "the poll is answered");
    assert.equal(head[":status"], 200);
    assert.equal(head.connection, undefined);
    poll.resume();
    await within(once(poll, "end"), "the poll ends");
    const socket = session.request({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":path": `${path}&transport=websocket`,
      "sec-websocket-version": "13",
    });
    const [agreed] = await within(once(socket, "response"), "the WebSocket is accepted");
    assert.equal(agreed[":status"], 200);
    const [frame] = await within(once(socket, "data"), "the first packet comes");
    // A text frame with an Engine.IO packet of type `open`.
    assert.equal(frame[0], 0x81);
    assert.match(frame.toString("latin1"), /0\{"sid":"/);
    socket.close();
    session.close();
    await within(once(session, "close"), "the connection ends");
    server.assertQuiet();
  });
}
