import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SshError } from "./errors.ts";
import { answerHybrid, startHybrid } from "./mlkem.ts";

describe("mlkem768x25519-sha256", () => {
  it("startHybrid and answerHybrid agree on a secret that differs each time", () => {
    const secrets = [0, 1].map(() => {
      const client = startHybrid();
      assert.equal(client.message.length, 1216);
      const { message, secret } = answerHybrid(client.message);
      assert.equal(message.length, 1120);
      assert.deepEqual(client.finish(message), secret);
      return secret.toString("hex");
    });
    assert.notEqual(secrets[0], secrets[1]);
  });

  const good = startHybrid();
  const inits: readonly { name: string; init: Buffer; why: string }[] = [
    { name: "an empty message", init: Buffer.alloc(0), why: "there is no key in it" },
    { name: "one byte too few", init: good.message.subarray(1), why: "lengths are fixed" },
    {
      name: "one byte too many",
      init: Buffer.concat([good.message, Buffer.alloc(1)]),
      why: "lengths are fixed",
    },
    {
      name: "coefficients that are not reduced",
      init: Buffer.concat([Buffer.alloc(1184, 0xff), good.message.subarray(1184)]),
      why: "FIPS 203, section 7.2 demands the check",
    },
    {
      name: "a low-order X25519 point",
      init: Buffer.concat([good.message.subarray(0, 1184), Buffer.alloc(32)]),
      why: "the classical half of the secret would be known to everybody",
    },
  ];
  for (const { name, init, why } of inits) {
    it(`answerHybrid refuses ${name}`, () => {
      assert.throws(() => answerHybrid(init), Error, why);
    });
  }
  it("finish refuses a reply of another length and a low-order point", () => {
    const client = startHybrid();
    assert.throws(() => client.finish(Buffer.alloc(1119)), SshError);
    const { message } = answerHybrid(client.message);
    message.fill(0, 1088);
    assert.throws(() => client.finish(message));
  });
  it("finish disagrees when one bit of either half was changed", () => {
    for (const position of [10, 1100]) {
      const client = startHybrid();
      const { message, secret } = answerHybrid(client.message);
      message[position] = (message[position] ?? 0) ^ 1;
      assert.notDeepEqual(client.finish(message), secret);
    }
  });
});
