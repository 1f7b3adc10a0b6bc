/** What listens where, and who may talk to whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kubectl, nodeInPod } from "./world.ts";

/** Prints the local address of every listening TCP socket of the pod, as `ss -ltn` would. */
const LISTENERS = `
for (const file of ["/proc/net/tcp", "/proc/net/tcp6"])
  for (const line of fs.readFileSync(file, "utf8").split("\\n").slice(1)) {
    const [, local, , state] = line.trim().split(/\\s+/);
    if (state === "0A") console.log(local);
  }`;

function connect(host: string, port: number): string {
  return `
const socket = net.connect({ host: ${JSON.stringify(host)}, port: ${port}, timeout: 3000 });
const say = (word) => { console.log(word); process.exit(0); };
socket.on("connect", () => say("connected"));
socket.on("timeout", () => say("refused"));
socket.on("error", () => say("refused"));`;
}

async function pods(namespace: string, component: string): Promise<readonly string[]> {
  const selector = `app.kubernetes.io/component=${component}`;
  const names = await kubectl.run(["-n", namespace, "get", "pods", "-l", selector, "-o", "name"]);
  return names.trim().split("\n");
}

test("an agent has no listening socket", async () => {
  for (const pod of await pods("prod", "cluster-agent"))
    assert.equal((await nodeInPod("prod", pod, LISTENERS)).trim(), "");
});

test("a proxy listens on its three ports and the health port, and nowhere else", async () => {
  const [pod = ""] = await pods("acme", "proxy");
  const ports = (await nodeInPod("acme", pod, LISTENERS))
    .trim()
    .split("\n")
    .map((local) => parseInt(local.slice(local.lastIndexOf(":") + 1), 16));
  assert.deepEqual([...new Set(ports)].sort(), [3023, 3024, 8081, 8443]);
});

test("a server answers the agent, and not a proxy", async () => {
  const [agent = ""] = await pods("prod", "cluster-agent");
  const [proxy = ""] = await pods("acme", "proxy");
  const script = connect("web-1.prod.svc.cluster.local", 22);
  assert.equal((await nodeInPod("prod", agent, script)).trim(), "connected");
  assert.equal((await nodeInPod("acme", proxy, script)).trim(), "refused");
});

test("every pod of the product runs as 65532 on a read-only root without privileges", async () => {
  for (const [namespace, component] of [
    ["teleport-access", "operator"],
    ["acme", "proxy"],
    ["prod", "cluster-agent"],
  ] as const) {
    const [pod = ""] = await pods(namespace, component);
    const script = `
let readOnly = false;
try { fs.writeFileSync("/app/x", ""); } catch (error) { readOnly = error.code === "EROFS"; }
const capabilities = /CapEff:\\s+(\\w+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1];
console.log(JSON.stringify([process.getuid(), process.getgid(), readOnly, capabilities]));`;
    const facts = JSON.parse(await nodeInPod(namespace, pod, script)) as unknown;
    assert.deepEqual(facts, [65532, 65532, true, "0000000000000000"], component);
  }
});
