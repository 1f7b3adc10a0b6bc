import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorOfStatus, isKubeError, isTerminal, KubeError } from "./errors.ts";

const CASES = [
  { name: "400", status: 400, body: {}, want: "KUBE_BAD_REQUEST" },
  { name: "401", status: 401, body: {}, want: "KUBE_UNAUTHORIZED" },
  { name: "403", status: 403, body: {}, want: "KUBE_FORBIDDEN" },
  { name: "404", status: 404, body: {}, want: "KUBE_NOT_FOUND" },
  { name: "409", status: 409, body: { reason: "Conflict" }, want: "KUBE_CONFLICT" },
  { name: "409 of a create", status: 409, body: { reason: "AlreadyExists" }, want: "KUBE_ALREADY_EXISTS" },
  { name: "410", status: 410, body: { reason: "Expired" }, want: "KUBE_EXPIRED" },
  {
    name: "504 for a version that is not there yet",
    status: 504,
    body: { reason: "Timeout", message: "Too large resource version: 9, current: 5" },
    want: "KUBE_EXPIRED",
  },
  { name: "422", status: 422, body: { reason: "Invalid" }, want: "KUBE_INVALID" },
  {
    name: "500 for a field that apply does not know",
    status: 500,
    body: { message: "failed to create typed patch object (acme/a): .spec.x: field not declared in schema" },
    want: "KUBE_INVALID",
  },
  { name: "429", status: 429, body: {}, want: "KUBE_BUSY" },
  { name: "503", status: 503, body: {}, want: "KUBE_BUSY" },
  { name: "500", status: 500, body: {}, want: "KUBE_SERVER_ERROR" },
  { name: "504", status: 504, body: {}, want: "KUBE_SERVER_ERROR" },
  { name: "418", status: 418, body: {}, want: "KUBE_BAD_REQUEST" },
] as const;

describe("errorOfStatus", () => {
  for (const { name, status, body, want } of CASES) {
    test(`errorOfStatus makes ${want} of ${name}`, () => {
      const error = errorOfStatus("get secrets a/b", status, body);
      assert.equal(error.code, want);
      assert.equal(error.status, status);
      assert.match(error.message, /^get secrets a\/b: \d+: /);
    });
  }

  test("errorOfStatus takes the wait from the header, else from the body", () => {
    const body = { details: { retryAfterSeconds: 1 } };
    assert.equal(errorOfStatus("x", 429, body, "3").retryAfterMs, 3000);
    assert.equal(errorOfStatus("x", 429, body).retryAfterMs, 1000);
    assert.equal(errorOfStatus("x", 429, {}, "Wed, 21 Oct 2026 07:28:00 GMT").retryAfterMs, undefined);
    assert.equal(errorOfStatus("x", 429, {}).retryAfterMs, undefined);
  });

  test("errorOfStatus cuts a message that is a whole page", () => {
    assert.ok(errorOfStatus("x", 500, { message: "a".repeat(100_000) }).message.length < 1100);
  });
});

describe("isKubeError", () => {
  test("isKubeError tells the codes asked for from others", () => {
    const error = new KubeError("KUBE_CONFLICT", "x");
    assert.ok(isKubeError(error));
    assert.ok(isKubeError(error, "KUBE_INVALID", "KUBE_CONFLICT"));
    assert.ok(!isKubeError(error, "KUBE_INVALID"));
    assert.ok(!isKubeError(new Error("x")));
  });

  test("isTerminal holds for what another try cannot mend", () => {
    assert.ok(isTerminal(new KubeError("KUBE_INVALID", "x")));
    assert.ok(!isTerminal(new KubeError("KUBE_FORBIDDEN", "RBAC may be granted later")));
    assert.ok(!isTerminal(new KubeError("KUBE_UNREACHABLE", "x")));
  });
});
