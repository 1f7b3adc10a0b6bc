/** People at work while everything around them fails: a transfer through the jump that never ends by itself. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** A person reads about 6 MB/s: enough to be in the middle of something, little enough for two cores. */
const SIP_BYTES = 64 * 1024;
const SIP_EVERY_MS = 10;

export class Transfer {
  readonly #child: ChildProcess;
  readonly #sip: NodeJS.Timeout;
  #received = 0;
  #marked = 0;
  #killed = false;
  #stderr = "";
  #endedAt: number | undefined;

  constructor(ssh: string, config: string, target: string) {
    this.#child = spawn(ssh, ["-F", config, target, "exec cat /dev/zero"], {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: the two processes of a jump are signalled together.
      detached: true,
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2_000);
    });
    this.#child.on("exit", () => {
      this.#endedAt = performance.now();
      clearInterval(this.#sip);
    });
    this.#sip = setInterval(() => {
      const chunk = this.#child.stdout?.read(SIP_BYTES) as Buffer | null | undefined;
      this.#received += chunk?.length ?? 0;
    }, SIP_EVERY_MS);
  }

  get received(): number {
    return this.#received;
  }

  /** performance.now() of its end. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** What the person read at its end. */
  get words(): string {
    return this.#stderr
      .trim()
      .split(/[\r\n]+/)
      .join(" / ");
  }

  /** Bytes count from now on. */
  mark(): void {
    this.#marked = this.#received;
  }

  /** Bytes since `mark`. */
  get progress(): number {
    return this.#received - this.#marked;
  }

  /** Whether the test itself ended it. */
  get killed(): boolean {
    return this.#killed;
  }

  signal(name: NodeJS.Signals): void {
    if (name === "SIGKILL") this.#killed = true;
    if (this.#endedAt === undefined) process.kill(-(this.#child.pid ?? 0), name);
  }

  async stop(): Promise<void> {
    if (this.#endedAt !== undefined) return;
    const exit = once(this.#child, "exit");
    this.signal("SIGCONT");
    this.signal("SIGKILL");
    await exit;
  }
}
