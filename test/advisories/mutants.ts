/**
 * The bug behind each advisory, put back: which text of which file, and what it becomes. `make mutants`
 * applies each in a copy of the tree and expects that advisory's test, and it alone, to fail;
 * mutants.test.ts keeps the list true in the ordinary run.
 */

/** One way to be wrong again. */
export interface Mutant {
  /** The name of the advisory's file, without `.test.ts`. */
  readonly advisory: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once there. */
  readonly find: string;
  readonly replace: string;
}

const SSHCERT = "packages/sshcert/src";
const SSH = "packages/ssh/src";
const ACCESS = "packages/access/src";

export const MUTANTS: readonly Mutant[] = [
  {
    advisory: "cve-2025-49825",
    file: `${SSHCERT}/certificate.ts`,
    find: "if (!isSoftwareKeyType(new SshReader(blob).text(64)))",
    replace: 'if (new SshReader(blob).text(64) === "")',
  },
  {
    advisory: "cve-2025-49825",
    file: `${SSHCERT}/verify.ts`,
    find: 'if (certificate.type !== purpose.type) return refuse("wrong-type");',
    replace: "",
  },
  {
    advisory: "teleport-33540",
    file: `${ACCESS}/tunnel.ts`,
    find: "principal: trust.name,",
    replace: "",
  },
  {
    advisory: "teleport-67688",
    file: `${ACCESS}/decide.ts`,
    find: "if (session.userUid !== undefined && session.userUid !== world.user(session.user)?.uid)",
    replace: "if (world.user(session.user) === undefined)",
  },
  {
    advisory: "ghsa-hw4x-mcx5-9q36",
    file: `${SSH}/connection-layer.ts`,
    find: 'if (!this.#handlers.has(type)) return ["channel-type-not-offered", "unknown channel type"];',
    replace: "",
  },
  {
    advisory: "ghsa-hw4x-mcx5-9q36",
    file: "cluster-agent/src/targets.ts",
    find: '["169.254.0.0", 16],',
    replace: "",
  },
  {
    advisory: "ghsa-c9v7-wmwj-vf6x",
    file: `${ACCESS}/jump-rule.ts`,
    find: '"FileTransfer"',
    replace: '"Shell"',
  },
  {
    advisory: "cve-2024-45337",
    file: `${SSH}/auth-server.ts`,
    find: "} else if (publicKey.proof?.good !== true) {",
    replace: "} else if (publicKey.proof?.good !== true && this.#requests < 2) {",
  },
  {
    advisory: "cve-2026-39828",
    file: `${SSH}/auth-server.ts`,
    find: "both factors have to be of one attempt.\n    this.#challenge = undefined;",
    replace: "both factors have to be of one attempt.",
  },
  {
    advisory: "cve-2026-46595",
    file: `${ACCESS}/certificate-facts.ts`,
    find: "return refuseSourceOption(certificate, source);",
    replace:
      "return certificate.principals.length === 0 ? refuseSourceOption(certificate, source) : undefined;",
  },
  {
    advisory: "cve-2026-91164",
    file: `${ACCESS}/decide.ts`,
    find: "return { source: asker.source, secondFactor",
    replace: 'return { source: asker.identity.by === "session" ? "192.0.2.7" : asker.source, secondFactor',
  },
  {
    advisory: "cve-2026-39827",
    file: `${SSH}/connection-layer.ts`,
    find: "else this.#turnAway(type, remote.id, ...refusal);",
    replace: "else { this.#turnAway(type, remote.id, ...refusal); this.#globalReplies.push(() => remote); }",
  },
  {
    advisory: "cve-2026-39830",
    file: `${SSH}/channel.ts`,
    find: "if (this.#sendWindow > MAX_WINDOW)",
    replace: "if (this.#sendWindow > 2 * MAX_WINDOW)",
  },
  {
    advisory: "cve-2026-39830",
    file: `${SSH}/channel.ts`,
    find: 'if (reply === undefined) throw new SshError("SSH_PROTOCOL", "answer to a request that was not made");',
    replace: "if (reply === undefined) return;",
  },
  {
    advisory: "cve-2026-39829",
    file: `${SSHCERT}/key.ts`,
    find: "const n = reader.mpint(MAX_RSA_BITS);",
    replace: "const n = reader.mpint();",
  },
  {
    advisory: "cve-2026-39829",
    file: `${SSHCERT}/key.ts`,
    find: "const e = reader.mpint(MAX_RSA_EXPONENT_BITS);",
    replace: "const e = reader.mpint();",
  },
  {
    advisory: "cve-2026-39831",
    file: `${SSHCERT}/signature.ts`,
    find: 'if ((flags & USER_PRESENT) === 0) return { good: false, reason: "not-touched" };',
    replace: "",
  },
  {
    advisory: "cve-2026-39831",
    file: `${SSH}/auth-request.ts`,
    find: "if (verdict.good && asksForVerification(key) && verdict.securityKey?.userVerified !== true)",
    replace: 'if (verdict.good && asksForVerification(key) && key.algorithm === "")',
  },
  {
    advisory: "cve-2026-39832",
    file: `${SSH}/agent.ts`,
    find: 'if (reader.u8() !== answer) throw new SshError("SSH_AGENT", "the agent refused");',
    replace: "if (reader.u8() !== answer) return await this.#ask(Buffer.of(27), answer);",
  },
  {
    advisory: "cve-2023-38408",
    file: `${SSH}/agent.ts`,
    find: "const reader = await this.#ask(Buffer.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER);",
    replace: `await this.#ask(Buffer.of(20), 6);
    const reader = await this.#ask(Buffer.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER);`,
  },
  {
    advisory: "cve-2023-38408",
    file: "proxy/src/ssh/forward/agent-relay.ts",
    find: "this.#asking = reachesAgent(question);",
    replace: "this.#asking = reachesAgent(question) || true;",
  },
  {
    advisory: "cve-2023-38408",
    file: "proxy/src/ssh/forward/agent-messages.ts",
    find: "    case SIGN_REQUEST:\n      return true;",
    replace: "    case SIGN_REQUEST:\n    case 20:\n      return true;",
  },
  {
    advisory: "cve-2026-42508",
    file: `${ACCESS}/certificate-facts.ts`,
    find: "if (!world.userAuthorities.some((key) => key.blob.equals(certificate.caKeyBlob))) {",
    replace: "if (world.userAuthorities.length === 0) {",
  },
  {
    advisory: "cve-2026-35414",
    file: `${SSHCERT}/sign.ts`,
    find: "const PATTERN_CHARACTERS = /[,*?!\"'\\\\]/;",
    replace: "const PATTERN_CHARACTERS = /[\"'\\\\]/;",
  },
  {
    advisory: "cve-2026-35414",
    file: `${SSHCERT}/verify.ts`,
    find: "certificate.principals.includes(principal)",
    replace: 'certificate.principals.join(",").split(",").includes(principal)',
  },
  {
    advisory: "cve-2024-7594",
    file: `${SSHCERT}/verify.ts`,
    find: 'if (certificate.principals.length === 0) return "no-principals";',
    replace: "if (certificate.principals.length === 0) return undefined;",
  },
  {
    advisory: "cve-2024-7594",
    file: `${SSHCERT}/sign.ts`,
    find: 'if (principals.length === 0) throw new IssueError("no-principals", "a certificate needs a principal");',
    replace: "",
  },
  {
    advisory: "cve-2026-35387",
    file: `${SSHCERT}/signature.ts`,
    find: "if (algorithm === undefined || !allowed.includes(algorithm)) return BAD;",
    replace: `if (algorithm === undefined) return BAD;
    if (!allowed.some((name) => name.slice(0, 5) === algorithm.slice(0, 5))) return BAD;`,
  },
  {
    advisory: "openssh-10-6-dst",
    file: `${SSHCERT}/validity.ts`,
    find: "const seconds = Math.floor(date.getTime() / 1000);",
    replace: "const seconds = Math.floor(date.getTime() / 1000) - date.getTimezoneOffset() * 60;",
  },
  {
    advisory: "cve-2026-106585",
    file: `${SSH}/algorithms.ts`,
    find: 'export const COMPRESSIONS: readonly string[] = ["none"];',
    replace: 'export const COMPRESSIONS: readonly string[] = ["none", "zlib@openssh.com", "zlib"];',
  },
  {
    advisory: "openssh-10-4-rekey",
    file: `${SSH}/transport.ts`,
    find: "|| held > MAX_HELD_PACKETS",
    replace: "",
  },
  {
    advisory: "cve-2025-26466",
    file: `${SSH}/transport.ts`,
    find: "if (this.bytesReceived > this.receiveLimit) {",
    replace: "if (this.bytesReceived < 0) {",
  },
  {
    advisory: "cve-2026-60001",
    file: `${SSH}/auth-server.ts`,
    find: "if (left <= 0) return;",
    replace: "if (left <= MIN_REFUSAL_MS) return;",
  },
  {
    advisory: "cve-2026-60001",
    file: `${SSH}/session.ts`,
    find: "return this.#handlers.agentForwarding?.() ?? false;",
    replace: "return this.#handlers.agentForwarding?.() ?? true;",
  },
  {
    advisory: "cve-2025-61984",
    file: "keyhelper/src/quoting.ts",
    find: "if (NAME.test(name) || ADDRESS.test(name)) return name;",
    replace: 'if (!name.includes("\\n")) return name;',
  },
  {
    advisory: "cve-2025-61984",
    file: "keyhelper/src/quoting.ts",
    find: 'path.replaceAll("%", "%%")',
    replace: "path",
  },
  {
    advisory: "cve-2024-6387",
    file: `${SSH}/auth-server.ts`,
    find: "if (transport.finished) return;",
    replace: "",
  },
  {
    advisory: "cve-2023-48795",
    file: `${SSH}/protocol.ts`,
    find: "[EXT_INFO_CLIENT, STRICT_KEX_CLIENT]",
    replace: "[EXT_INFO_CLIENT]",
  },
  {
    advisory: "cve-2023-48795",
    file: `${SSH}/protocol.ts`,
    find: "[STRICT_KEX_SERVER]",
    replace: "[]",
  },
  {
    advisory: "cve-2023-46445",
    file: `${SSH}/auth-server.ts`,
    find: 'throw new SshError("SSH_PROTOCOL", `message ${type} before authentication`);',
    replace: "return true;",
  },
  {
    advisory: "cve-2018-10933",
    file: `${SSH}/auth-server.ts`,
    find: "      case MSG.USERAUTH_INFO_RESPONSE:",
    replace: `      case MSG.USERAUTH_SUCCESS:
        this.#succeed("anybody" as I);
        return true;
      case MSG.USERAUTH_INFO_RESPONSE:`,
  },
  {
    advisory: "cve-2002-20001",
    file: `${SSH}/algorithms.ts`,
    find: '  "curve25519-sha256@libssh.org",\n];',
    replace: '  "curve25519-sha256@libssh.org",\n  "diffie-hellman-group16-sha512",\n];',
  },
  {
    advisory: "cve-2002-20001",
    file: `${SSH}/admission.ts`,
    find: "Math.floor(this.#limits.handshakesPerSecond / 2) * often",
    replace: "0 * often",
  },
  {
    advisory: "ssh2-verify-truthy",
    file: `${SSH}/auth-request.ts`,
    find: 'if (verification === undefined) return { good: false, reason: "bad-signature" };',
    replace: "if (verification === undefined) return { good: true };",
  },
  {
    advisory: "ssh2-max-packet",
    file: `${SSH}/connection-layer.ts`,
    find: 'if (remote.packetSize < MIN_CHANNEL_PACKET) return ["packet-size-too-small", "packets too small"];',
    replace: "",
  },
  {
    advisory: "cve-2020-26301",
    file: `${SSH}/internals.ts`,
    find: "if (manifest.version !== PINNED_VERSION) {",
    replace: 'if (typeof manifest.version !== "string") {',
  },
  {
    advisory: "cve-2025-54804",
    file: `${SSHCERT}/bytes.ts`,
    find: "if (length > max) throw new SshFormatError(`field of ${length} bytes, at most ${max} allowed`);",
    replace: "if (length > max) return Buffer.alloc(0);",
  },
  {
    advisory: "cve-2025-54804",
    file: `${SSH}/transport.ts`,
    find: "if (this.bytesReceived > this.receiveLimit) {",
    replace: "if (this.bytesReceived < 0) {",
  },
  {
    advisory: "cve-2026-55199",
    file: `${SSH}/transport.ts`,
    find: "      case MSG.EXT_INFO:\n        return;",
    replace: `      case MSG.EXT_INFO: {
        let read = 0;
        for (let left = payload.readUInt32BE(1); left > 0; left -= 1) read += left % 3;
        if (read < 0) this.#kexinit.release();
        return;
      }`,
  },
  {
    advisory: "ghsa-3cjp-w4cp-m9c8",
    file: `${SSH}/auth-server.ts`,
    find: 'return responses.includes("") ? undefined : responses;',
    replace: "return responses;",
  },
  {
    advisory: "cve-2026-91166",
    file: `${SSH}/host-verifier.ts`,
    find: "principal: trust.hostname,",
    replace: "",
  },
  {
    advisory: "ghsa-78rf-vg74-7cr8",
    file: `${SSH}/server.ts`,
    find: 'this.#transport.destroy(new SshError("SSH_TIMEOUT", "not authenticated in time"));',
    replace: "",
  },
  {
    advisory: "cve-2025-4658",
    file: `${SSHCERT}/signature.ts`,
    find: "const algorithm = signatureAlgorithmsFor(key.type).find((a) => a === name);",
    replace:
      "const algorithm = signatureAlgorithmsFor(key.type).find((a) => a === name) ?? signatureAlgorithmsFor(key.type)[0];",
  },
  {
    advisory: "ghsa-4w53-6jvp-gg52",
    file: "proxy/src/introductions.ts",
    find: "if (!rangesContain(ranges, own.remoteAddress)) return { known: true, ...own };",
    replace: "",
  },
];
