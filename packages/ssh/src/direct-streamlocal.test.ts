import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import { SshFormatError } from "@teleport-access/sshcert";

import type { IncomingChannel, SshPeer } from "./connection.ts";
import {
  decodeDirectStreamlocal,
  encodeDirectStreamlocal,
  onDirectStreamlocal,
} from "./direct-streamlocal.ts";

describe("direct-streamlocal", () => {
  it("decodeDirectStreamlocal reads what encodeDirectStreamlocal wrote", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (path) => {
        assert.equal(decodeDirectStreamlocal(encodeDirectStreamlocal(path)), path);
      }),
    );
  });
  it("decodeDirectStreamlocal parses any bytes or throws SshFormatError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeDirectStreamlocal(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof SshFormatError);
        }
      }),
    );
  });

  it("decodeDirectStreamlocal refuses NUL, at which the target would cut the path", () => {
    assert.throws(() => decodeDirectStreamlocal(encodeDirectStreamlocal("/run/a\0b")), SshFormatError);
  });

  /** What becomes of a channel that asks for this path. */
  function asking(path: string): string {
    let outcome = "nothing";
    const channel = {
      payload: encodeDirectStreamlocal(path),
      turnAway: (reason: string) => (outcome = reason),
    } as unknown as IncomingChannel;
    const peer = {
      onChannel: (type: string, handler: (channel: IncomingChannel) => void) => {
        assert.equal(type, "direct-streamlocal@openssh.com");
        handler(channel);
      },
    } as unknown as SshPeer;
    onDirectStreamlocal(peer, (request) => (outcome = request.path));
    return outcome;
  }
  const rows = [
    { path: "/run/postgresql/.s.PGSQL.5432", want: "/run/postgresql/.s.PGSQL.5432", why: "the common one" },
    { path: "x".repeat(107), want: "x".repeat(107), why: "the longest that Linux takes" },
    { path: "x".repeat(108), want: "channel-malformed", why: "sun_path has no room for it" },
    { path: "", want: "channel-malformed", why: "no path" },
  ];
  for (const { path, want, why } of rows) {
    it(`onDirectStreamlocal answers ${JSON.stringify(path.slice(0, 30))} of ${path.length}`, () => {
      assert.equal(asking(path), want, why);
    });
  }
});
