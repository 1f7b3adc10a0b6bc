/** Agents that are not what they should be: whatever they hold or answer, they get nobody in as somebody else. */
import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, describe, it } from "node:test";
import { generatePrivateKey, publicKeyOf, signData, SshReader, SshWriter } from "@teleport-access/sshcert";
import { connectPerson } from "./forward-person.ts";
import type { PersonOptions } from "./forward-person.ts";
import { ALL_EXTENSIONS, startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { localOpenSsh } from "./proxy-world.ts";

const LIST = 11;
const SIGN = 13;

/** An agent that answers each message with what `answer` makes of it; undefined closes. */
function agentOf(answer: (type: number, message: SshReader) => Buffer | undefined): () => Duplex {
  return () => {
    const [near, far] = duplexPair();
    let received = Buffer.alloc(0);
    far.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) return;
      const message = new SshReader(received.subarray(4));
      received = Buffer.alloc(0);
      const reply = answer(message.u8(), message);
      if (reply === undefined) far.destroy();
      else far.write(new SshWriter().string(reply).done());
    });
    far.on("error", () => undefined);
    return near;
  };
}

/** An agent that holds these blobs and signs with `key` for each of them. */
function holding(blobs: readonly Buffer[], key: KeyObject): () => Duplex {
  return agentOf((type, message) => (type === LIST ? listing(blobs) : signed(key, message)));
}

function listing(blobs: readonly Buffer[]): Buffer {
  const answer = new SshWriter().u8(12).u32(blobs.length);
  for (const blob of blobs) answer.string(blob).string("comment");
  return answer.done();
}

function signed(key: KeyObject, message: SshReader): Buffer {
  message.string();
  return new SshWriter()
    .u8(14)
    .string(signData(key, message.string(), "ssh-ed25519"))
    .done();
}

describe("the forwarded agent", { concurrency: false, timeout: 60_000 }, () => {
  let forward: ForwardWorld;
  before(async () => {
    forward = await startForwardWorld(localOpenSsh());
  });
  after(async () => {
    await forward.close();
  });
  beforeEach(() => {
    forward.grant();
    forward.world.audit.length = 0;
  });

  /** Runs a command as alice; the exit status and what was said. */
  async function run(
    options: PersonOptions,
  ): Promise<{ status: number | undefined; stdout: string; stderr: string }> {
    const { connection, agentChannels } = await connectPerson(forward, options);
    const session = await connection.session({ kind: "exec", command: "id -un" }, { agentForwarding: true });
    const errors: Buffer[] = [];
    session.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    const stdout = await text(session.channel);
    const { status } = await session.exit;
    const stderr = Buffer.concat(errors).toString();
    assert.equal(agentChannels.open, 0);
    connection.end();
    return { status, stdout, stderr };
  }

  const own = generatePrivateKey("Ed25519");
  const rows: readonly {
    readonly name: string;
    readonly reason: string;
    readonly agent: (world: ForwardWorld["world"]) => NonNullable<PersonOptions["agent"]>;
  }[] = [
    { name: "that the client does not hand out", reason: "agent-not-forwarded", agent: () => "none" },
    { name: "that holds nothing", reason: "agent-without-certificate", agent: () => holding([], own) },
    {
      name: "that holds plain keys only, even the right one",
      reason: "agent-without-certificate",
      agent: ({ keys }) => holding([publicKeyOf(keys.user).blob, publicKeyOf(own).blob], keys.user),
    },
    {
      name: "with a certificate of another CA for the same key and name",
      reason: "agent-without-certificate",
      agent: (world) => holding([world.certificate({ ca: own }).blob], world.keys.user),
    },
    {
      name: "with somebody else's certificate for the same key",
      reason: "agent-without-certificate",
      agent: (world) => holding([world.certificate({ keyId: "bob" }).blob], world.keys.user),
    },
    {
      name: "with a certificate of the same name for another key",
      reason: "agent-without-certificate",
      agent: (world) => holding([world.certificate({ key: own }).blob], own),
    },
    {
      name: "with an expired certificate of the same key",
      reason: "agent-without-certificate",
      agent: (world) =>
        holding(
          [world.certificate({ from: Date.now() - 7_200_000, to: Date.now() - 3_600_000 }).blob],
          world.keys.user,
        ),
    },
    {
      name: "with a certificate whose sign-in is gone",
      reason: "agent-without-certificate",
      agent: (world) => holding([world.certificate({ session: "s-gone" }).blob], world.keys.user),
    },
    {
      name: "that signs with another key",
      reason: "agent-failed",
      agent: (world) => holding([world.certificate().blob], own),
    },
    {
      name: "that does not want to sign",
      reason: "agent-failed",
      agent: (world) =>
        agentOf((type) => (type === LIST ? listing([world.certificate().blob]) : Buffer.of(5))),
    },
    { name: "that closes at once", reason: "agent-failed", agent: () => agentOf(() => undefined) },
    {
      name: "that answers with nonsense",
      reason: "agent-failed",
      agent: () => agentOf(() => Buffer.from("what?")),
    },
    {
      name: "that lists too many keys",
      reason: "agent-failed",
      agent: () => agentOf(() => new SshWriter().u8(12).u32(1_000_000).done()),
    },
    {
      name: "with a huge answer",
      reason: "agent-failed",
      agent: () => agentOf(() => Buffer.alloc(300 * 1024, 12)),
    },
  ];
  for (const { name, reason, agent } of rows) {
    it(`lets nobody in with an agent ${name}`, async () => {
      const { status, stdout, stderr } = await run({ agent: agent(forward.world) });
      assert.deepEqual([status, stdout], [255, ""]);
      assert.match(stderr, /^teleport-access: [^\n]+\n$/);
      await forward.world.audited({ event: "target.login", outcome: "denied", reason });
    });
  }

  it("logs in with a newer certificate of the same person and key, which then is judged too", async () => {
    const { world } = forward;
    const newer = world.certificate({ extensions: ALL_EXTENSIONS, to: Date.now() + 7_200_000 });
    const older = world.certificate({ extensions: ALL_EXTENSIONS, to: Date.now() + 1_800_000 });
    const { connection } = await connectPerson(forward, {
      agent: holding([older.blob, newer.blob], world.keys.user),
    });
    const session = await connection.session({ kind: "exec", command: "cat" }, { agentForwarding: true });
    const login = await world.audited({ event: "target.login", outcome: "allowed" });
    assert.deepEqual(login.certificate?.serial, String(newer.serial));
    session.channel.end();
    connection.end();
  });
  it("is asked for nothing but its list and one signature by the certificate", async () => {
    const { world } = forward;
    const certificate = world.certificate({ extensions: ALL_EXTENSIONS });
    const asked: (number | string)[] = [];
    const agent = agentOf((type, message) => {
      asked.push(type);
      if (type === LIST) return listing([publicKeyOf(world.keys.user).blob, certificate.blob]);
      const copy = new SshReader(message.raw(message.left));
      const blob = Buffer.from(copy.string());
      asked.push(blob.equals(certificate.blob) ? "certificate" : "something else");
      return new SshWriter()
        .u8(14)
        .string(signData(world.keys.user, copy.string(), "ssh-ed25519"))
        .done();
    });
    const { status, stdout } = await run({ agent, certificate });
    assert.deepEqual([status, stdout], [0, `${world.login}\n`]);
    assert.deepEqual(asked, [LIST, SIGN, "certificate"]);
  });
});
