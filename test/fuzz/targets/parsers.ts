/** Targets that are functions of bytes: they parse, or throw the product's own error, and what they parsed writes back the same. */
import assert from "node:assert/strict";

import {
  formatCertificateLine,
  formatPublicKeyLine,
  generatePrivateKey,
  formatOpenSshPrivateKey,
  issueCertificate,
  optionString,
  parseCertificate,
  parseCertificateLine,
  parsePrivateKey,
  parsePublicKey,
  parsePublicKeyLine,
  publicKeyOf,
  signData,
  SshFormatError,
  verifyCertificate,
  verifySignature,
} from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import { createSecurityKey } from "@teleport-access/testkit";
import {
  decodeTransportRequest,
  encodeControlMessage,
  encodeKeyHelperMessage,
  encodeTransportRequest,
  parseAgentMessage,
  parseKeyHelperClientMessage,
  parseKeyHelperServerMessage,
  parseProxyHeader,
  parseProxyMessage,
  WireError,
} from "@teleport-access/wire";

import { parseAuthRequest } from "../../../packages/ssh/src/auth-request.ts";
import { requestBody } from "../../../packages/ssh/src/testing/raw-peer.ts";
import { finish, goodDraft } from "../../differential/certificate-parts.ts";
import type { FuzzTarget } from "../engine.ts";
import { Random } from "../random.ts";

/** Runs a parser; undefined when it refuses with one of the allowed errors. Anything else it throws is a finding. */
function parsed<T>(parse: () => T, ...allowed: readonly (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (allowed.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}

const NOW = new Date(Date.UTC(2030, 0, 1));
const ca = generatePrivateKey("Ed25519");
const authorities = [publicKeyOf(ca)];

function certificates(): Buffer[] {
  const random = new Random(1);
  const drafts = Array.from({ length: 40 }, () => finish(goodDraft(random, "root", NOW.getTime())));
  const own = issueCertificate(ca, {
    type: "user",
    publicKey: createSecurityKey("Ed25519").publicKey,
    keyId: "alice",
    principals: ["root@prod", "deploy@web-1.prod"],
    validAfter: new Date(NOW.getTime() - 60_000),
    validBefore: new Date(NOW.getTime() + 60_000),
    criticalOptions: { "source-address": "127.0.0.1/32", "verify-required": "" },
    extensions: { "permit-pty": "", "session@teleport-access.io": "s-alice" },
  });
  return [own.blob, ...drafts];
}

function useCertificate(certificate: Certificate): void {
  assert.deepEqual(parseCertificate(certificate.blob).principals, certificate.principals);
  verifyCertificate(certificate, {
    type: "user",
    authorities,
    now: NOW,
    criticalOptions: ["source-address"],
  });
  parsed(() => certificate.publicKey.keyObject, SshFormatError);
  for (const data of certificate.extensions.values()) parsed(() => optionString(data), SshFormatError);
  const line = formatCertificateLine(certificate);
  assert.deepEqual(parseCertificateLine(line).blob, certificate.blob);
}

const certificate: FuzzTarget = {
  name: "certificate",
  seeds: certificates,
  run(input) {
    const found = parsed(() => parseCertificate(input), SshFormatError);
    if (found === undefined) return undefined;
    assert.deepEqual(found.blob, input);
    useCertificate(found);
    return undefined;
  },
};

const SIGNED = Buffer.from("signed");
const keys: readonly SshPublicKey[] = [
  publicKeyOf(generatePrivateKey("Ed25519")),
  publicKeyOf(generatePrivateKey("ECDSAP256")),
  publicKeyOf(generatePrivateKey("ECDSAP384")),
  publicKeyOf(generatePrivateKey("RSA3072")),
  createSecurityKey("Ed25519").publicKey,
  createSecurityKey("ECDSAP256").publicKey,
];

/** A public key's blob, its line, or a private key's file: told apart by what they begin with, as a reader would. */
const key: FuzzTarget = {
  name: "key",
  seeds: () => [
    ...keys.map(({ blob }) => blob),
    ...keys.map((one) => Buffer.from(formatPublicKeyLine(one, "me"))),
    Buffer.from(formatOpenSshPrivateKey(generatePrivateKey("Ed25519"), "me")),
    Buffer.from(formatOpenSshPrivateKey(generatePrivateKey("ECDSAP256"), "me")),
  ],
  run(input) {
    const blob = parsed(() => parsePublicKey(input), SshFormatError);
    if (blob !== undefined) {
      assert.deepEqual(blob.blob, input);
      parsed(() => blob.keyObject, SshFormatError);
    }
    const text = input.toString("latin1");
    const line = parsed(() => parsePublicKeyLine(text), SshFormatError);
    if (line !== undefined) assert.deepEqual(parsePublicKeyLine(formatPublicKeyLine(line)).blob, line.blob);
    parsed(() => parsePrivateKey(text), SshFormatError);
    return undefined;
  },
};

const signer = generatePrivateKey("ECDSAP256");
const touched = createSecurityKey("ECDSAP256");
const good = [signData(signer, SIGNED, "ecdsa-sha2-nistp256"), touched.sign(SIGNED)];

/** Nothing but the two good ones is a signature, and nothing throws. (ECDSA has two for each: s and its negative.) */
const signature: FuzzTarget = {
  name: "signature",
  seeds: () => good,
  run(input) {
    for (const one of [publicKeyOf(signer), touched.publicKey]) {
      if (verifySignature(one, SIGNED, input)) assert.ok(good.some((known) => known.equals(input)));
    }
    return undefined;
  },
};

const session = Buffer.alloc(32);
const authRequest: FuzzTarget = {
  name: "auth-request",
  seeds: () =>
    certificates()
      .slice(0, 8)
      .map((blob) => {
        const { certType } = parseCertificate(blob);
        const body = requestBody("root@web-1.prod", certType, blob, true);
        return Buffer.concat([body, Buffer.of(0, 0, 0, good[0]?.length ?? 0), good[0] ?? Buffer.of()]);
      }),
  run(input) {
    const request = parsed(() => parseAuthRequest(input, () => session), SshFormatError);
    assert.notEqual(request?.publicKey?.proof?.good, true, "nobody signed");
    return undefined;
  },
};

const transport = {
  host: "web-1",
  port: 22,
  user: "alice",
  sessionId: "8f1c",
  clientAddress: "192.0.2.1",
};

const transportRequest: FuzzTarget = {
  name: "transport-request",
  seeds: () => [encodeTransportRequest(transport)],
  run(input) {
    const request = parsed(() => decodeTransportRequest(input), WireError);
    if (request !== undefined) assert.deepEqual(encodeTransportRequest(request), input);
    return undefined;
  },
};

const CONTROL = [
  { type: "hello", version: 1, proxy: "acme", replica: "acme-0", hostCAFingerprints: [] },
  { type: "hello", version: 1, agent: "a", cluster: "prod", userCAFingerprints: [], targets: [] },
  { type: "replicas", replicas: ["a", "b"] },
  { type: "targets", targets: [{ host: "web-1", ports: [22] }] },
  { type: "drain" },
];

/** JSON of the control channel and of the key-helper; what was parsed can be written and parsed again. */
const messages: FuzzTarget = {
  name: "wire-messages",
  seeds: () => [
    ...CONTROL.map((one) => Buffer.from(JSON.stringify(one))),
    Buffer.from(JSON.stringify({ type: "challenge", nonce: Buffer.alloc(32).toString("base64") })),
    Buffer.from(JSON.stringify({ type: "state", state: "waiting" })),
  ],
  run(input) {
    const text = input.toString("latin1");
    const json = parsed((): unknown => JSON.parse(text), SyntaxError);
    const proxy = parsed(() => parseProxyMessage(json), WireError);
    if (proxy !== undefined)
      assert.deepEqual(parseProxyMessage(readBack(encodeControlMessage(proxy))), proxy);
    const agent = parsed(() => parseAgentMessage(json), WireError);
    if (agent !== undefined)
      assert.deepEqual(parseAgentMessage(readBack(encodeControlMessage(agent))), agent);
    const client = parsed(() => parseKeyHelperClientMessage(text), WireError);
    if (client !== undefined)
      assert.deepEqual(parseKeyHelperClientMessage(encodeKeyHelperMessage(client)), client);
    const server = parsed(() => parseKeyHelperServerMessage(text), WireError);
    if (server !== undefined)
      assert.deepEqual(parseKeyHelperServerMessage(encodeKeyHelperMessage(server)), server);
    return undefined;
  },
};

const BINARY = "0d0a0d0a000d0a515549540a";

/** Never throws, and says the same of a header however much of what follows has come. */
const proxyHeader: FuzzTarget = {
  name: "proxy-header",
  seeds: () => [
    Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.1 8080 3023\r\nSSH-2.0-x\r\n"),
    Buffer.from("PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 8080 3023\r\n"),
    Buffer.from("PROXY UNKNOWN what ever\r\n"),
    Buffer.from(`${BINARY}2111000cc0000201c63364011f900bcf5353482d`, "hex"),
    Buffer.from(`${BINARY}21210024${"20010db8".repeat(8)}1f900bcf`, "hex"),
    Buffer.from(`${BINARY}20000000`, "hex"),
  ],
  run(input, random) {
    const whole = parseProxyHeader(input);
    const part = parseProxyHeader(input.subarray(0, random.int(input.length + 1)));
    if (whole.state === "complete") {
      assert.ok(whole.length <= input.length);
      assert.deepEqual(parseProxyHeader(input.subarray(0, whole.length)), whole);
      assert.notEqual(part.state, "refused", "what was good becomes so by growing");
    }
    if (part.state !== "incomplete") assert.deepEqual(whole, part, "once said, it stays so");
    return undefined;
  },
};

function readBack(line: Buffer): unknown {
  return JSON.parse(line.toString());
}

export const PARSERS: readonly FuzzTarget[] = [
  certificate,
  key,
  signature,
  authRequest,
  transportRequest,
  messages,
  proxyHeader,
];
