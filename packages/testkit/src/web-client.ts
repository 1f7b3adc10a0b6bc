/**
 * The proxy's sign-in API as its own pages use it: one person, one cookie, the
 * proxy's authority pinned. Kept to node:https, so that the demo shows what
 * anybody's script could do.
 */
import { request } from "node:https";

export interface WebReply {
  readonly status: number;
  readonly body: unknown;
}

export interface KeyHelperTokenReply {
  readonly name: string;
  readonly token: string;
  readonly expirationTime: string;
}

export interface EnrollmentReply {
  readonly totpSecret: string;
  readonly otpauthUrl: string;
  readonly enrollment: string;
}

/** A reply of the API that is not a success; `code` is the API's own. */
export class WebApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(`the proxy answered ${status} (${code}): ${message}`);
    this.status = status;
    this.code = code;
  }
}

export interface WebClient {
  /** Any request; never throws for a status. The cookie of a sign-in is kept. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<WebReply>;
  startEnrollment(user: string, token: string): Promise<EnrollmentReply>;
  finishEnrollment(
    user: string,
    token: string,
    facts: { readonly enrollment: string; readonly password: string; readonly code: string },
  ): Promise<void>;
  signIn(user: string, password: string, code: string): Promise<{ readonly expirationTime: string }>;
  signOut(): Promise<void>;
  createKeyHelperToken(description: string): Promise<KeyHelperTokenReply>;
}

interface RawReply extends WebReply {
  readonly cookies: readonly string[];
}

interface RawRequest {
  readonly method: string;
  readonly url: URL;
  readonly ca: string;
  readonly cookie: string;
  readonly body: string | undefined;
  /** On top of, or instead of, the usual ones. */
  readonly headers: Readonly<Record<string, string>>;
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function headersOf({ url, cookie, body, headers }: RawRequest): Record<string, string> {
  return {
    origin: url.origin,
    ...(cookie === "" ? {} : { cookie }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...headers,
  };
}

function sendRaw(raw: RawRequest): Promise<RawReply> {
  const { method, url, ca, body } = raw;
  const headers = headersOf(raw);
  return new Promise((resolve, reject) => {
    const call = request(url, { method, ca, headers, agent: false, timeout: 10_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const cookies = response.headers["set-cookie"] ?? [];
        resolve({ status: response.statusCode ?? 0, body: parseBody(text), cookies });
      });
      response.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error(`${url.href} did not answer within 10 s`)));
    call.on("error", reject);
    call.end(body);
  });
}

function errorOf({ status, body }: WebReply): WebApiError {
  const error = (body as { error?: { code?: string; message?: string } } | null)?.error;
  return new WebApiError(status, error?.code ?? "UNKNOWN", error?.message ?? "no message");
}

/** A client for `https://host:port`, trusting only the given authority (PEM). */
export function createWebClient(origin: string, ca: string): WebClient {
  let cookie = "";
  async function send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WebReply> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const reply = await sendRaw({ method, url: new URL(path, origin), ca, cookie, body: text, headers });
    for (const line of reply.cookies) cookie = line.split(";")[0] ?? "";
    return { status: reply.status, body: reply.body };
  }
  async function post(path: string, body?: unknown): Promise<unknown> {
    const reply = await send("POST", `/api/v1/${path}`, body ?? {});
    if (reply.status < 200 || reply.status > 299) throw errorOf(reply);
    return reply.body;
  }
  return {
    send,
    startEnrollment: async (user, token) => (await post("enroll/start", { user, token })) as EnrollmentReply,
    async finishEnrollment(user, token, facts) {
      await post("enroll/finish", { user, token, ...facts });
    },
    signIn: async (user, password, code) =>
      (await post("sign-in", { user, password, code })) as { expirationTime: string },
    async signOut() {
      await post("sign-out");
    },
    createKeyHelperToken: async (description) =>
      (await post("key-helper-tokens", { description })) as KeyHelperTokenReply,
  };
}
