import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "node:tls";
import type { ErrorAnswer, NewTokenAnswer, SessionAnswer, TokenListAnswer } from "./api.ts";
import { cookieOf, PASSWORD, startTestServer } from "./test-server.ts";
import type { Answer } from "./test-server.ts";

const server = await startTestServer();
after(() => server.close());
const alice = await server.signIn("alice");
const bob = await server.signIn("bob");

function codeOf(answer: Answer): string {
  return (answer.body as ErrorAnswer).error.code;
}

/** Every route that needs a signed-in person, as somebody would call it. */
const CLOSED_ROUTES = [
  { method: "GET", path: "/api/v1/session" },
  { method: "POST", path: "/api/v1/sign-out", body: {} },
  { method: "GET", path: "/api/v1/key-helper-tokens" },
  { method: "POST", path: "/api/v1/key-helper-tokens", body: {} },
  { method: "DELETE", path: "/api/v1/key-helper-tokens/kht-aaaaaaaaaa" },
];
const OPEN_API_ROUTES = [
  { method: "POST", path: "/api/v1/sign-in", body: { user: "x", password: "x", code: "x" } },
  { method: "POST", path: "/api/v1/enroll/start", body: { user: "x", token: "x" } },
  {
    method: "POST",
    path: "/api/v1/enroll/finish",
    body: { user: "x", token: "x", enrollment: "x", password: "x", code: "x" },
  },
];

test("every route but the open ones answers 401 without a good cookie", async () => {
  const cookies = [
    undefined,
    "",
    "__Host-teleport-access=",
    "__Host-teleport-access=abc",
    `${alice}x`,
    "a=b",
  ];
  for (const { method, path, body } of CLOSED_ROUTES) {
    for (const cookie of cookies) {
      const answer = await server.send(method, path, { body, ...(cookie === undefined ? {} : { cookie }) });
      assert.equal(answer.status, 401, `${method} ${path} with ${String(cookie)}`);
      assert.equal(codeOf(answer), "not-signed-in");
    }
  }
});

test("every route that changes something answers 403 to a wrong, null, missing or sibling origin", async () => {
  const origins = [
    null,
    "null",
    "https://evil.example",
    `https://sub.localhost:${server.port}`,
    `http://localhost:${server.port}`,
    "https://localhost",
    `${server.origin}.evil.example`,
  ];
  const routes = [...CLOSED_ROUTES, ...OPEN_API_ROUTES].filter(({ method }) => method !== "GET");
  for (const { method, path, body } of routes) {
    for (const origin of origins) {
      const answer = await server.send(method, path, { body, origin, cookie: alice });
      assert.equal(answer.status, 403, `${method} ${path} from ${String(origin)}`);
      assert.equal(codeOf(answer), "bad-origin");
    }
  }
});

test("sign-in sets a cookie that scripts, other sites and plain HTTP never get", async () => {
  const signedIn = await server.send("GET", "/api/v1/session", { cookie: alice });
  assert.equal(signedIn.status, 200);
  const again = await server.signIn("carol");
  assert.match(again, /^__Host-teleport-access=[A-Za-z0-9_-]+$/);
  const answer = await server.send("POST", "/api/v1/sign-out", { body: {}, cookie: again });
  const [line = ""] = answer.headers["set-cookie"] ?? [];
  for (const attribute of ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"])
    assert.ok(line.includes(attribute), line);
  assert.ok(!line.includes("Domain"), line);
});

test("sign-in answers unknown user, wrong password and wrong code with the same text, status and headers", async () => {
  const attempts = [
    { user: "nobody", password: PASSWORD, code: "123456" },
    { user: "bob", password: "wrong", code: "123456" },
    { user: "bob", password: PASSWORD, code: "000000" },
    { user: "../../x", password: "x".repeat(1024), code: "x" },
  ];
  const answers: string[] = [];
  for (const body of attempts) {
    const { status, text, headers } = await server.send("POST", "/api/v1/sign-in", { body });
    answers.push(JSON.stringify([status, text, Object.keys(headers)]));
  }
  assert.equal(new Set(answers).size, 1, answers.join("\n"));
});

test("session tells who is signed in and where they may go", async () => {
  const { body } = await server.send("GET", "/api/v1/session", { cookie: alice });
  const { user, targets, sshAddress } = body as SessionAnswer;
  assert.equal(user, "alice");
  assert.equal(sshAddress, "proxy.example.com:3023");
  assert.deepEqual(targets, [{ cluster: "prod", hosts: ["web-1"], logins: ["deploy"] }]);
});

test("sign-out ends the sign-in: the cookie that was copied before is worth nothing", async () => {
  const cookie = await server.signIn("dave");
  const { body } = await server.send("GET", "/api/v1/session", { cookie });
  assert.equal((body as SessionAnswer).user, "dave");
  assert.equal((await server.send("POST", "/api/v1/sign-out", { body: {}, cookie })).status, 204);
  assert.equal((await server.send("GET", "/api/v1/session", { cookie })).status, 401);
  assert.equal(server.world.store.loginSessionsOf("dave").length, 0);
});

test("kubectl delete of the LoginSession, or suspending the person, ends the page at once", async () => {
  const erin = await server.signIn("erin");
  const [session] = server.world.store.loginSessionsOf("erin");
  server.world.remove("loginsessions", session?.name ?? "");
  assert.equal((await server.send("GET", "/api/v1/session", { cookie: erin })).status, 401);
  const frank = await server.signIn("frank");
  server.world.put("proxyusers", "frank", { spec: { suspend: true } });
  assert.equal((await server.send("GET", "/api/v1/session", { cookie: frank })).status, 401);
});

test("a LoginSession that somebody wrote with kubectl is no sign-in", async () => {
  server.world.put("loginsessions", "s-forged", {
    spec: {
      userRef: { name: "alice" },
      expirationTime: "2099-01-01T00:00:00Z",
      factors: ["Password", "TOTP"],
      seal: "A".repeat(43),
    },
  });
  assert.equal(server.world.store.loginSession("s-forged"), undefined);
  await Promise.resolve();
});

test("key-helper tokens are made, listed and deleted by their owner, and are nobody else's business", async () => {
  const made = await server.send("POST", "/api/v1/key-helper-tokens", {
    cookie: alice,
    body: { description: "laptop", days: 30 },
  });
  const { name, token, command } = made.body as NewTokenAnswer;
  assert.match(token, /^tah_[A-Za-z0-9_-]{43}$/);
  assert.ok(
    command.startsWith(`teleport-key-helper --server=${server.origin} --auth=alice --token=${token} `),
  );
  assert.ok(!JSON.stringify(server.world.read("keyhelpertokens", name)).includes(token));

  const own = await server.send("GET", "/api/v1/key-helper-tokens", { cookie: alice });
  assert.deepEqual(
    (own.body as TokenListAnswer).tokens.map((t) => [t.name, t.description, t.bound]),
    [[name, "laptop", false]],
  );
  const others = await server.send("GET", "/api/v1/key-helper-tokens", { cookie: bob });
  assert.deepEqual((others.body as TokenListAnswer).tokens, []);
  const path = `/api/v1/key-helper-tokens/${name}`;
  assert.equal((await server.send("DELETE", path, { cookie: bob })).status, 404);
  assert.notEqual(server.world.read("keyhelpertokens", name), undefined);
  assert.equal((await server.send("DELETE", path, { cookie: alice })).status, 204);
  assert.equal((await server.send("DELETE", path, { cookie: alice })).status, 404);
});

test("key-helper tokens of one person are bounded", async () => {
  const gina = await server.signIn("gina");
  const codes: number[] = [];
  for (let n = 0; n < 21; n += 1) {
    const { status } = await server.send("POST", "/api/v1/key-helper-tokens", { cookie: gina, body: {} });
    codes.push(status);
  }
  assert.deepEqual([codes.filter((c) => c === 200).length, codes.at(-1)], [20, 409]);
});

test("bodies that are too large, no JSON, or of another shape are refused with a 4xx", async () => {
  const path = "/api/v1/sign-in";
  const table = [
    { sent: { raw: "x".repeat(70_000) }, want: 413 },
    { sent: { raw: "{" }, want: 400 },
    { sent: { raw: "null" }, want: 400 },
    { sent: { body: [] }, want: 400 },
    { sent: { body: { user: "alice", password: "x" } }, want: 400 },
    { sent: { body: { user: "alice", password: "x", code: 123456 } }, want: 400 },
    { sent: { body: { user: "alice", password: "x", code: "1", admin: true } }, want: 400 },
    { sent: { raw: '{"__proto__":{"user":"alice"},"password":"x","code":"1"}' }, want: 400 },
    {
      sent: { raw: "user=alice", headers: { "content-type": "application/x-www-form-urlencoded" } },
      want: 400,
    },
    { sent: { body: {}, headers: { "x-large": "x".repeat(20_000) } }, want: 431 },
  ];
  for (const { sent, want } of table) {
    // On a connection of its own: after some of these the server closes it.
    const { status } = await server.send("POST", path, { ...sent, alone: true });
    assert.equal(status, want, JSON.stringify(sent).slice(0, 80));
  }
});

test("pages come with a policy that allows no foreign script, and assets may be kept for ever", async () => {
  const page = await server.send("GET", "/");
  assert.equal(page.status, 200);
  const policy = String(page.headers["content-security-policy"]);
  assert.ok(policy.includes("default-src 'none'") && policy.includes("script-src 'self'"), policy);
  assert.ok(!policy.includes("unsafe"), policy);
  assert.equal(page.headers["x-frame-options"], "DENY");
  assert.equal(page.headers["cache-control"], "no-cache");
  assert.equal((await server.send("GET", "/invite")).text, page.text);
  const asset = await server.send("GET", "/assets/app-0123456789abcdef.js");
  assert.match(String(asset.headers["cache-control"]), /immutable/);
});

test("paths that climb out of the assets find nothing", async () => {
  for (const path of [
    "/assets/../index.html",
    "/assets/%2e%2e/index.html",
    "/assets/",
    "/../../etc/passwd",
    "//etc/passwd",
  ]) {
    assert.equal((await server.send("GET", path)).status, 404, path);
  }
});

test("answers of the API are never stored by browsers", async () => {
  const { headers } = await server.send("GET", "/api/v1/session", { cookie: alice });
  assert.equal(headers["cache-control"], "no-store");
});

test("the well-known document names the public keys that others need", async () => {
  const { body } = await server.send("GET", "/.well-known/teleport-access", { origin: null });
  const facts = body as { userCAKeys: string[]; hostKeys: string[]; ssh: { address: string } };
  assert.match(facts.userCAKeys[0] ?? "", /^ssh-ed25519 AAAA/);
  assert.match(facts.hostKeys[0] ?? "", /^ssh-ed25519 AAAA/);
  assert.equal(facts.ssh.address, "proxy.example.com:3023");
});

test("the API is not ready before the access list is, and says so", async () => {
  const { world } = server;
  Object.defineProperty(world.store, "synced", { value: false, configurable: true });
  try {
    const body = { user: "alice", password: PASSWORD, code: "123456" };
    assert.equal((await server.send("POST", "/api/v1/sign-in", { body })).status, 503);
    assert.equal((await server.send("GET", "/")).status, 200);
  } finally {
    Reflect.deleteProperty(world.store, "synced");
  }
});

test("TLS 1.1 is not spoken, and a certificate that cannot be used leaves the old one in place", async () => {
  await assert.rejects(handshake({ maxVersion: "TLSv1.1", minVersion: "TLSv1" }));
  server.world.tls.cert = "broken";
  server.world.announceTls();
  await handshake({});
  server.world.tls.cert = server.ca;
  server.world.announceTls();
  await handshake({});
});

function handshake(options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "localhost", port: server.port, ca: server.ca, ...options }, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
}

test("an address that asks too often is told to wait", async () => {
  const answers = await Promise.all(
    Array.from({ length: 301 }, (_, n) => server.send("GET", n % 2 === 0 ? "/api/v1/nothing" : "/")),
  );
  const limited = answers.find(({ status }) => status === 429);
  assert.ok(limited !== undefined && codeOf(limited) === "too-many-requests");
  assert.equal(cookieOf(limited), "");
});
