/**
 * Our verdict on certificates against sshd's: we never accept what sshd refuses.
 *
 *   SEED=1234 DIFFERENTIAL_CASES=3000 node --conditions=source --test test/interop/certificate-differential.test.ts
 *
 * `make fuzz` runs thousands. Where we are stricter, on purpose, is STRICTER below and in docs/security-model.md.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createSecurityKey, loginName, openSshMatrix } from "@teleport-access/testkit";
import type { Gesture } from "@teleport-access/testkit";

import { finish, goodDraft, string, strings } from "../differential/certificate-parts.ts";
import { describeCase, runDifferential, startJudgingSshd } from "../differential/differential.ts";
import { STRICTER } from "../differential/stricter.ts";
import { SshdJudge } from "../differential/verdicts.ts";
import { Random, seedOfRun } from "../fuzz/random.ts";

const { installed } = openSshMatrix();
const cases = Number(process.env["DIFFERENTIAL_CASES"] ?? 400);

for (const openSsh of installed) {
  describe(`mutated certificates before ${openSsh.version} and before us`, { concurrency: false }, () => {
    it(`never are accepted by us when sshd refuses: ${cases} cases`, async (t) => {
      const seed = seedOfRun();
      const tally = await runDifferential(openSsh, seed, cases);
      t.diagnostic(
        `SEED=${seed}: ${tally.bothAccept} accepted by both, ${tally.bothRefuse} refused by both, ` +
          `${[...tally.stricter.values()].flat().length} by us alone, in ${tally.seconds.toFixed(1)} s`,
      );
      assert.deepEqual(tally.laxer.map(describeCase), [], `SEED=${seed}`);
      // Who refuses everything accepts nothing wrong: the good ones have to pass.
      assert.ok(tally.bothAccept > cases / 20, `SEED=${seed}: only ${tally.bothAccept} accepted by both`);
      const surprising = [...tally.stricter].filter(([reason]) => !STRICTER.has(reason));
      assert.deepEqual(
        surprising.map(([, [first]]) => first && describeCase(first)),
        [],
        `SEED=${seed}: stricter than sshd, and nobody wrote down why`,
      );
    });

    /** A login with a security key's certificate: what sshd, and what we, make of the signature. */
    async function logIn(
      gesture: Gesture,
      options: Buffer,
      extensions: Buffer,
      config: readonly string[] = [],
    ) {
      const sshd = await startJudgingSshd(openSsh, config);
      const judge = new SshdJudge(sshd.port);
      try {
        const verdicts = [];
        for (const algorithm of ["Ed25519", "ECDSAP256"] as const) {
          const key = createSecurityKey(algorithm);
          const draft = goodDraft(new Random(1), loginName(), Date.now());
          const name = `${key.publicKey.type.replace("@openssh.com", "")}-cert-v01@openssh.com`;
          draft.algorithm = name;
          draft.fields.certType = string(name);
          draft.fields.key = key.publicKey.blob.subarray(4 + key.publicKey.type.length);
          draft.fields.criticalOptions = string(options);
          draft.fields.extensions = string(extensions);
          const offer = { login: loginName(), algorithm: name, blob: finish(draft) };
          verdicts.push(await judge.logsIn(offer, (data) => key.sign(data, gesture)));
        }
        return verdicts;
      } finally {
        await sshd.stop();
      }
    }
    const none = Buffer.alloc(0);
    const untouchable = strings("no-touch-required", "");
    const strict = strings("verify-required", "");
    const principals = 'AuthorizedPrincipalsCommand /usr/bin/printf "%%s\\n" %u';
    const rows: readonly {
      name: string;
      gesture: Gesture;
      options?: Buffer;
      extensions?: Buffer;
      config?: readonly string[];
      want: { sshd: boolean; ours: boolean };
    }[] = [
      { name: "touched", gesture: {}, want: { sshd: true, ours: true } },
      { name: "not touched", gesture: { touched: false }, want: { sshd: false, ours: false } },
      {
        name: "verified, not touched",
        gesture: { touched: false, verified: true },
        want: { sshd: false, ours: false },
      },
      {
        name: "not verified where the certificate asks for it",
        gesture: {},
        options: strict,
        want: { sshd: false, ours: false },
      },
      {
        name: "verified where the certificate asks for it",
        gesture: { verified: true },
        options: strict,
        want: { sshd: true, ours: true },
      },
      {
        name: "not touched, no-touch-required, principals by command as on our targets",
        gesture: { touched: false },
        extensions: untouchable,
        config: [principals, "AuthorizedPrincipalsCommandUser nobody"],
        want: { sshd: false, ours: false },
      },
      {
        name: "not touched, no-touch-required, a bare sshd",
        gesture: { touched: false },
        extensions: untouchable,
        want: { sshd: true, ours: false },
      },
    ];
    for (const { name, gesture, options = none, extensions = none, config, want } of rows) {
      it(`a security key, ${name}: ${want.sshd ? "in" : "out"} at sshd, ${want.ours ? "in" : "out"} with us`, async () => {
        assert.deepEqual(await logIn(gesture, options, extensions, config), [want, want]);
      });
    }
  });
}
