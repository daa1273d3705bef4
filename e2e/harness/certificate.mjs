// A certificate for 127.0.0.1 that nobody trusts, made by the example `tls`.

import { after } from "node:test";
import { X509Certificate, createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { example } from "./sut.mjs";

/**
 * The example's server, and its certificate: the files, the text, and the SHA-256 of its public
 * key as browsers want it. All is gone after the file's tests.
 */
export async function tlsExample() {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-tls-"));
  const server = await example("tls", ["0", folder]);
  after(async () => {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  server.url = server.url.replace("http://", "https://");
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const pem = await readFile(files.cert, "utf8");
  const key = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  const fingerprint = createHash("sha256").update(key).digest("base64");
  return { server, certificate: { ...files, pem, fingerprint } };
}
