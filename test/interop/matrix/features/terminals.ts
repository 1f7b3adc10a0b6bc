/** Terminals: a pty, its size, and what is typed at it. */
import assert from "node:assert/strict";
import type { Cell, Feature } from "../cell.ts";

async function pty(cell: Cell): Promise<void> {
  const terminal = { rows: 24, columns: 80, steps: [] };
  const { stdout } = await cell.run({ do: "session", command: "tty; stty size; echo $TERM", terminal });
  assert.match(stdout.toString(), /\/dev\/pts\/\d+\r\n24 80\r\nxterm/);
}

async function resizing(cell: Cell): Promise<void> {
  const command = 'stty size; while [ "$(stty size)" = "24 80" ]; do sleep 0.02; done; stty size';
  const terminal = { rows: 24, columns: 80, steps: [{ after: "24 80", resize: [50, 132] as const }] };
  const { stdout } = await cell.run({ do: "session", command, terminal });
  assert.match(stdout.toString(), /50 132/);
}

async function typing(cell: Cell): Promise<void> {
  const steps = [
    { after: "$", type: "echo $((6*7))\r" },
    // Three ticks on, the outer shell has long given it the terminal: a ^C before that is nobody's.
    { after: "42", type: "sh -c 'while sleep 0.1; do echo run''ning; done'\r" },
    { after: "running\r\nrunning\r\nrunning", type: "\u0003" },
    { after: "$", type: "exit 9\r" },
  ];
  const env = { LC_MATRIX: "none" };
  const terminal = { rows: 24, columns: 80, steps };
  const { status } = await cell.run({ do: "session", command: "PS1='$ ' bash --norc -i", terminal, env });
  assert.equal(status, 9);
}

export const TERMINALS: readonly Feature[] = [
  { id: "pty", name: "pty", try: pty },
  { id: "resize", basic: true, name: "pty: resizing", try: resizing },
  { id: "typing", name: "pty: typing, ^C, exit code", try: typing },
];
