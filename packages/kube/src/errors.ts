/**
 * What can go wrong between us and the API server, as one class with a closed
 * set of codes, and what a caller may do about each.
 */

/** Each code with the sentence that docs/errors.md gives. */
export const KUBE_ERRORS = {
  KUBE_CONFIG: "The kubeconfig or the pod's service account cannot be used; the message names the field.",
  KUBE_UNREACHABLE: "No connection to the API server, or it broke before an answer.",
  KUBE_TIMEOUT: "The API server did not answer in time.",
  KUBE_ABORTED: "The caller gave the request up.",
  KUBE_PROTOCOL: "The answer is not what an API server sends.",
  KUBE_BAD_REQUEST: "The API server could not read the request.",
  KUBE_UNAUTHORIZED: "The API server does not know who we are.",
  KUBE_FORBIDDEN: "RBAC does not allow this.",
  KUBE_NOT_FOUND: "The object, its namespace or its kind does not exist.",
  KUBE_ALREADY_EXISTS: "An object of that name exists.",
  KUBE_CONFLICT: "Somebody else changed the object first: read it again.",
  KUBE_EXPIRED: "The version asked for is too old: list again.",
  KUBE_INVALID: "The object breaks a rule of its schema; trying again will not help.",
  KUBE_BUSY: "The API server asks to come back later.",
  KUBE_SERVER_ERROR: "The API server failed.",
} as const;

/** Why a request failed. */
export type KubeErrorCode = keyof typeof KUBE_ERRORS;

/** What is known about a failure besides its text. */
export interface KubeErrorDetails {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A failed request. A missing object is not one where the method's contract says `undefined` or `false`. */
export class KubeError extends Error {
  readonly code: KubeErrorCode;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "KubeError";
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Whether `error` is a KubeError with one of `codes`. */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

/** The codes after which the same request will fail again until a person changes something. */
const TERMINAL: readonly KubeErrorCode[] = ["KUBE_INVALID", "KUBE_BAD_REQUEST", "KUBE_CONFIG"];

/** Whether trying the same request again is pointless. */
export function isTerminal(error: unknown): boolean {
  return isKubeError(error, ...TERMINAL);
}

/** The part of a Kubernetes `Status` that is read. */
export interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

const CODES_BY_STATUS: Readonly<Record<number, KubeErrorCode>> = {
  400: "KUBE_BAD_REQUEST",
  401: "KUBE_UNAUTHORIZED",
  403: "KUBE_FORBIDDEN",
  404: "KUBE_NOT_FOUND",
  409: "KUBE_CONFLICT",
  410: "KUBE_EXPIRED",
  413: "KUBE_INVALID",
  422: "KUBE_INVALID",
  429: "KUBE_BUSY",
  503: "KUBE_BUSY",
};

function codeOf(status: number, body: StatusBody): KubeErrorCode {
  if (body.reason === "AlreadyExists") return "KUBE_ALREADY_EXISTS";
  if (body.reason === "Expired" || body.reason === "Gone") return "KUBE_EXPIRED";
  // A watch from a version that this server has not reached (an etcd restored from a
  // backup): as with a version too old, only a new list helps.
  if (body.message?.includes("Too large resource version") === true) return "KUBE_EXPIRED";
  // Server-side apply answers an unknown field with 500 and this text: our mistake, not the server's.
  if (body.message?.includes("failed to create typed patch object") === true) return "KUBE_INVALID";
  return CODES_BY_STATUS[status] ?? (status >= 500 ? "KUBE_SERVER_ERROR" : "KUBE_BAD_REQUEST");
}

/**
 * The error behind a `Status` of the API server. `what` says which request it was;
 * `retryAfter` is the Retry-After header. A full queue (429) asks by header, a
 * starting one by the body's details.
 */
export function errorOfStatus(
  what: string,
  status: number,
  body: StatusBody,
  retryAfter?: string,
): KubeError {
  const seconds = Number(retryAfter ?? body.details?.retryAfterSeconds);
  const text = body.message ?? body.reason ?? "no message";
  return new KubeError(codeOf(status, body), `${what}: ${status}: ${text.slice(0, 1024)}`, {
    status,
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  });
}
