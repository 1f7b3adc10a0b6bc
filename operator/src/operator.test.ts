import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCertificateLine, parsePublicKeyLine, verifyCertificate } from "@teleport-access/sshcert";
import { startBench, type Bench } from "./operator-fixture.test.ts";
import { secretText, type Secret } from "./objects.ts";

const PROXY = `
apiVersion: teleport-access.io/v1alpha1
kind: TeleportProxy
metadata: { name: main, namespace: acme }
spec: { publicAddresses: { web: "https://proxy.example.com" } }`;
const USER = `
apiVersion: teleport-access.io/v1alpha1
kind: ProxyUser
metadata: { name: alice, namespace: acme }
spec: {}`;
const GRANT = `
apiVersion: teleport-access.io/v1alpha1
kind: UserAccess
metadata: { name: alice-prod, namespace: acme }
spec: { userRef: { name: alice }, clusters: [prod], logins: [deploy] }`;
const CLUSTER = `
apiVersion: teleport-access.io/v1alpha1
kind: TeleportCluster
metadata: { name: prod, namespace: acme }
spec: { clusterName: prod, proxies: [{ name: main, proxyRef: { name: main } }], agent: { targets: [{ host: web-1 }] } }`;
const TRUST = `
apiVersion: teleport-access.io/v1alpha1
kind: TrustedHostCA
metadata: { name: prod, namespace: acme }
spec: { clusterRef: { name: prod } }`;
const HOST = `
apiVersion: teleport-access.io/v1alpha1
kind: HostCertificate
metadata: { name: web-1, namespace: acme }
spec: { clusterRef: { name: prod }, hostnames: [web-1], secretName: web-1-host }`;

interface Status {
  readonly status?: {
    readonly userCA?: { readonly activeFingerprint?: string };
    readonly hostCA?: {
      readonly activeFingerprint?: string;
      readonly publicKeys?: readonly { key: string }[];
    };
    readonly hostKeys?: readonly string[];
    readonly publicKeys?: readonly string[];
    readonly proxies?: readonly { readonly pod: string }[];
  };
}

interface Annotated {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

function statusOf(bench: Bench, kind: string, name: string): NonNullable<Status["status"]> {
  return (bench.server.get(kind, "acme", name) as Status | undefined)?.status ?? {};
}

async function secretOf(bench: Bench, name: string): Promise<Secret> {
  return await bench.exists("Secret", `acme/${name}`);
}

/** Both sides in one namespace, in an order that makes everything wait for something. */
async function startLab(): Promise<Bench> {
  const bench = await startBench();
  for (const yaml of [GRANT, HOST, TRUST, CLUSTER, USER, PROXY]) bench.put(yaml);
  await bench.condition("ProxyUser", "acme/alice", "Enrolled", "InvitePending");
  await bench.condition("TrustedHostCA", "acme/prod", "Ready", "Accepted");
  await bench.condition("UserAccess", "acme/alice-prod", "Ready", "Active");
  await bench.condition("HostCertificate", "acme/web-1", "Ready", "Issued");
  await bench.exists("Deployment", "acme/main");
  await bench.exists("Deployment", "acme/prod-agent");
  await bench.quiet();
  return bench;
}

test("operator brings both sides up, whatever the order they are applied in", async () => {
  await using bench = await startLab();
  const config = (await bench.exists("ConfigMap", "acme/prod-agent-config")) as unknown as {
    data: { "config.json": string };
  };
  const [proxy] = (
    JSON.parse(config.data["config.json"]) as { proxies: { address: string; hostKeys: string[] }[] }
  ).proxies;
  assert.equal(proxy?.address, "main.acme.svc:3024");
  assert.deepEqual(proxy.hostKeys, statusOf(bench, "TeleportProxy", "main").hostKeys);
  assert.deepEqual(
    statusOf(bench, "TrustedHostCA", "prod").publicKeys,
    statusOf(bench, "TeleportCluster", "prod").hostCA?.publicKeys?.map((k) => k.key),
  );
});

test("operator signs host certificates that verify against the published host CA", async () => {
  await using bench = await startLab();
  const line = secretText(await secretOf(bench, "web-1-host"), "ssh_host_ed25519_key-cert.pub") ?? "";
  const authorities = (statusOf(bench, "TrustedHostCA", "prod").publicKeys ?? []).map(parsePublicKeyLine);
  const verdict = verifyCertificate(parseCertificateLine(line), {
    type: "host",
    authorities,
    principal: "web-1.prod",
    now: new Date(),
  });
  assert.equal(verdict.valid, true);
});

test("operator writes nothing when nothing changed, not even after a restart", async () => {
  await using bench = await startLab();
  const before = bench.writes();
  await bench.restart();
  // A change that the operator has to look at and that changes nothing for it.
  bench.put(PROXY.replace("namespace: acme }", "namespace: acme, annotations: { note: hello } }"));
  await bench.quiet();
  assert.equal(bench.writes() - before, 1, "only the change itself");
});

test("operator reports a lost CA, makes no other, and goes on when it is restored", async () => {
  await using bench = await startLab();
  for (const [kind, name, type, secret] of [
    ["TeleportProxy", "main", "UserCAReady", "main-user-ca"],
    ["TeleportCluster", "prod", "HostCAReady", "prod-host-ca"],
  ] as const) {
    const kept = await bench.exists("Secret", `acme/${secret}`);
    const before = statusOf(bench, kind, name);
    bench.server.remove(kept);
    await bench.condition(kind, `acme/${name}`, type, "KeyMissing");
    await bench.quiet();
    assert.equal(bench.server.get("Secret", "acme", secret), undefined);
    // By hand, from a backup of the data alone.
    bench.server.set({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: secret, namespace: "acme" },
      data: kept["data"],
    } as never);
    await bench.condition(kind, `acme/${name}`, type, "Generated");
    assert.deepEqual(statusOf(bench, kind, name).userCA?.activeFingerprint, before.userCA?.activeFingerprint);
    assert.deepEqual(statusOf(bench, kind, name).hostCA?.activeFingerprint, before.hostCA?.activeFingerprint);
  }
});

test("operator makes another CA only for the fingerprint that a person names", async () => {
  await using bench = await startLab();
  const lost = statusOf(bench, "TeleportCluster", "prod").hostCA?.activeFingerprint ?? "";
  bench.server.remove(await bench.exists("Secret", "acme/prod-host-ca"));
  await bench.condition("TeleportCluster", "acme/prod", "HostCAReady", "KeyMissing");
  function asking(fingerprint: string): string {
    const rotation = `{ policy: Manual, overlap: 48h, request: "replace-lost-key/${fingerprint}" }`;
    return `${CLUSTER.replace(/agent:.*$/, "")} hostCA: { rotation: ${rotation} } }`;
  }
  bench.put(asking("SHA256:another"));
  await bench.quiet();
  assert.equal(bench.server.get("Secret", "acme", "prod-host-ca"), undefined);
  bench.put(asking(lost));
  await bench.condition("TeleportCluster", "acme/prod", "HostCAReady", "Generated");
  assert.notEqual(statusOf(bench, "TeleportCluster", "prod").hostCA?.activeFingerprint, lost);
});

test("operator makes a deleted object again, and deletes one that is not wanted any more", async () => {
  await using bench = await startLab();
  bench.server.remove(await bench.exists("Service", "acme/main"));
  await bench.exists("Service", "acme/main");
  bench.put(PROXY.replace("spec: {", "spec: { networkPolicy: { mode: Disabled }, replicas: 1,"));
  await bench.gone("NetworkPolicy", "acme/main");
  await bench.gone("PodDisruptionBudget", "acme/main");
  assert.notEqual(bench.server.get("Secret", "acme", "main-user-ca"), undefined);
});

test("operator leaves a foreign object of a needed name alone and says so", async () => {
  await using bench = await startBench();
  bench.put(`
apiVersion: v1
kind: Service
metadata: { name: main, namespace: acme }
spec: { selector: { app: somebody-else } }`);
  bench.put(PROXY);
  await bench.condition("TeleportProxy", "acme/main", "Ready", "NameConflict");
  const service = (await bench.exists("Service", "acme/main")) as { spec?: unknown };
  assert.deepEqual(service.spec, { selector: { app: "somebody-else" } });
});

test("operator lets a proxy at a user's Secrets before it announces the invite", async () => {
  await using bench = await startBench();
  const order: string[] = [];
  bench.server.objects.subscribe(({ object }) => {
    const text = JSON.stringify(object);
    if (object.kind === "Role" && text.includes("alice-invite")) order.push("role");
    if (object.kind === "ProxyUser" && text.includes("expirationTime")) order.push("invite");
  });
  bench.put(PROXY);
  bench.put(USER);
  await bench.condition("ProxyUser", "acme/alice", "Enrolled", "InvitePending");
  assert.equal(order[0], "role");
  assert.ok(order.includes("invite"));
});

test("operator touches the pods that mount a Secret when it changes, and no others", async () => {
  await using bench = await startLab();
  for (const [name, component] of [
    ["main-0", "proxy"],
    ["prod-agent-0", "cluster-agent"],
  ]) {
    bench.put(`
apiVersion: v1
kind: Pod
metadata:
  name: ${name ?? ""}
  namespace: acme
  labels:
    app.kubernetes.io/managed-by: teleport-access-operator
    app.kubernetes.io/instance: ${component === "proxy" ? "main" : "prod"}
    app.kubernetes.io/component: ${component ?? ""}`);
  }
  await bench.quiet();
  function mounted(name: string): string | undefined {
    const pod = bench.server.get("Pod", "acme", name) as Annotated | undefined;
    return pod?.metadata.annotations?.["teleport-access.io/mounted"];
  }
  const before = { proxy: mounted("main-0"), agent: mounted("prod-agent-0") };
  assert.ok(before.proxy !== undefined && before.agent !== undefined);
  bench.server.remove(await bench.exists("Secret", "acme/main-tls"));
  await bench.exists("Secret", "acme/main-tls");
  await bench.quiet();
  assert.notEqual(mounted("main-0"), before.proxy);
  assert.equal(mounted("prod-agent-0"), before.agent);
});

test("operator looks again when an object that a spec refers to appears, and never into another namespace", async () => {
  await using bench = await startLab();
  const key = statusOf(bench, "TeleportCluster", "prod").hostCA?.publicKeys?.[0]?.key ?? "";
  bench.put(`
apiVersion: teleport-access.io/v1alpha1
kind: TrustedHostCA
metadata: { name: eu, namespace: acme }
spec: { publicKeysFrom: { configMapKeyRef: { name: eu-keys, key: ca.pub } } }`);
  await bench.condition("TrustedHostCA", "acme/eu", "Ready", "SourceNotFound");
  function keys(namespace: string): string {
    return `
apiVersion: v1
kind: ConfigMap
metadata: { name: eu-keys, namespace: ${namespace} }
data: { ca.pub: "${key}" }`;
  }
  bench.put(keys("other"));
  await bench.quiet();
  await bench.condition("TrustedHostCA", "acme/eu", "Ready", "SourceNotFound");
  bench.put(keys("acme"));
  await bench.condition("TrustedHostCA", "acme/eu", "Ready", "Accepted");
});

test("operator voids credentials and invites again when enrollment.request changes, and only then", async () => {
  await using bench = await startLab();
  const enrolled = await secretOf(bench, "alice-credentials");
  bench.server.set({
    ...enrolled,
    kind: "Secret",
    apiVersion: "v1",
    data: { password: "eA==", totp: "eQ==" },
  } as never);
  await bench.condition("ProxyUser", "acme/alice", "Enrolled", "Complete");
  await bench.gone("Secret", "acme/alice-invite");
  bench.put(USER.replace("spec: {}", "spec: { displayName: Alice }"));
  await bench.quiet();
  await bench.condition("ProxyUser", "acme/alice", "Enrolled", "Complete");
  bench.put(USER.replace("spec: {}", "spec: { enrollment: { request: lost-phone } }"));
  await bench.condition("ProxyUser", "acme/alice", "Enrolled", "Reset");
  const { data = {} } = await secretOf(bench, "alice-credentials");
  assert.deepEqual(Object.keys(data).sort(), ["invite.expires", "invite.hash"]);
});

test("operator drops what a gone pod reported", async () => {
  await using bench = await startLab();
  const manager = "teleport-access-proxy/main-gone";
  const place = { resource: "trustedhostcas.teleport-access.io", namespace: "acme", name: "prod" };
  const trust = await bench.exists("TrustedHostCA", "acme/prod");
  const applied = {
    apiVersion: trust.apiVersion,
    kind: trust.kind,
    metadata: { name: "prod", namespace: "acme" },
  };
  const path = "/apis/teleport-access.io/v1alpha1/namespaces/acme/trustedhostcas/prod/status";
  const response = await fetch(
    `${bench.server.url}${path}?fieldManager=${encodeURIComponent(manager)}&force=true`,
    {
      method: "PATCH",
      headers: { "content-type": "application/apply-patch+yaml" },
      body: JSON.stringify({ ...applied, status: { proxies: [{ pod: "main-gone", tunnels: 2 }] } }),
    },
  );
  assert.equal(response.status, 200, `${place.resource} ${await response.text()}`);
  await bench.quiet();
  assert.deepEqual(statusOf(bench, "TrustedHostCA", "prod").proxies ?? [], []);
});

test("operator collects a LoginSession that has run out and leaves one that has not", async () => {
  await using bench = await startBench();
  function session(name: string, time: string): string {
    return `
apiVersion: teleport-access.io/v1alpha1
kind: LoginSession
metadata: { name: ${name}, namespace: acme }
spec: { userRef: { name: alice }, expirationTime: "${time}", factors: [Password], seal: x }`;
  }
  bench.put(session("s-old", "2026-01-01T00:00:00Z"));
  bench.put(session("s-new", "2999-01-01T00:00:00Z"));
  await bench.gone("LoginSession", "acme/s-old");
  assert.notEqual(bench.server.get("LoginSession", "acme", "s-new"), undefined);
});
