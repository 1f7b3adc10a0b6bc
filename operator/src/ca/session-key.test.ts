import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigMap, Secret } from "../objects.ts";
import { decideSessionKey, makeSessionKey, SESSION_KEY_ID_ANNOTATION } from "./session-key.ts";

const owner = { kind: "TeleportProxy", name: "main", namespace: "acme", uid: "u" };
const secret = makeSessionKey({ make: "session-key", owner }) as Secret;
const another = makeSessionKey({ make: "session-key", owner }) as Secret;
const id = idOf(secret);

function idOf(of: Secret): string {
  const state = decideSessionKey({ secret: of, configs: [], request: undefined });
  if (state.state !== "ready") throw new Error(`a new key is ${state.state}`);
  return state.id;
}

function configured(with_: string): ConfigMap[] {
  return [{ metadata: { name: "main-config", annotations: { [SESSION_KEY_ID_ANNOTATION]: with_ } } }];
}

function decide(of: Secret | undefined, known?: string, request?: string): string {
  const state = decideSessionKey({
    secret: of,
    configs: known === undefined ? [] : configured(known),
    request,
  });
  return state.state === "unusable" ? state.reason : state.state;
}

test("decideSessionKey makes one only where no proxy was configured with one", () => {
  assert.equal(decide(undefined), "to-make");
  assert.equal(decide(undefined, id), "KeyMissing");
  assert.equal(decide(undefined, id, `replace-lost-session-key/${id}`), "to-make");
  assert.equal(decide(undefined, id, "replace-lost-session-key/0000000000000000"), "KeyMissing");
});

test("decideSessionKey refuses another key than the known one until a person names it", () => {
  assert.equal(decide(secret, id), "ready");
  assert.equal(decide(another, id), "KeyMismatch");
  assert.equal(decide(another, id, `replace-lost-session-key/${id}`), "ready");
});

test("decideSessionKey takes an unmarked Secret only when it holds the known key", () => {
  const restored: Secret = {
    metadata: { name: "teleport-access-session" },
    ...(secret.data === undefined ? {} : { data: secret.data }),
  };
  assert.equal(decide(restored, id), "ready");
  assert.equal(decide(restored), "NameConflict");
});

test("decideSessionKey says InvalidKey of anything but 32 bytes", () => {
  assert.equal(decide({ ...secret, data: { "session.key": "c2hvcnQ=" } }), "InvalidKey");
});
