import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import {
  formatCertificateLine,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  parseCertificateLine,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import { AgentCopy } from "./agent-copy.ts";
import { SshAddError } from "./ssh-add.ts";
import type { SshAdd } from "./ssh-add.ts";

const HOUR = 3600;
const KEY_PATH = "/home/alice/.ssh/id";
const userKey = generatePrivateKey("Ed25519");
const ca = generatePrivateKey("Ed25519");
const otherCa = generatePrivateKey("Ed25519");
const PLAIN = formatPublicKeyLine(publicKeyOf(userKey), "alice@laptop");

/** An agent in memory behind an ssh-add that finds `file` beside the key, and forgets what has run out. */
class Laptop implements SshAdd {
  readonly clock = new ManualClock();
  readonly said: string[] = [];
  readonly stop = new AbortController();
  readonly copy: AgentCopy;
  /** Lines, and until when they stay, in seconds. */
  held: { line: string; until: number }[] = [];
  /** The certificate in the file. */
  file: Certificate | undefined;
  fails: SshAddError | undefined;
  #serial = 0n;

  constructor(certPath = `${KEY_PATH}-cert.pub`) {
    this.copy = new AgentCopy({
      sshAdd: this,
      publicKey: publicKeyOf(userKey),
      keyPath: KEY_PATH,
      certPath,
      user: "alice",
      clock: this.clock,
      signal: this.stop.signal,
      words: {
        updated: () => this.said.push("updated"),
        cleared: () => this.said.push("cleared"),
        failed: (problem, wanted) => this.said.push(`${wanted}: ${problem}`),
      },
    });
  }

  get now(): number {
    return this.clock.now() / 1000;
  }

  issue({ hours = 8, authority = ca, keyId = "alice" } = {}): Certificate {
    return issueCertificate(authority, {
      type: "user",
      publicKey: publicKeyOf(userKey),
      keyId,
      serial: (this.#serial += 1n),
      principals: ["deploy@prod"],
      validAfter: new Date(this.clock.now() - 60_000),
      validBefore: new Date(this.clock.now() + hours * HOUR * 1000),
    });
  }

  /** What the key-helper does with a new certificate. */
  async renew(certificate: Certificate): Promise<void> {
    const earlier = this.file;
    this.file = certificate;
    this.copy.put(certificate, earlier);
    await this.copy.settled();
  }

  /** The person, by hand. */
  sshAdd(...certificates: Certificate[]): void {
    for (const one of certificates) this.held.push({ line: formatCertificateLine(one), until: Infinity });
  }

  serials(): bigint[] {
    this.#forget();
    return this.held
      .filter(({ line }) => line !== PLAIN)
      .map(({ line }) => parseCertificateLine(line).serial);
  }

  #forget(): void {
    this.held = this.held.filter(({ until }) => until > this.now);
  }

  list(): Promise<readonly string[]> {
    if (this.fails !== undefined) return Promise.reject(this.fails);
    this.#forget();
    return Promise.resolve(this.held.map(({ line }) => line));
  }

  add(keyPath: string, seconds: number): Promise<void> {
    assert.equal(keyPath, KEY_PATH);
    if (this.file !== undefined)
      this.held.push({ line: formatCertificateLine(this.file), until: this.now + seconds });
    return Promise.resolve();
  }

  remove(lines: readonly string[]): Promise<void> {
    this.held = this.held.filter(({ line }) => !lines.includes(line));
    return Promise.resolve();
  }
}

test("AgentCopy replaces what somebody added, for as long as the new certificate is good", async () => {
  const laptop = new Laptop();
  laptop.held.push({ line: PLAIN, until: Infinity });
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [], "nobody has opted in");
  laptop.sshAdd(laptop.file ?? laptop.issue());
  await laptop.renew(laptop.issue({ hours: 2 }));
  assert.deepEqual(laptop.serials(), [2n]);
  assert.deepEqual(laptop.said, ["updated"]);
  laptop.clock.advance(2 * HOUR * 1000);
  assert.deepEqual(laptop.serials(), []);
  assert.equal(laptop.held[0]?.line, PLAIN, "the plain key is the person's");
});

test("AgentCopy takes running out for no opting out, and removing it for one", async () => {
  const laptop = new Laptop();
  laptop.sshAdd(laptop.issue());
  await laptop.renew(laptop.issue());
  laptop.clock.advance(15 * HOUR * 1000);
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [3n], "the next morning");
  laptop.held = [];
  await laptop.renew(laptop.issue());
  laptop.clock.advance(15 * HOUR * 1000);
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [], "the person removed it");
});

test("AgentCopy clears what is revoked, and knows afterwards that somebody had opted in", async () => {
  const laptop = new Laptop();
  const first = laptop.issue();
  laptop.sshAdd(first);
  laptop.copy.clear(first);
  await laptop.copy.settled();
  assert.deepEqual(laptop.serials(), []);
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [2n]);
  assert.deepEqual(laptop.said, ["cleared", "updated"]);
});

test("AgentCopy leaves alone what is not this proxy's", async () => {
  const laptop = new Laptop();
  const theirs = [laptop.issue({ authority: otherCa }), laptop.issue({ keyId: "bob" })];
  laptop.sshAdd(...theirs);
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [1n, 2n], "these are no opting in");
  laptop.sshAdd(laptop.issue());
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [1n, 2n, 5n]);
});

test("AgentCopy replaces certificates of the CA before a rotation", async () => {
  const laptop = new Laptop();
  const old = laptop.issue({ authority: otherCa });
  laptop.file = old;
  laptop.sshAdd(old);
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.serials(), [2n]);
});

test("AgentCopy says what went wrong, and goes on with the next certificate", async () => {
  const laptop = new Laptop();
  laptop.sshAdd(laptop.issue());
  laptop.fails = new SshAddError("the agent did not answer within 10 s");
  await laptop.renew(laptop.issue());
  laptop.fails = undefined;
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.said, ["put: the agent did not answer within 10 s", "updated"]);
  assert.deepEqual(laptop.serials(), [3n]);
});

test("AgentCopy does the latest only, when news come faster than the agent answers", async () => {
  const laptop = new Laptop();
  const [first, second, third] = [laptop.issue(), laptop.issue(), laptop.issue()] as const;
  laptop.sshAdd(first);
  laptop.copy.put(second, first);
  laptop.copy.put(third, second);
  laptop.copy.clear(third);
  await laptop.copy.settled();
  assert.deepEqual(laptop.serials(), []);
  assert.equal(laptop.said.at(-1), "cleared");
});

test("AgentCopy says where ssh-add looks for a certificate that is somewhere else", async () => {
  const laptop = new Laptop("/tmp/cert.pub");
  laptop.sshAdd(laptop.issue());
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.said, [`put: ssh-add takes certificates from ${KEY_PATH}-cert.pub only`]);
});

test("AgentCopy says nothing about what the program's end cut short", async () => {
  const laptop = new Laptop();
  laptop.fails = new SshAddError("cannot run ssh-add: The operation was aborted");
  laptop.stop.abort();
  await laptop.renew(laptop.issue());
  assert.deepEqual(laptop.said, []);
});
