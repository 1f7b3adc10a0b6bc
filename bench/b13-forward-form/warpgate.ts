/**
 * What Warpgate 0.28.3 (Rust) did as an SSH server in front of the same kind of
 * target, measured earlier on a two-core machine, with what a direct connection did
 * there. It does not run here: only its ratio to `direct` is used, applied to the
 * `direct` of this run.
 */
export interface KnownPeer {
  readonly warpgate: number;
  readonly direct: number;
}

/** MB/s with aes256-gcm; direct: the table of the same machine, in MiB/s there. */
export const DOWN: KnownPeer = { warpgate: 354, direct: 777 * 1.048576 };
export const UP: KnownPeer = { warpgate: 289, direct: 580 * 1.048576 };
/** Milliseconds. */
export const SET_UP: KnownPeer = { warpgate: 142, direct: 132 };
export const ECHO: KnownPeer = { warpgate: 1.06, direct: 0.51 };

/** Processor seconds per GB of that machine, and KiB of one session: these travel as they are. */
export const CPU_DOWN = 2.05;
export const CPU_UP = 3.02;
export const SESSION_KIB = 389;

/** What it would have done where direct does `samples`. */
export function besideDirect({ warpgate, direct }: KnownPeer, samples: readonly number[]): number[] {
  return samples.map((sample) => (sample * warpgate) / direct);
}
