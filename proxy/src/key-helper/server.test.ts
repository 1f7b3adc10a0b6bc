import assert from "node:assert/strict";
import { after, test } from "node:test";
import { parseKeyHelperServerMessage } from "@teleport-access/wire";
import type { KeyHelperHello, KeyHelperServerMessage } from "@teleport-access/wire";
import { WebSocket } from "ws";
import type { NewTokenAnswer } from "../web/api.ts";
import { startTestServer } from "../web/test-server.ts";
import { createFakeMachine, helloOf } from "./fake-key-helper.ts";
import type { FakeMachine } from "./fake-key-helper.ts";

const server = await startTestServer();
after(() => server.close());
const cookie = await server.signIn("alice");

async function newToken(): Promise<string> {
  const { body } = await server.send("POST", "/api/v1/key-helper-tokens", { cookie, body: {} });
  return (body as NewTokenAnswer).token;
}

/** A connection: what it was told, in order, and its end. */
interface Client {
  readonly socket: WebSocket;
  next(): Promise<KeyHelperServerMessage | undefined>;
  readonly closed: Promise<number>;
  /** Why it could not be opened. */
  readonly failed: Promise<string>;
}

function open(headers: Record<string, string> = {}, path = "/key-helper/v1"): Client {
  const socket = new WebSocket(`wss://localhost:${server.port}${path}`, { ca: server.ca, headers });
  const queue: KeyHelperServerMessage[] = [];
  const waiting: ((message: KeyHelperServerMessage | undefined) => void)[] = [];
  socket.on("message", (data: Buffer) => {
    const message = parseKeyHelperServerMessage(data.toString());
    const taker = waiting.shift();
    if (taker !== undefined) taker(message);
    else if (message !== undefined) queue.push(message);
  });
  const failed = new Promise<string>((resolve) => {
    socket.on("error", (error) => {
      resolve(error.message);
    });
    socket.on("open", () => {
      resolve("it was opened");
    });
  });
  const closed = new Promise<number>((resolve) => {
    socket.on("close", (code: number) => {
      for (const taker of waiting) taker(undefined);
      resolve(code);
    });
  });
  return {
    socket,
    closed,
    failed,
    next: () => {
      const message = queue.shift();
      if (message !== undefined) return Promise.resolve(message);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Connects and answers the challenge. */
async function connect(
  machine: FakeMachine,
  change: Partial<Pick<KeyHelperHello, "token" | "user">>,
): Promise<Client> {
  const client = open();
  const challenge = await client.next();
  assert.ok(challenge?.type === "challenge");
  const hello = helloOf(machine, challenge.nonce, { server: `localhost:${server.port}`, ...change });
  client.socket.send(JSON.stringify(hello));
  return client;
}

test("a key-helper with a good token is welcomed and gets a certificate over TLS", async () => {
  const client = await connect(createFakeMachine(), { token: await newToken() });
  assert.equal((await client.next())?.type, "welcome");
  assert.equal((await client.next())?.type, "certificate");
  server.world.remove("useraccesses", "alice-prod");
  assert.equal((await client.next())?.type, "revoked");
  server.world.addGrant("alice");
  assert.equal((await client.next())?.type, "certificate");
  client.socket.close();
  await client.closed;
});

test("a token belongs to the first machine that uses it", async () => {
  const token = await newToken();
  const [first, second] = [createFakeMachine(), createFakeMachine()];
  const client = await connect(first, { token });
  assert.equal((await client.next())?.type, "welcome");
  const thief = await connect(second, { token });
  const refused = await thief.next();
  assert.ok(refused?.type === "refused" && refused.reason === "wrong-device");
  assert.equal(await thief.closed, 4403);
  const again = await connect(first, { token });
  assert.equal((await again.next())?.type, "welcome");
  client.socket.close();
  again.socket.close();
});

test("what is no hello is refused as malformed, and so is a second message", async () => {
  for (const text of ["{", "{}", '{"type":"welcome"}', "x".repeat(1000)]) {
    const client = open();
    await client.next();
    client.socket.send(text);
    const refused = await client.next();
    assert.ok(refused?.type === "refused" && refused.reason === "malformed", text.slice(0, 20));
  }
  const client = await connect(createFakeMachine(), { token: await newToken() });
  await client.next();
  client.socket.send("{}");
  assert.equal(await client.closed, 4403);
});

test("a message above 64 KiB, and one in very many fragments, end the connection", async () => {
  const large = open();
  await large.next();
  large.socket.send("x".repeat(65 * 1024));
  assert.equal(await large.closed, 1009);
  const fragments = open();
  await fragments.next();
  for (let n = 0; n < 100; n += 1) fragments.socket.send("x", { fin: false });
  assert.equal(await fragments.closed, 1008);
});

test("an upgrade from a browser's page elsewhere, or to another path, is refused", async () => {
  for (const origin of ["https://evil.example", "null", `https://sub.localhost:${server.port}`]) {
    assert.match(await open({ origin }).failed, /response: 403$/, origin);
  }
  for (const path of ["/", "/key-helper/v1/", "/key-helper/v1?token=x", "/api/v1/session"]) {
    assert.match(await open({}, path).failed, /response: 404$/, path);
  }
});

test("connections that prove nothing are bounded for each address", async () => {
  const idle = Array.from({ length: 10 }, () => open());
  await Promise.all(idle.map((client) => client.next()));
  assert.match(await open().failed, /response: 429$/);
  for (const client of idle) client.socket.close();
  await Promise.all(idle.map((client) => client.closed));
  const after = open();
  assert.equal((await after.next())?.type, "challenge");
  after.socket.close();
});

test("one token holds a bounded number of connections", async () => {
  const token = await newToken();
  const machine = createFakeMachine();
  const clients: Client[] = [];
  for (let n = 0; n < 4; n += 1) clients.push(await connect(machine, { token }));
  for (const client of clients) assert.equal((await client.next())?.type, "welcome");
  const fifth = await (await connect(machine, { token })).next();
  assert.ok(fifth?.type === "refused" && fifth.reason === "rate-limited");
  for (const client of clients) client.socket.close();
});

test("refusals are in the audit log, and tokens are not", () => {
  const lines = server.world.audited.map((event) => JSON.stringify(event));
  assert.ok(lines.some((line) => line.includes('"key-helper.refuse"') && line.includes('"wrong-device"')));
  assert.ok(lines.some((line) => line.includes('"certificate.issue"')));
  assert.ok(lines.every((line) => !line.includes("tah_")));
});
