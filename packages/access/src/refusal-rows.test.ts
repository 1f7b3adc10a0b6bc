/** Who is refused and why: the rows of decide.test.ts. */
import { publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { AccessRequest, ForwardRequest } from "./decide.ts";
import type { Permission } from "./grant.ts";
import {
  ALICE,
  HOST_CA,
  HOUR,
  makeCertificate,
  makeGrant,
  makeTrust,
  NOW,
  SIGN_IN,
} from "./world-fixture.test.ts";
import type { CertificateParts, WorldParts } from "./world-fixture.test.ts";
import type { AccessRefusal } from "./refusal.ts";

/** Alice's certificate. */
export const GOOD: Certificate = makeCertificate();

/** Somebody with a certificate. */
export function by(certificate: Certificate): { by: "certificate"; certificate: Certificate } {
  return { by: "certificate", certificate };
}

/** Alice shows a certificate. */
export function authenticate(over: CertificateParts = {}, source = "192.0.2.7"): AccessRequest {
  return { kind: "authenticate", identity: by(makeCertificate(over)), source };
}

/** Alice jumps to web-1.prod. */
export function jump(over: Partial<Extract<AccessRequest, { kind: "jump" }>> = {}): AccessRequest {
  const place = { cluster: "prod", host: "web-1", port: 22, source: "192.0.2.7" };
  return { kind: "jump", identity: by(GOOD), ...place, ...over };
}

/** Alice wants a shell as deploy on web-1.prod. */
export function forward(over: ForwardParts = {}): AccessRequest {
  const place = { cluster: "prod", host: "web-1", port: 22, source: "192.0.2.7" };
  const { permission, ...rest } = { permission: "Shell" as const, ...over };
  const wanted = permission === undefined ? {} : { permission };
  return { kind: "forward", identity: by(GOOD), ...place, login: "deploy", ...wanted, ...rest };
}

type ForwardParts = Partial<Omit<ForwardRequest, "permission">> & { permission?: Permission | undefined };

/** Alice signed in and asks for a certificate. */
export const ISSUE: AccessRequest = { kind: "issue", user: "alice", loginSession: "s-alice" };

/** One refusal. */
export interface Row {
  readonly want: AccessRefusal;
  readonly request: AccessRequest;
  readonly world?: WorldParts;
  readonly why: string;
}

/** All of them. */
export const REFUSED: readonly Row[] = [
  { want: "certificate-wrong-type", request: authenticate({ type: "host" }), why: "a host is no person" },
  {
    want: "certificate-unknown-authority",
    request: authenticate({ ca: HOST_CA }),
    why: "a host CA must not be able to make people",
  },
  {
    want: "certificate-unknown-authority",
    request: jump({ live: true }),
    world: { authorities: [publicKeyOf(HOST_CA)] },
    why: "a CA key that was rotated out takes its live sessions with it",
  },
  {
    want: "certificate-not-yet-valid",
    request: authenticate({ from: NOW + HOUR }),
    why: "the window has not begun",
  },
  {
    want: "certificate-expired",
    request: authenticate({ from: NOW - 2 * HOUR, to: NOW - HOUR }),
    why: "the window is over",
  },
  {
    want: "certificate-expired",
    request: jump({ live: true, identity: by(makeCertificate({ to: NOW })) }),
    why: "the end is exclusive, and live sessions end with their certificate",
  },
  {
    want: "certificate-unknown-critical-option",
    request: authenticate({ criticalOptions: { "only-on-tuesdays@example.com": "" } }),
    why: "nobody here can enforce it",
  },
  {
    want: "certificate-unknown-critical-option",
    request: authenticate({ criticalOptions: { "force-command": "" } }),
    why: "a forced command that is none cannot be enforced",
  },
  {
    want: "certificate-without-extension",
    request: forward({ permission: "AgentForwarding" }),
    why: "the certificate lacks permit-agent-forwarding, whatever the grant says",
  },
  {
    want: "certificate-without-extension",
    request: forward({
      permission: "Exec",
      terminal: true,
      identity: by(makeCertificate({ extensions: {} })),
    }),
    why: "a terminal needs permit-pty",
  },
  {
    want: "permission-not-granted",
    request: forward({ permission: "Exec", alsoPermission: "FileTransfer" }),
    world: { grants: [makeGrant({ permissions: ["Exec"] })] },
    why: "an act that needs two permissions is not done with one",
  },
  {
    want: "permission-not-granted",
    request: forward({ permission: undefined }),
    world: { grants: [makeGrant({ permissions: [] })] },
    why: "an empty list of permissions does not even log in",
  },
  {
    want: "certificate-source-not-allowed",
    request: authenticate({ criticalOptions: { "source-address": "10.0.0.0/8" } }),
    why: "source-address holds at the proxy, which is what the client connects to",
  },
  {
    want: "certificate-lifetime-too-long",
    request: authenticate({ to: NOW + 30 * 24 * HOUR }),
    why: "a month is more than the proxy ever issues",
  },
  {
    want: "certificate-without-session",
    request: authenticate({ session: undefined }),
    why: "a certificate that no sign-in stands behind could never be signed out",
  },
  { want: "user-unknown", request: authenticate(), world: { users: [] }, why: "no ProxyUser, no access" },
  {
    want: "user-suspended",
    request: authenticate(),
    world: { users: [{ ...ALICE, suspend: true }] },
    why: "suspend is for people, too",
  },
  { want: "session-gone", request: authenticate(), world: { sessions: [] }, why: "signed out" },
  {
    want: "session-gone",
    request: authenticate(),
    world: { sessions: [{ ...SIGN_IN, user: "bob" }] },
    why: "bob's sign-in does not carry alice's certificate",
  },
  {
    want: "session-gone",
    request: jump({ live: true }),
    world: { users: [{ ...ALICE, uid: "u-alice-2" }] },
    why: "a new person of the same name is not who signed in",
  },
  {
    want: "session-expired",
    request: ISSUE,
    world: { sessions: [{ ...SIGN_IN, expirationTime: NOW }] },
    why: "no certificate outlives its sign-in",
  },
  { want: "cluster-not-trusted", request: jump({ cluster: "dev" }), why: "no TrustedHostCA of this name" },
  {
    want: "cluster-not-trusted",
    request: forward(),
    world: { clusters: [makeTrust({ authorities: [] })] },
    why: "a trust without keys trusts nobody",
  },
  {
    want: "cluster-suspended",
    request: jump({ live: true }),
    world: { clusters: [makeTrust({ suspend: true })] },
    why: "suspending a cluster ends what is open in it",
  },
  { want: "no-grant", request: authenticate(), world: { grants: [] }, why: "empty grants nothing" },
  {
    want: "no-grant",
    request: jump({ live: true }),
    world: { grants: [makeGrant({ user: "bob" })] },
    why: "bob's grant is not alice's",
  },
  {
    want: "target-not-granted",
    request: jump({ host: "db-1" }),
    world: { grants: [makeGrant({ targets: [{ host: "web-*", ports: "*" }] })] },
    why: "the glob does not match",
  },
  {
    want: "target-not-granted",
    request: jump({ port: 5432 }),
    world: { grants: [makeGrant({ targets: [{ host: "*", ports: [22] }] })] },
    why: "the port is not listed",
  },
  {
    want: "target-not-granted",
    request: jump(),
    world: { grants: [makeGrant({ targets: [] })] },
    why: "an empty list grants nothing",
  },
  {
    want: "target-not-granted",
    request: jump(),
    world: { grants: [makeGrant({ clusters: [], clusterLabels: { tier: "staging" } })] },
    why: "the labels do not match",
  },
  {
    want: "target-not-granted",
    request: jump(),
    world: { grants: [makeGrant({ clusters: [], clusterLabels: {} })] },
    why: "a selector without labels selects nothing",
  },
  { want: "login-not-granted", request: forward({ login: "root" }), why: "deploy is not root" },
  {
    want: "login-not-granted",
    request: jump({ identity: by(makeCertificate({ principals: ["deploy@dev"] })) }),
    why: "the target's sshd would let none of the certificate's logins in",
  },
  {
    want: "permission-not-granted",
    request: forward({ permission: "PortForwarding" }),
    why: "PortForwarding is not among the defaults",
  },
  {
    want: "jump-exceeds-grant",
    request: jump({ identity: by(makeCertificate({ principals: ["deploy@prod", "root@web-1.prod"] })) }),
    why: "the certificate opens root at the target, and root is not granted",
  },
  {
    want: "jump-exceeds-grant",
    request: jump({ identity: by(makeCertificate({ extensions: { "permit-port-forwarding": "" } })) }),
    why: "the target would forward ports for this certificate",
  },
  {
    want: "jump-exceeds-grant",
    request: jump({
      live: true,
      identity: by({
        ...GOOD,
        extensions: new Map([...GOOD.extensions, ["permit-X11-forwarding", Buffer.of()]]),
      }),
    }),
    why: "the target would forward X11 for this certificate",
  },
  {
    want: "jump-exceeds-grant",
    request: jump(),
    world: { grants: [makeGrant({ permissions: ["Shell", "Exec"] })] },
    why: "inside a jump nobody could hold the person to not transferring files",
  },
  {
    want: "grant-expired",
    request: jump({ live: true }),
    world: { grants: [makeGrant({ expirationTime: NOW })] },
    why: "the end is exclusive",
  },
  {
    want: "grant-not-started",
    request: authenticate(),
    world: { grants: [makeGrant({ startTime: NOW + 1 })] },
    why: "tomorrow's grant is not today's",
  },
  {
    want: "grant-suspended",
    request: jump({ live: true }),
    world: { grants: [makeGrant({ suspend: true })] },
    why: "suspend has the effect of deleting",
  },
  {
    want: "source-not-allowed",
    request: jump({ live: true, source: "203.0.113.9" }),
    world: { grants: [makeGrant({ sourceRanges: ["192.0.2.0/24"] })] },
    why: "the person comes from elsewhere",
  },
  {
    want: "second-factor-required",
    request: jump(),
    world: { grants: [makeGrant({ secondFactor: "PerSession" })] },
    why: "no code was given for this session",
  },
  {
    want: "access-list-stale",
    request: jump(),
    world: { freshness: { stale: true } },
    why: "DenyNew: nobody new comes in on an old list",
  },
  {
    want: "access-list-stale",
    request: jump({ live: true }),
    world: { freshness: { stale: true, policy: "TerminateAll" } },
    why: "TerminateAll ends what is open, too",
  },
  {
    want: "access-list-stale",
    request: jump(),
    world: {
      grants: [makeGrant({ onStale: { seconds: 900 } })],
      freshness: { stale: true, lastProof: NOW - 900_000 },
    },
    why: "a break-glass grant has a bound",
  },
];
