import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { after, before, test } from "node:test";

import { dialTarget } from "./dial.ts";
import type { DialOptions, ResolvedAddress } from "./dial.ts";

let server: Server;
let port = 0;
before(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("hello");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
after(() => {
  server.close();
});

function options(changes: Partial<DialOptions> = {}): DialOptions {
  return { apiServer: [], timeoutMs: 5000, signal: new AbortController().signal, ...changes };
}

function answers(...addresses: string[]): (host: string) => Promise<readonly ResolvedAddress[]> {
  return () =>
    Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
}

test("dialTarget connects an exact entry, loopback included", async () => {
  const result = await dialTarget({ host: "127.0.0.1", port, exact: true }, options());
  assert.ok(result.connected);
  assert.equal(result.socket.allowHalfOpen, true);
  const [greeting] = (await once(result.socket, "data")) as [Buffer];
  assert.equal(greeting.toString(), "hello");
  result.socket.destroy();
});

test("dialTarget refuses a glob that resolves to loopback, whatever the name", async () => {
  for (const host of ["web-1", "127.0.0.1", "127.1", "0x7f000001", "localhost"]) {
    const resolve = host === "web-1" ? { resolve: answers("127.0.0.1") } : {};
    const result = await dialTarget({ host, port, exact: false }, options(resolve));
    assert.deepEqual(result, { connected: false, reason: "target-address-forbidden" }, host);
  }
});

test("dialTarget refuses a glob that resolves to the API server or the metadata service", async () => {
  for (const address of ["10.96.0.1", "169.254.169.254", "::ffff:169.254.169.254"]) {
    const result = await dialTarget(
      { host: "web-1", port, exact: false },
      options({ resolve: answers(address), apiServer: ["10.96.0.1"] }),
    );
    assert.equal(result.connected, false, address);
  }
});

test("dialTarget asks for the name once and dials what was checked (DNS rebinding)", async () => {
  let asked = 0;
  const result = await dialTarget(
    { host: "rebinding.example", port, exact: true },
    options({
      resolve: (host) => {
        asked += 1;
        return answers(asked === 1 ? "127.0.0.1" : "192.0.2.1")(host);
      },
    }),
  );
  assert.ok(result.connected);
  assert.equal(asked, 1);
  assert.equal(result.socket.remoteAddress, "127.0.0.1");
  result.socket.destroy();
});

test("dialTarget tries the next address of a name", async () => {
  const result = await dialTarget(
    { host: "two", port, exact: true },
    options({ resolve: answers("::1", "127.0.0.1") }),
  );
  assert.ok(result.connected);
  result.socket.destroy();
});

test("dialTarget says in plain words why a target was not reached", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port: nobody } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  await assert.rejects(dialTarget({ host: "127.0.0.1", port: nobody, exact: true }, options()), {
    code: "AGENT_DIAL",
    message: "connection refused",
  });
  await assert.rejects(
    dialTarget(
      { host: "x", port, exact: true },
      options({
        resolve: () => Promise.reject(Object.assign(new Error("x.svc.internal"), { code: "ENOTFOUND" })),
      }),
    ),
    { message: "name not found" },
  );
  await assert.rejects(dialTarget({ host: "x", port, exact: true }, options({ resolve: answers() })), {
    code: "AGENT_DIAL",
  });
});

test("dialTarget gives up when it is told to, also while a name is being resolved", async () => {
  const abort = new AbortController();
  const dial = dialTarget(
    { host: "slow", port, exact: true },
    options({ signal: abort.signal, resolve: () => Promise.withResolvers<never>().promise }),
  );
  abort.abort();
  await assert.rejects(dial, { code: "AGENT_DIAL", message: "timed out" });
});

test("dialTarget gives up after its time", async () => {
  await assert.rejects(
    dialTarget(
      { host: "slow", port, exact: true },
      options({ timeoutMs: 1, resolve: () => Promise.withResolvers<never>().promise }),
    ),
    { message: "timed out" },
  );
});
