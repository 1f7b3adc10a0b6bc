import assert from "node:assert/strict";
import { test } from "node:test";
import { enrol, parseInvite, signIn } from "./person.ts";
import { totpCode, totpStep } from "./totp.ts";
import type { WebClient } from "./web-client.ts";

const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/** Remembers the codes it was shown. */
function webThatRecords(codes: string[]): WebClient {
  const facts = { totpSecret: SECRET, otpauthUrl: "otpauth://totp/x", enrollment: "sealed" };
  return {
    startEnrollment: () => Promise.resolve(facts),
    finishEnrollment: (_user: string, _token: string, { code }: { code: string }) => {
      codes.push(code);
      return Promise.resolve();
    },
    signIn: (_user: string, _password: string, code: string) => {
      codes.push(code);
      return Promise.resolve({ expirationTime: "" });
    },
  } as unknown as WebClient;
}

test("parseInvite reads user and token from behind the #", () => {
  const url = "https://10.0.0.1:30443/invite#alice.abc-DEF_123";
  assert.deepEqual(parseInvite(url), { url, user: "alice", token: "abc-DEF_123" });
});

test("parseInvite refuses what is no invite", () => {
  assert.throws(() => parseInvite("https://10.0.0.1/invite?alice"), /not an invite/);
});

test("signIn right after enrol shows a code that was not used before and is at most one step ahead", async () => {
  const codes: string[] = [];
  const web = webThatRecords(codes);
  const invite = parseInvite("https://h/invite#alice.t");
  const enrolled = await enrol(web, invite, "correct horse");
  const signedIn = await signIn(web, enrolled);
  assert.equal(signedIn.lastStep > enrolled.lastStep, true);
  assert.equal(signedIn.lastStep <= totpStep(Date.now()) + 1, true);
  assert.deepEqual(codes, [totpCode(SECRET, enrolled.lastStep), totpCode(SECRET, signedIn.lastStep)]);
});
