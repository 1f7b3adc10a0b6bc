/**
 * For tests only: the real web server on a real socket, in a fake world, and a
 * client that sends whatever a test wants to send.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@teleport-access/daemon";
import { totpCode, totpStep } from "@teleport-access/testkit";
import { createFakeWorld } from "./fake-world.ts";
import type { FakeWorld } from "./fake-world.ts";
import { createWebServer } from "./server.ts";

const TLS = {
  key: readFileSync(new URL("./testdata/tls.key", import.meta.url), "utf8"),
  cert: readFileSync(new URL("./testdata/tls.crt", import.meta.url), "utf8"),
};
const AGENT = new Agent({ keepAlive: true, maxSockets: 4 });
export const PASSWORD = "correct horse battery";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
}

/** What to send; the origin is the server's own unless it is said otherwise, null for none. */
export interface Sent {
  readonly body?: unknown;
  readonly raw?: string;
  readonly cookie?: string;
  readonly origin?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** On a connection that no other request uses. */
  readonly alone?: boolean;
}

/** A running server. */
export interface TestServer {
  readonly world: FakeWorld;
  readonly origin: string;
  readonly port: number;
  readonly ca: string;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  /** Enrols and signs in a person who gets a grant; the cookie. */
  signIn(user: string): Promise<string>;
  close(): Promise<void>;
}

/** Starts one on a port of its own. */
export async function startTestServer(): Promise<TestServer> {
  const world = createFakeWorld(systemClock, { ...TLS });
  const ui = fakeUi();
  const server = await createWebServer({ ...world.deps, uiDirectory: ui });
  const port = await server.listen(0, "127.0.0.1");
  const origin = `https://localhost:${port}`;
  world.config = { ...world.config, publicAddresses: { ...world.config.publicAddresses, web: origin } };
  function send(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    return sendTo(origin, method, path, sent);
  }
  return {
    world,
    origin,
    port,
    ca: TLS.cert,
    send,
    signIn: (user) => signIn(world, send, user),
    async close() {
      AGENT.destroy();
      await server.close();
      rmSync(ui, { recursive: true });
    },
  };
}

async function signIn(world: FakeWorld, send: TestServer["send"], user: string): Promise<string> {
  const token = `invite-of-${user}`;
  world.addUser(user, token);
  world.addGrant(user);
  const started = await send("POST", "/api/v1/enroll/start", { body: { user, token } });
  const { enrollment, totpSecret } = started.body as { enrollment: string; totpSecret: string };
  const step = totpStep(systemClock.now());
  const code = totpCode(totpSecret, step);
  await send("POST", "/api/v1/enroll/finish", {
    body: { user, token, enrollment, password: PASSWORD, code },
  });
  const signedIn = await send("POST", "/api/v1/sign-in", {
    body: { user, password: PASSWORD, code: totpCode(totpSecret, step + 1) },
  });
  return cookieOf(signedIn);
}

/** `name=value` of the cookie that an answer sets; empty when it sets none. */
export function cookieOf({ headers }: Answer): string {
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

function fakeUi(): string {
  const folder = mkdtempSync(join(tmpdir(), "teleport-ui-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>teleport-access</title>");
  writeFileSync(join(folder, "assets/app-0123456789abcdef.js"), "export {};");
  return folder;
}

function sendTo(base: string, method: string, path: string, sent: Sent): Promise<Answer> {
  const text = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
  const origin = sent.origin === undefined ? base : sent.origin;
  const headers = {
    ...(origin === null ? {} : { origin }),
    ...(text === undefined ? {} : { "content-type": "application/json" }),
    ...(sent.cookie === undefined ? {} : { cookie: sent.cookie }),
    ...sent.headers,
  };
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    // `path` as it stands: URL would take the dots out of it.
    const call = request(
      { hostname, port, path, method, headers, ca: TLS.cert, agent: sent.alone === true ? false : AGENT },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: body,
            body: parse(body),
          });
        });
      },
    );
    call.on("error", reject);
    call.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
