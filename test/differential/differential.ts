/**
 * Thousands of certificates, most of them wrong, before a real sshd and before our
 * own code: we never accept what sshd refuses.
 *
 * Every case is a function of its own seed, so a finding can be had again alone.
 */
import { formatPublicKeyLine, generatePrivateKey, parsePublicKey } from "@teleport-access/sshcert";
import { startSsh2 } from "@teleport-access/ssh";
import { createTestFolder, loginName, startSshd, writeIdentity } from "@teleport-access/testkit";
import type { OpenSsh } from "@teleport-access/testkit";

import { Random } from "../fuzz/random.ts";
import { AUTHORITIES, finish, goodDraft } from "./certificate-parts.ts";
import { MUTATIONS } from "./mutations.ts";
import { ourVerdict, SshdJudge } from "./verdicts.ts";
import type { Offer } from "./verdicts.ts";

const NAMES = Object.keys(MUTATIONS);
const TRUSTED = AUTHORITIES.map(({ blob }) => parsePublicKey(blob));
/** sshd takes its time with each refusal (5 to 10 ms, against timing attacks): several are asked at once. */
const CONNECTIONS = 10;

/** One case, with both answers. */
export interface Case {
  readonly seed: number;
  readonly mutations: readonly string[];
  readonly offer: Offer;
  readonly sshd: boolean;
  /** Undefined: accepted. */
  readonly ours: string | undefined;
}

export interface Tally {
  readonly cases: number;
  readonly seconds: number;
  readonly bothAccept: number;
  readonly bothRefuse: number;
  /** We refuse and sshd does not, by our reason. */
  readonly stricter: ReadonlyMap<string, readonly Case[]>;
  /** What must not be. */
  readonly laxer: readonly Case[];
  /** How often each mutation was used. */
  readonly used: ReadonlyMap<string, number>;
}

/** The offer of one seed. */
export function offerOf(seed: number, login: string, now: number): { offer: Offer; mutations: string[] } {
  const random = new Random(seed);
  const draft = goodDraft(random, login, now);
  // One in twelve is good as it is: a judge that refuses everything would agree with anybody.
  const mutations = Array.from({ length: random.pick([0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3]) }, () =>
    random.pick(NAMES),
  );
  for (const name of mutations) MUTATIONS[name]?.(draft, random, login);
  return { offer: { login, algorithm: draft.algorithm, blob: finish(draft) }, mutations };
}

/** A real sshd that trusts all AUTHORITIES and has patience. */
export async function startJudgingSshd(
  openSsh: OpenSsh,
  more: readonly string[] = [],
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  await startSsh2();
  const folder = createTestFolder();
  const host = writeIdentity(folder, "host", generatePrivateKey("Ed25519"));
  const lines = TRUSTED.map((key) => `${formatPublicKeyLine(key)}\n`);
  const sshd = await startSshd(openSsh, folder, [
    `HostKey ${host}`,
    `TrustedUserCAKeys ${folder.write("authorities", lines.join(""))}`,
    "MaxAuthTries 10000000",
    "LoginGraceTime 0",
    "LogLevel INFO",
    ...more,
  ]);
  return {
    port: sshd.port,
    async stop() {
      await sshd.stop();
      folder.remove();
    },
  };
}

/** Runs `count` cases, the first with `seed`, the next with `seed + 1`, and so on. */
export async function runDifferential(openSsh: OpenSsh, seed: number, count: number): Promise<Tally> {
  const login = loginName();
  const sshd = await startJudgingSshd(openSsh);
  const judges = Array.from({ length: CONNECTIONS }, () => new SshdJudge(sshd.port));
  const cases: Case[] = [];
  const from = performance.now();
  try {
    let next = 0;
    await Promise.all(
      judges.map(async (judge) => {
        while (next < count) cases.push(await judgeOne((seed + next++) >>> 0, login, judge));
      }),
    );
  } finally {
    for (const judge of judges) judge.close();
    await sshd.stop();
  }
  return tally(cases, (performance.now() - from) / 1000);
}

async function judgeOne(seed: number, login: string, judge: SshdJudge): Promise<Case> {
  const { offer, mutations } = offerOf(seed, login, Date.now());
  const before = ourVerdict(offer, TRUSTED, Date.now());
  const sshd = await judge.accepts(offer);
  // A window may open or close while sshd thinks: we accept only if we do so at both ends of that time.
  const ours = before ?? ourVerdict(offer, TRUSTED, Date.now());
  return { seed, mutations, offer, sshd, ours };
}

function tally(cases: readonly Case[], seconds: number): Tally {
  const stricter = new Map<string, Case[]>();
  const used = new Map(NAMES.map((name) => [name, 0]));
  for (const one of cases) {
    for (const name of one.mutations) used.set(name, (used.get(name) ?? 0) + 1);
    if (one.sshd && one.ours !== undefined) stricter.set(one.ours, [...(stricter.get(one.ours) ?? []), one]);
  }
  return {
    cases: cases.length,
    seconds,
    bothAccept: cases.filter((one) => one.sshd && one.ours === undefined).length,
    bothRefuse: cases.filter((one) => !one.sshd && one.ours !== undefined).length,
    stricter,
    laxer: cases.filter((one) => !one.sshd && one.ours === undefined),
    used,
  };
}

/** One case as a person wants to see it: enough to have it again. */
export function describeCase({ seed, mutations, offer, sshd, ours }: Case): string {
  const blob = offer.blob.toString("base64");
  return `seed ${seed} (${mutations.join(" + ") || "none"}) sshd ${sshd ? "accepts" : "refuses"}, we say ${ours ?? "accepted"}: ${offer.algorithm} ${blob}`;
}
