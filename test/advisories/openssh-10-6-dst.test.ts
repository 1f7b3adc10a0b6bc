/**
 * OpenSSH 10.6 fixed certificates that began or ended an hour or two off around a change of daylight saving
 * time. Here a window is whole seconds of UTC from issue to verification, in every time zone.
 */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
  verifyCertificate,
} from "@teleport-access/sshcert";

const zone = process.env["TZ"];
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

/** Changes of clocks, a leap day, the day after the last leap second, and the day 32-bit time ends. */
const MOMENTS = [
  "2026-03-29T01:00:00Z",
  "2026-10-25T01:00:00Z",
  "2026-03-08T07:00:00Z",
  "2026-11-01T06:00:00Z",
  "2028-02-29T00:00:00Z",
  "2017-01-01T00:00:00Z",
  "2038-01-19T03:14:08Z",
].map((text) => Date.parse(text));

test("a certificate begins and ends at its second in every time zone", () => {
  const ca = generatePrivateKey("Ed25519");
  const publicKey = publicKeyOf(generatePrivateKey("Ed25519"));
  const authorities = [publicKeyOf(ca)];
  for (const TZ of ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]) {
    process.env["TZ"] = TZ;
    for (const moment of MOMENTS) {
      const certificate = issueCertificate(ca, {
        type: "user",
        publicKey,
        keyId: "alice",
        principals: ["alice"],
        validAfter: new Date(moment - 3_600_000),
        validBefore: new Date(moment + 3_600_000),
      });
      assert.equal(certificate.validBefore, BigInt(moment / 1000 + 3600), TZ);
      function at(ms: number): boolean {
        return verifyCertificate(certificate, { type: "user", authorities, now: new Date(moment + ms) })
          .valid;
      }
      assert.deepEqual(
        [at(-3_600_001), at(-3_600_000), at(3_599_999), at(3_600_000)],
        [false, true, true, false],
        `${TZ} ${new Date(moment).toISOString()}`,
      );
    }
  }
});
