/** Of what strangers send: any bytes are read, or refused with an error of ours; never a RangeError, never a TypeError. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";

import fc from "fast-check";

import { publicKeyOf, SshFormatError, SshWriter } from "@teleport-access/sshcert";

import { agentIdentities } from "./agent.ts";
import { parseAuthRequest } from "./auth-request.ts";
import { SshError } from "./errors.ts";
import { testAuthority, testIdentity } from "./testing/certified.ts";
import { ED25519_CERTIFICATE, requestBody, signedRequest } from "./testing/raw-peer.ts";

const SESSION = Buffer.alloc(32, 5);
const identity = testIdentity(testAuthority());
const signed = signedRequest(SESSION, "root@web-1.prod", identity).done();

function sessionId(): Buffer {
  return SESSION;
}

function ours(error: unknown): boolean {
  return error instanceof SshError || error instanceof SshFormatError;
}

const bytes = fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array));

describe("parseAuthRequest", () => {
  it("reads the user, the key and the proof that a client wrote", () => {
    const user = fc.string({ unit: "grapheme-ascii", maxLength: 40 });
    fc.assert(
      fc.property(user, fc.boolean(), (name, withKey) => {
        const payload = withKey
          ? requestBody(name, ED25519_CERTIFICATE, identity.certificate.blob, false)
          : new SshWriter().u8(50).string(name).string("ssh-connection").string("none").done();
        const request = parseAuthRequest(payload, sessionId);
        assert.equal(request.user, name);
        assert.equal(request.service, "ssh-connection");
        assert.equal(request.publicKey?.key.kind, withKey ? "certificate" : undefined);
        assert.equal(request.publicKey?.proof, undefined);
      }),
    );
    assert.deepEqual(parseAuthRequest(signed, sessionId).publicKey?.proof, { good: true });
  });

  it("finds no proof in a request with any byte changed, and throws nothing but SshFormatError", () => {
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const other = Buffer.from(signed);
        other[at] = (other[at] ?? 0) ^ change;
        // The number of the message is the caller's to look at; it is signed for all the same.
        try {
          assert.notEqual(parseAuthRequest(other, sessionId).publicKey?.proof?.good, true, `byte ${at}`);
        } catch (error) {
          if (!(error instanceof SshFormatError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("reads any bytes or throws SshFormatError", () => {
    const method = fc.constantFrom("publickey", "none", "password", "x");
    fc.assert(
      fc.property(method, bytes, bytes, (name, head, tail) => {
        const whole = new SshWriter().u8(50).string("a").string("b").string(name).raw(tail).done();
        for (const payload of [whole, Buffer.concat([Buffer.of(50), head])]) {
          try {
            parseAuthRequest(payload, sessionId);
          } catch (error) {
            assert.ok(error instanceof SshFormatError, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Answers whatever it is asked with the same bytes, and leaves. */
function agentSaying(answer: Buffer): Duplex {
  const stream = new Duplex({
    read: () => undefined,
    write(_chunk, _encoding, done) {
      done();
      stream.push(answer);
      stream.push(null);
    },
  });
  return stream;
}

describe("agentIdentities", () => {
  const list = new SshWriter().u8(12).u32(2).string(identity.certificate.blob).string("alice");
  const listing = list.string(publicKeyOf(identity.privateKey).blob).string("plain").done();

  async function holdsOrRefuses(answer: Buffer): Promise<void> {
    try {
      const found = await agentIdentities(
        () => Promise.resolve(agentSaying(answer)),
        () => true,
      );
      for (const one of found) if ("sign" in one) await one.sign(Buffer.from("x"), "ssh-ed25519");
    } catch (error) {
      assert.ok(ours(error), String(error));
    }
  }

  it("takes any answer of an agent, or fails with an error of ours", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, fc.constant(listing)), fc.boolean(), (body, framed) =>
        holdsOrRefuses(framed ? new SshWriter().string(body).done() : body),
      ),
      { numRuns: 300 },
    );
  });

  it("takes a listing with any byte changed, or fails with an error of ours", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(listing.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const other = Buffer.from(listing);
        other[at] = (other[at] ?? 0) ^ change;
        return holdsOrRefuses(new SshWriter().string(other).done());
      }),
      { numRuns: 300 },
    );
  });
});
