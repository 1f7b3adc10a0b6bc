/**
 * One turn: what is done because one chunk arrived, or one timer fired. What a
 * turn makes leaves together at its end.
 */

/** Something that has bytes to send at the end of the turn. It may make others, or itself, wait for that end again. */
export interface AtTurnEnd {
  /** Must not throw: the others of the turn would wait for ever. A program ends with a defect like that. */
  turnEnds(): void;
}

/** A relay that is given room may fill it again at once; other sockets come before the next time. */
const MAX_ROUNDS = 4;

let waiting: AtTurnEnd[] = [];
let running = false;
let scheduled = false;

/** Runs `step` as a turn. */
export function turn(step: () => void): void {
  running = true;
  try {
    step();
  } finally {
    running = false;
    endTurn();
  }
}

/** Calls `turnEnds` when the turn is over: the one that runs, or what node does until its next tick. */
export function atTurnEnd(who: AtTurnEnd): void {
  waiting.push(who);
  if (running || scheduled) return;
  scheduled = true;
  process.nextTick(endTick);
}

function endTick(): void {
  scheduled = false;
  endTurn();
}

function endTurn(): void {
  for (let round = 0; round < MAX_ROUNDS && waiting.length > 0; round += 1) {
    const now = waiting;
    waiting = [];
    // What these commit must not be scheduled one by one.
    scheduled = true;
    for (const who of now) who.turnEnds();
    scheduled = false;
  }
  if (waiting.length === 0) return;
  scheduled = true;
  setImmediate(endTick);
}
