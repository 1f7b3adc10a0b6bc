/**
 * Says what happens while it happens: a heading for each part, a line with the
 * seconds for each finished step, and for a step that takes long a line of
 * progress every few seconds (on a terminal, one line that renews itself).
 */

export interface Progress {
  heading(text: string): void;
  /** Runs one step; what it is told through `now` is shown while it lasts. Its result may name the outcome. */
  step<T>(title: string, run: (now: (text: string) => void) => Promise<T>): Promise<T>;
  /** A line of facts below the last step. */
  readonly fact: (text: string) => void;
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Whether a line can be renewed in place. */
  readonly terminal: boolean;
  readonly columns: number;
}

/** How often a long step says that it goes on. */
const REMIND_EVERY_MS = 10_000;
const RENEW_EVERY_MS = 500;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}

/** Begins a line anew on a terminal. */
const CLEAR = "\r\u001b[K";

export function createProgress({ write, terminal, columns }: ProgressOptions): Progress {
  return {
    heading(text) {
      write(`\n${text}\n`);
    },
    fact(text) {
      write(`${" ".repeat(11)}${text}\n`);
    },
    async step(title, run) {
      const from = performance.now();
      let detail = "";
      function show(): void {
        const line = `${seconds(performance.now() - from)} … ${title}${detail === "" ? "" : `: ${detail}`}`;
        write(terminal ? `${CLEAR}${line.slice(0, columns - 1)}` : `${line}\n`);
      }
      const timer = setInterval(show, terminal ? RENEW_EVERY_MS : REMIND_EVERY_MS);
      if (terminal) show();
      try {
        const result = await run((text) => {
          detail = text.trim();
        });
        write(`${terminal ? CLEAR : ""}${seconds(performance.now() - from)}   ${title}\n`);
        return result;
      } catch (error) {
        write(`${terminal ? CLEAR : ""}${seconds(performance.now() - from)}   ${title}: FAILED\n`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Progress on this process's stdout. */
export function terminalProgress(): Progress {
  return createProgress({
    write: (text) => process.stdout.write(text),
    terminal: process.stdout.isTTY,
    columns: process.stdout.isTTY ? process.stdout.columns : 120,
  });
}
