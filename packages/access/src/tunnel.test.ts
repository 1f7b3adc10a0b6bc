import assert from "node:assert/strict";
import { test } from "node:test";
import { publicKeyOf } from "@teleport-access/sshcert";
import { HOST_CA, HOUR, makeCertificate, makeTrust, NOW, USER_CA } from "./world-fixture.test.ts";
import type { CertificateParts } from "./world-fixture.test.ts";
import { refuseTunnel } from "./tunnel.ts";
import type { ClusterTrust } from "./world.ts";

const AGENT: CertificateParts = {
  type: "host",
  ca: HOST_CA,
  principals: ["prod"],
  session: undefined,
  extensions: {},
};

const ROWS: readonly {
  readonly want: ReturnType<typeof refuseTunnel>;
  readonly certificate?: CertificateParts;
  readonly trust?: Partial<ClusterTrust> | "none";
  readonly why: string;
}[] = [
  { want: undefined, why: "the cluster's own agent" },
  { want: "cluster-not-trusted", trust: "none", why: "there is no TrustedHostCA" },
  { want: "cluster-suspended", trust: { suspend: true }, why: "suspended" },
  { want: "wrong-cluster", certificate: { principals: ["dev"] }, why: "an agent of dev says it is prod's" },
  {
    want: "wrong-cluster",
    certificate: { principals: ["web-1.prod"] },
    why: "a target's certificate is no agent's",
  },
  {
    want: "certificate-wrong-type",
    certificate: { type: "user" },
    why: "a person's certificate is no agent's",
  },
  { want: "certificate-unknown-authority", certificate: { ca: USER_CA }, why: "the user CA makes no hosts" },
  { want: "certificate-expired", certificate: { from: NOW - 2 * HOUR, to: NOW - HOUR }, why: "over" },
  { want: "certificate-unknown-authority", trust: { authorities: [] }, why: "no key yet, nobody yet" },
  {
    want: "certificate-unknown-authority",
    trust: { authorities: [publicKeyOf(USER_CA)] },
    why: "another cluster's authority does not count here",
  },
  {
    want: "source-not-allowed",
    trust: { sourceRanges: ["10.0.0.0/8"] },
    why: "the agent comes from elsewhere",
  },
];

for (const { want, certificate, trust, why } of ROWS) {
  test(`refuseTunnel() says ${want ?? "nothing"}: ${why}`, () => {
    const request = {
      cluster: "prod",
      certificate: makeCertificate({ ...AGENT, ...certificate }),
      source: "192.0.2.1",
      now: NOW,
    };
    assert.equal(refuseTunnel(request, trust === "none" ? undefined : makeTrust(trust)), want);
  });
}
