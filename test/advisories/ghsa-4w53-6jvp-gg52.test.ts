/**
 * sshpiper GHSA-4w53-6jvp-gg52: a PROXY protocol header was believed from anybody, so anybody could come
 * from any address. Here nobody's is by default, and only those of listed networks are even read.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { createIntroductions } from "../../proxy/src/introductions.ts";

test("nobody is believed by default", () => {
  assert.equal(createIntroductions([], new ManualClock()), undefined);
});

test("a header from outside the listed networks is left where it is", async () => {
  const introduce = createIntroductions(["10.0.0.0/8"], new ManualClock());
  const stream = new PassThrough();
  stream.write("PROXY TCP4 203.0.113.9 192.0.2.1 1 22\r\n");
  const socket = Object.assign(stream, { remoteAddress: "192.0.2.66", remotePort: 4 }) as unknown as Socket;
  assert.deepEqual(await introduce?.(socket), { known: true, remoteAddress: "192.0.2.66", remotePort: 4 });
  assert.match(String(stream.read()), /^PROXY/);
});
