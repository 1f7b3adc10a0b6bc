import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import { SshFormatError } from "@teleport-access/sshcert";

import { decodeDirectTcpip, encodeDirectTcpip } from "./direct-tcpip.ts";

const text = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe("direct-tcpip", () => {
  it("decodeDirectTcpip reads what encodeDirectTcpip wrote", () => {
    const fields = { host: text, port: u32, originAddress: text, originPort: u32 };
    const target = fc.record(fields, { noNullPrototype: true });
    fc.assert(
      fc.property(target, (one) => {
        assert.deepEqual(decodeDirectTcpip(encodeDirectTcpip(one)), one);
      }),
    );
  });
  it("decodeDirectTcpip parses any bytes or throws SshFormatError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeDirectTcpip(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof SshFormatError);
        }
      }),
    );
  });
  it("decodeDirectTcpip refuses trailing bytes and a host name that is too long", () => {
    const target = { host: "web-1.prod", port: 22, originAddress: "127.0.0.1", originPort: 1 };
    assert.throws(
      () => decodeDirectTcpip(Buffer.concat([encodeDirectTcpip(target), Buffer.of(0)])),
      SshFormatError,
    );
    assert.throws(
      () => decodeDirectTcpip(encodeDirectTcpip({ ...target, host: "a".repeat(256) })),
      SshFormatError,
    );
  });
});
