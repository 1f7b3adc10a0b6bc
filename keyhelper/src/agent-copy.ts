/**
 * The certificate in the person's SSH agent, kept like the one in the file.
 *
 * Only whoever has opted in is served: the agent held an earlier certificate of
 * this key, because somebody ran ssh-add. The agent's copy never outlives the
 * certificate, so what we put there goes by itself in the evening, and that is no
 * opting out; that it is gone sooner is. An agent that is gone, refuses or hangs
 * costs one line: files and the connection do not wait for it.
 */
import type { Clock } from "@teleport-access/daemon";
import { formatPublicKeyLine, parseCertificateLine } from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import { SshAddError } from "./ssh-add.ts";
import type { SshAdd } from "./ssh-add.ts";

/** What is said about it. */
export interface AgentCopyWords {
  updated(): void;
  cleared(): void;
  failed(problem: string, wanted: Job["do"]): void;
}

/** What it needs. */
export interface AgentCopyOptions {
  readonly sshAdd: SshAdd;
  readonly publicKey: SshPublicKey;
  /** Where the private key is, which only ssh-add reads. */
  readonly keyPath: string;
  readonly certPath: string;
  readonly user: string;
  readonly clock: Clock;
  readonly words: AgentCopyWords;
  /** Aborted when the program ends: nothing is said about what that cut short. */
  readonly signal: AbortSignal;
}

/** The user CAs of one proxy: the active one, and the one before while a rotation lasts. */
const MAX_AUTHORITIES = 4;

type Job = { readonly do: "put"; readonly certificate: Certificate } | { readonly do: "clear" };

/** One agent's copy. */
export class AgentCopy {
  readonly #options: AgentCopyOptions;
  /** The CAs whose certificates for this key are ours to replace. */
  #authorities: readonly Buffer[] = [];
  /** Until when what we put there stays unless somebody removes it, in seconds since 1970. */
  #staysUntil: bigint | undefined;
  /** Only the latest news counts. */
  #next: Job | undefined;
  #working: Promise<void> | undefined;

  constructor(options: AgentCopyOptions) {
    this.#options = options;
  }

  /** A certificate was written to the file in place of `earlier`. */
  put(certificate: Certificate, earlier: Certificate | undefined): void {
    this.#know(earlier);
    this.#know(certificate);
    this.#do({ do: "put", certificate });
  }

  /** The certificate `earlier` was removed from the file. */
  clear(earlier: Certificate): void {
    this.#know(earlier);
    this.#do({ do: "clear" });
  }

  /** Resolves when nothing is being done any more. */
  async settled(): Promise<void> {
    await this.#working;
  }

  #know(certificate: Certificate | undefined): void {
    if (certificate === undefined) return;
    const others = this.#authorities.filter((one) => !one.equals(certificate.caKeyBlob));
    this.#authorities = [certificate.caKeyBlob, ...others].slice(0, MAX_AUTHORITIES);
  }

  #do(job: Job): void {
    this.#next = job;
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    for (let job = this.#next; job !== undefined; job = this.#next) {
      this.#next = undefined;
      try {
        await (job.do === "put" ? this.#put(job.certificate) : this.#clear());
      } catch (error) {
        if (!(error instanceof SshAddError)) throw error;
        if (!this.#options.signal.aborted) this.#options.words.failed(error.message, job.do);
      }
    }
    this.#working = undefined;
  }

  async #put(certificate: Certificate): Promise<void> {
    const { sshAdd, publicKey, keyPath, clock, words } = this.#options;
    const before = await sshAdd.list();
    const earlier = before.filter((line) => this.#isOurs(line));
    const now = BigInt(Math.ceil(clock.now() / 1000));
    const ranOut = this.#staysUntil !== undefined && this.#staysUntil <= now;
    this.#staysUntil = ranOut ? this.#staysUntil : undefined;
    if ((earlier.length === 0 && !ranOut) || certificate.validBefore <= now) return;
    this.#checkPaths();
    await sshAdd.add(keyPath, Number(certificate.validBefore - now));
    const after = await sshAdd.list();
    if (!after.some((line) => isFor(certificate, line))) throw new SshAddError("the agent did not take it");
    this.#staysUntil = certificate.validBefore;
    const plain = blobOf(formatPublicKeyLine(publicKey));
    // An ssh-add that cannot leave the plain key out brought it along.
    const brought = after.filter(
      (line) => blobOf(line) === plain && !before.some((one) => blobOf(one) === plain),
    );
    const stale = [...earlier.filter((line) => !isFor(certificate, line)), ...brought];
    if (stale.length > 0) await sshAdd.remove(stale);
    words.updated();
  }

  async #clear(): Promise<void> {
    const { sshAdd, words } = this.#options;
    const held = (await sshAdd.list()).filter((line) => this.#isOurs(line));
    if (held.length === 0) return;
    await sshAdd.remove(held);
    // By us: whoever opted in still has.
    this.#staysUntil = 0n;
    words.cleared();
  }

  /** ssh-add finds a certificate by the name of its key, and nowhere else. */
  #checkPaths(): void {
    const { keyPath, certPath } = this.#options;
    const wanted = `${keyPath}-cert.pub`;
    if (certPath !== wanted) throw new SshAddError(`ssh-add takes certificates from ${wanted} only`);
  }

  #isOurs(line: string): boolean {
    const { publicKey, user } = this.#options;
    const certificate = certificateIn(line);
    return (
      certificate?.type === "user" &&
      certificate.keyId === user &&
      certificate.publicKey.blob.equals(publicKey.blob) &&
      this.#authorities.some((one) => one.equals(certificate.caKeyBlob))
    );
  }
}

function certificateIn(line: string): Certificate | undefined {
  try {
    return parseCertificateLine(line);
  } catch {
    return undefined;
  }
}

function isFor(certificate: Certificate, line: string): boolean {
  return certificateIn(line)?.blob.equals(certificate.blob) === true;
}

/** The key in a line, in base64, whatever its comment. */
function blobOf(line: string): string | undefined {
  return line.split(" ")[1];
}
