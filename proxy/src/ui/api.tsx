/**
 * The browser's side of the HTTP API: one function a route, one error class.
 */
import type {
  EnrollFinishAnswer,
  EnrollFinishRequest,
  EnrollStartAnswer,
  EnrollStartRequest,
  ErrorAnswer,
  NewTokenAnswer,
  NewTokenRequest,
  SessionAnswer,
  SignInAnswer,
  SignInRequest,
  TokenListAnswer,
} from "../web/api.ts";

/** A refusal by the server; `message` is a sentence for the person. */
export class RefusedError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "RefusedError";
    this.code = code;
  }
}

export function startEnrollment(body: EnrollStartRequest): Promise<EnrollStartAnswer> {
  return call("POST", "/api/v1/enroll/start", body);
}

export function finishEnrollment(body: EnrollFinishRequest): Promise<EnrollFinishAnswer> {
  return call("POST", "/api/v1/enroll/finish", body);
}

export function signIn(body: SignInRequest): Promise<SignInAnswer> {
  return call("POST", "/api/v1/sign-in", body);
}

export function signOut(): Promise<unknown> {
  return call("POST", "/api/v1/sign-out", {});
}

/** Who is signed in. A page that looks again by itself says so: that does not count as use. */
export function readSession(how: "use" | "look" = "use"): Promise<SessionAnswer> {
  return call("GET", how === "look" ? "/api/v1/session?look" : "/api/v1/session");
}

export function listTokens(): Promise<TokenListAnswer> {
  return call("GET", "/api/v1/key-helper-tokens");
}

export function createToken(body: NewTokenRequest): Promise<NewTokenAnswer> {
  return call("POST", "/api/v1/key-helper-tokens", body);
}

export function deleteToken(name: string): Promise<unknown> {
  return call("DELETE", `/api/v1/key-helper-tokens/${encodeURIComponent(name)}`);
}

/** What to show for any error. */
export function sentenceOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message;
  return "The server did not answer. Check the network and try again.";
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(path, {
    method,
    credentials: "same-origin",
    cache: "no-store",
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json();
  if (response.ok) return answer as T;
  const { error } = answer as ErrorAnswer;
  throw new RefusedError(error.code, error.message);
}
