import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { describe, it } from "node:test";

import { publicKeyOf, signData, SshReader, SshWriter } from "@teleport-access/sshcert";
import type { SignatureAlgorithm } from "@teleport-access/sshcert";

import { agentIdentities } from "./agent.ts";
import { testAuthority, testIdentity } from "./testing/certified.ts";
import type { TestIdentity } from "./testing/certified.ts";

const authority = testAuthority();
const [ours, theirs] = [
  testIdentity(authority, { keyId: "ours" }),
  testIdentity(testAuthority(), { keyId: "theirs" }),
];

/** An agent that answers each message with what `answer` makes of it; undefined closes. */
function agent(answer: (message: Buffer) => Buffer | undefined): () => Promise<Duplex> {
  return () => {
    const [near, far] = duplexPair();
    let received = Buffer.alloc(0);
    far.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) return;
      const reply = answer(received.subarray(4));
      if (reply === undefined) far.destroy();
      else for (const byte of new SshWriter().string(reply).done()) far.write(Buffer.of(byte));
    });
    return Promise.resolve(near);
  };
}

function listing(blobs: readonly Buffer[]): Buffer {
  const answer = new SshWriter().u8(12).u32(blobs.length);
  for (const blob of blobs) answer.string(blob).string("comment");
  return answer.done();
}

/** An honest agent that holds these identities, signing with `algorithm` whatever it is asked for. */
function honest(
  identities: readonly TestIdentity[],
  algorithm: SignatureAlgorithm = "ssh-ed25519",
): () => Promise<Duplex> {
  return agent((message) => {
    if (message[0] === 11)
      return listing([
        ...identities.map((i) => i.certificate.blob),
        publicKeyOf(ours.privateKey).blob,
        Buffer.from("junk"),
      ]);
    const reader = new SshReader(message.subarray(1));
    const blob = reader.string();
    const data = reader.string();
    const identity = identities.find((i) => i.certificate.blob.equals(blob));
    if (identity === undefined) return Buffer.of(5);
    return new SshWriter()
      .u8(14)
      .string(signData(identity.privateKey, data, algorithm))
      .done();
  });
}

describe("agentIdentities", () => {
  it("agentIdentities offers the wanted certificates only: no plain keys, no strangers, no junk", async () => {
    const identities = await agentIdentities(honest([ours, theirs]), (c) =>
      c.caKeyBlob.equals(authority.publicKey.blob),
    );
    assert.deepEqual(
      identities.map((identity) => identity.certificate.keyId),
      ["ours"],
    );
  });
  it("agentIdentities signs through the agent", async () => {
    const [identity] = await agentIdentities(honest([ours]), () => true);
    assert.ok(identity !== undefined && "sign" in identity);
    const data = Buffer.from("data");
    assert.deepEqual(
      await identity.sign(data, "ssh-ed25519"),
      signData(ours.privateKey, data, "ssh-ed25519"),
    );
  });
  it("agentIdentities refuses a signature with another algorithm", async () => {
    const rsa = testIdentity(authority, {}, "RSA3072");
    const [identity] = await agentIdentities(honest([rsa], "rsa-sha2-256"), () => true);
    assert.ok(identity !== undefined && "sign" in identity);
    await assert.rejects(identity.sign(Buffer.from("x"), "rsa-sha2-512"), { code: "SSH_AGENT" });
  });

  it("agentIdentities refuses a signature that another key made", async () => {
    const other = testIdentity(authority);
    const wrong = agent((message) =>
      message[0] === 11
        ? listing([ours.certificate.blob])
        : new SshWriter()
            .u8(14)
            .string(signData(other.privateKey, Buffer.from("x"), "ssh-ed25519"))
            .done(),
    );
    const [identity] = await agentIdentities(wrong, () => true);
    assert.ok(identity !== undefined && "sign" in identity);
    await assert.rejects(identity.sign(Buffer.from("x"), "ssh-ed25519"), { code: "SSH_AGENT" });
  });

  const hostile: readonly { name: string; answer: (message: Buffer) => Buffer | undefined; why: string }[] = [
    { name: "that closes", answer: () => undefined, why: "nothing more will come" },
    { name: "that refuses", answer: () => Buffer.of(5), why: "SSH_AGENT_FAILURE" },
    {
      name: "that lists 2^32-1 keys",
      answer: () => new SshWriter().u8(12).u32(0xffff_ffff).done(),
      why: "nobody has so many",
    },
    { name: "that says nothing", answer: () => Buffer.alloc(0), why: "an answer has a type" },
  ];
  for (const { name, answer, why } of hostile) {
    it(`agentIdentities gives up on an agent ${name}`, async () => {
      await assert.rejects(
        agentIdentities(agent(answer), () => true),
        Error,
        why,
      );
    });
  }
  it("agentIdentities gives up on an answer that is too long", async () => {
    const [near, far] = duplexPair();
    far.once("data", () => far.write(Buffer.of(0xff, 0xff, 0xff, 0xff)));
    await assert.rejects(
      agentIdentities(
        () => Promise.resolve(near),
        () => true,
      ),
      { code: "SSH_AGENT" },
    );
  });
});
