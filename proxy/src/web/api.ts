/**
 * The JSON that the browser and the server exchange: types only, shared by both.
 * docs/protocol.md lists the routes; routes-*.ts answer them, ui/api.tsx asks.
 */

/** Why a request was refused, in a word that programs may compare. */
export type ApiErrorCode =
  | "bad-request"
  | "bad-origin"
  | "not-signed-in"
  | "sign-in-failed"
  | "invite-not-valid"
  | "enrollment-expired"
  | "weak-password"
  | "wrong-code"
  | "not-found"
  | "too-many-tokens"
  | "too-many-requests"
  | "too-large"
  | "not-ready"
  | "internal";

/** The body of every answer that is not a success. */
export interface ErrorAnswer {
  readonly error: { readonly code: ApiErrorCode; readonly message: string };
}

/** POST /api/v1/enroll/start */
export interface EnrollStartRequest {
  readonly user: string;
  readonly token: string;
}

/** Answer to enroll/start. */
export interface EnrollStartAnswer {
  /** Base32, for typing in by hand. */
  readonly totpSecret: string;
  readonly otpauthUrl: string;
  /** A QR code of otpauthUrl as a data: URL. */
  readonly qr: string;
  /** To be sent back unchanged with enroll/finish. */
  readonly enrollment: string;
}

/** POST /api/v1/enroll/finish, answered with EnrollFinishAnswer. */
export interface EnrollFinishRequest extends EnrollStartRequest {
  readonly enrollment: string;
  readonly password: string;
  readonly code: string;
}

/** Answer to enroll/finish. */
export interface EnrollFinishAnswer {
  readonly user: string;
}

/** POST /api/v1/sign-in */
export interface SignInRequest {
  readonly user: string;
  readonly password: string;
  readonly code: string;
}

/** Answer to sign-in; the cookie comes with it. */
export interface SignInAnswer {
  readonly user: string;
  /** When the sign-in is over, RFC 3339. */
  readonly expirationTime: string;
}

/** Where the person may go. */
export interface TargetGroup {
  readonly cluster: string;
  /** Globs of host names; `*` is every host. */
  readonly hosts: readonly string[];
  readonly logins: readonly string[];
}

/** GET /api/v1/session */
export interface SessionAnswer extends SignInAnswer {
  /** The proxy's SSH door, host:port. */
  readonly sshAddress: string;
  readonly targets: readonly TargetGroup[];
}

/** One machine's right to run a key-helper. */
export interface TokenAnswer {
  readonly name: string;
  readonly description: string;
  readonly expirationTime: string;
  /** Whether a machine has used it and it is worthless to all others. */
  readonly bound: boolean;
  readonly lastSeenTime?: string;
}

/** GET /api/v1/key-helper-tokens */
export interface TokenListAnswer {
  readonly tokens: readonly TokenAnswer[];
}

/** POST /api/v1/key-helper-tokens */
export interface NewTokenRequest {
  readonly description?: string;
  readonly days?: number;
}

/** Answer to a new token: the only time its text is shown. */
export interface NewTokenAnswer {
  readonly name: string;
  readonly token: string;
  readonly expirationTime: string;
  /** Ready to paste into a shell on the machine. */
  readonly command: string;
}
