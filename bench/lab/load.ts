/**
 * Load generators: programs of ours that are many clients at once, each in a
 * process of its own, so that their work is nobody's cost. They read a JSON file
 * and answer in JSON lines.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { createPrivateKey } from "node:crypto";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { SshError } from "@teleport-access/ssh";
import { formatCertificateLine, parseCertificateLine, parsePublicKeyLine } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { ROOT } from "../../hack/bundle.ts";
import type { CpuGroup } from "../measure/cpu.ts";
import { writeBelow } from "./estate.ts";
import type { Identity } from "./estate.ts";

/** An identity as text. */
export interface IdentityText {
  readonly key: string;
  readonly certificate: string;
}

export function identityText({ privateKey, certificate }: Identity): IdentityText {
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: formatCertificateLine(certificate, "bench"),
  };
}

export function identityOf({ key, certificate }: IdentityText): Identity {
  return { privateKey: createPrivateKey(key), certificate: parseCertificateLine(certificate) };
}

export function keyOf(line: string): SshPublicKey {
  return parsePublicKeyLine(line);
}

/**
 * A connection from an address of its own: a server's bounds per address are not what is measured.
 * @throws SshError SSH_UNREACHABLE, as connectSsh does, which tells an agent how soon to try again.
 */
export async function dialFrom(serial: number, port: number): Promise<Socket> {
  const localAddress = `127.1.${Math.floor(serial / 250) % 250}.${(serial % 250) + 1}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  try {
    await once(socket, "connect");
  } catch (error) {
    throw new SshError("SSH_UNREACHABLE", `127.0.0.1:${port}: nobody listens`, error);
  }
  return socket;
}

/** A running load generator. */
export interface Load {
  readonly pid: number;
  /** Resolves with its next line. */
  next(): Promise<unknown>;
  /** Tells it something, one word a line. */
  tell(word: string): void;
  stop(): Promise<void>;
}

/** Starts a program of bench/ with its orders in a file. */
export function startLoad(program: string, orders: object, group: CpuGroup): Load {
  const file = writeBelow(`${program.replaceAll("/", "-")}.json`, JSON.stringify(orders), 0o600);
  const path = join(ROOT, "bench", program);
  const [command, args] = group.wrap(process.execPath, ["--conditions=source", path, file]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  if (child.pid === undefined) throw new Error(`bench: cannot start ${program}`);
  group.add(child.pid);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  return {
    pid: child.pid,
    async next() {
      const { done, value } = (await lines.next()) as { done?: boolean; value: string };
      if (done === true) throw new Error(`bench: ${program} ended early`);
      return JSON.parse(value) as unknown;
    },
    tell(word) {
      child.stdin.write(`${word}\n`);
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
