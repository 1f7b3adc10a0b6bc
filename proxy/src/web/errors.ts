/**
 * How refusals and failures leave the server: a status, a code, one sentence.
 * What exactly was wrong goes to the audit log; a stranger gets these texts.
 */
import type { FastifyReply } from "fastify";
import type { ApiErrorCode, ErrorAnswer } from "./api.ts";

/** Status and text of each code. */
export const API_ERRORS: Readonly<
  Record<ApiErrorCode, { readonly status: number; readonly message: string }>
> = {
  "bad-request": { status: 400, message: "The request is not one that this server understands." },
  "bad-origin": { status: 403, message: "The request does not come from this server's own pages." },
  "not-signed-in": { status: 401, message: "Sign in first." },
  // One text for unknown user, wrong password, wrong code and locked account, so that none can be told from another.
  "sign-in-failed": {
    status: 401,
    message:
      "Signing in failed. Check user, password and code; each code works once. After several failures wait a quarter of an hour.",
  },
  "invite-not-valid": {
    status: 403,
    message: "This invite is not valid any more: it was used, or it is over. Ask for a new one.",
  },
  "enrollment-expired": { status: 409, message: "This page was open for too long. Open the invite again." },
  "weak-password": { status: 400, message: "Choose another password." },
  "wrong-code": {
    status: 400,
    message: "The code does not match. Type the newest one, and check that the clock of your phone is right.",
  },
  "not-found": { status: 404, message: "There is nothing here." },
  "too-many-tokens": { status: 409, message: "You have as many tokens as are allowed. Delete one first." },
  "too-many-requests": { status: 429, message: "Too many requests. Wait a minute and try again." },
  "too-large": { status: 413, message: "The request is too large." },
  "not-ready": { status: 503, message: "The server is not ready yet. Try again in a few seconds." },
  internal: {
    status: 500,
    message: "Something went wrong on the server. Try again; its log says what it was.",
  },
};

/** Answers with an error; `message` replaces the code's own sentence. */
export function sendError(reply: FastifyReply, code: ApiErrorCode, message?: string): FastifyReply {
  const entry = API_ERRORS[code];
  const body: ErrorAnswer = { error: { code, message: message ?? entry.message } };
  return reply.code(entry.status).send(body);
}
