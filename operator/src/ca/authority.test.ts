import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fingerprint,
  formatPkcs8,
  formatPublicKeyLine,
  generatePrivateKey,
  publicKeyOf,
} from "@teleport-access/sshcert";
import { secretData, type Secret } from "../objects.ts";
import {
  decideAuthority,
  rememberAuthority,
  type AuthorityInput,
  type AuthorityMemory,
} from "./authority.ts";
import { makeAuthority } from "./make-authority.ts";

const key = generatePrivateKey("Ed25519");
const mine = fingerprint(publicKeyOf(key));
const other = fingerprint(publicKeyOf(generatePrivateKey("Ed25519")));
const secret: Secret = { metadata: { name: "s" }, data: secretData({ "ca.key": formatPkcs8(key) }) };
const garbage: Secret = {
  metadata: { name: "s" },
  data: secretData({ "ca.key": "not a key but SECRET-TEXT" }),
};

function memory(of: string): AuthorityMemory {
  return { fingerprint: of, publicKeys: [] };
}

const base: AuthorityInput = {
  field: "spec.userCA",
  secretName: "s",
  secretKey: "ca.key",
  provided: false,
  secret,
  foreign: false,
  memory: undefined,
  request: undefined,
};

const cases: readonly { name: string; input: Partial<AuthorityInput>; want: string; why: string }[] = [
  {
    name: "first sight of a key",
    input: {},
    want: "Generated",
    why: "a crash after making it, before status",
  },
  { name: "the known key", input: { memory: memory(mine) }, want: "Generated", why: "the normal case" },
  {
    name: "no Secret, nothing published",
    input: { secret: undefined },
    want: "to-make",
    why: "a new resource",
  },
  {
    name: "no Secret, published",
    input: { secret: undefined, memory: memory(mine) },
    want: "KeyMissing",
    why: "never made again by itself",
  },
  {
    name: "no Secret, replacement asked",
    input: { secret: undefined, memory: memory(mine), request: `replace-lost-key/${mine}` },
    want: "to-make",
    why: "a person said so, by fingerprint",
  },
  {
    name: "no Secret, replacement of another asked",
    input: { secret: undefined, memory: memory(mine), request: `replace-lost-key/${other}` },
    want: "KeyMissing",
    why: "an old request is no permission",
  },
  { name: "another key", input: { memory: memory(other) }, want: "KeyMismatch", why: "nobody trusts it" },
  {
    name: "another key, replacement asked",
    input: { memory: memory(other), request: `replace-lost-key/${other}` },
    want: "Generated",
    why: "a crash between making the replacement and writing status",
  },
  {
    name: "no key in the Secret",
    input: { secret: { metadata: { name: "s" } } },
    want: "InvalidKey",
    why: "cannot sign",
  },
  { name: "garbage", input: { secret: garbage }, want: "InvalidKey", why: "cannot sign" },
  {
    name: "a foreign Secret",
    input: { foreign: true },
    want: "NameConflict",
    why: "somebody else's key is not ours to use",
  },
  {
    name: "the known key, restored by hand",
    input: { foreign: true, memory: memory(mine) },
    want: "Generated",
    why: "the right key is proof enough",
  },
  {
    name: "provided and absent",
    input: { provided: true, secret: undefined },
    want: "KeyMissing",
    why: "never made for the user",
  },
  {
    name: "provided, absent, replacement asked",
    input: { provided: true, secret: undefined, memory: memory(mine), request: `replace-lost-key/${mine}` },
    want: "KeyMissing",
    why: "a provided Secret is never written",
  },
  { name: "provided and there", input: { provided: true }, want: "Provided", why: "the user's key signs" },
];

for (const { name, input, want, why } of cases) {
  test(`decideAuthority says ${want} of ${name}`, () => {
    const state = decideAuthority({ ...base, ...input });
    assert.equal(state.state === "to-make" ? "to-make" : state.reason, want, why);
    assert.ok(
      !JSON.stringify(state).includes("SECRET-TEXT"),
      "what stands in a Secret must not reach a status",
    );
  });
}

test("rememberAuthority takes status before the ConfigMap, and nothing from neither", () => {
  const line = formatPublicKeyLine(publicKeyOf(key));
  const published = { metadata: { name: "p" }, data: { "ca.pub": `${line}\n` } };
  assert.equal(rememberAuthority({ activeFingerprint: other }, published)?.fingerprint, other);
  assert.equal(rememberAuthority(undefined, published)?.fingerprint, mine);
  assert.equal(rememberAuthority({}, undefined), undefined);
  assert.equal(
    rememberAuthority(undefined, { metadata: { name: "p" }, data: { "ca.pub": "junk" } }),
    undefined,
  );
});

test("makeAuthority makes a Secret that decideAuthority finds ready, without an owner when it is to be retained", () => {
  const owner = { kind: "TeleportProxy", name: "main", namespace: "acme", uid: "u" };
  const order = {
    make: "authority",
    owner,
    component: "proxy",
    secretName: "s",
    algorithm: "Ed25519",
    comment: "c",
  } as const;
  const kept = makeAuthority({ ...order, retain: true });
  assert.equal(decideAuthority({ ...base, secret: kept }).state, "ready");
  assert.equal(kept.metadata.ownerReferences, undefined);
  assert.equal(makeAuthority({ ...order, retain: false }).metadata.ownerReferences?.[0]?.uid, "u");
});
