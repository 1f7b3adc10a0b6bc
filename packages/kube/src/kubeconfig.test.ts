import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeError } from "./errors.ts";
import { parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";

const PATH = "/home/alice/.kube/config";

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function config(user: object, cluster: object = {}): unknown {
  return {
    "current-context": "dev",
    contexts: [{ name: "dev", context: { cluster: "c", user: "u", namespace: "acme" } }],
    clusters: [{ name: "c", cluster: { server: "https://api:6443", ...cluster } }],
    users: [{ name: "u", user }],
  };
}

function fails(value: unknown, message: RegExp, context?: string): void {
  assert.throws(
    () => parseKubeconfig(value, PATH, context),
    (error) => {
      assert.ok(error instanceof KubeError);
      assert.equal(error.code, "KUBE_CONFIG");
      assert.match(error.message, message);
      return true;
    },
  );
}

describe("parseKubeconfig", () => {
  test("parseKubeconfig takes token, CA and namespace", () => {
    const data = { "certificate-authority-data": base64("CA") };
    const { connection, namespace } = parseKubeconfig(config({ token: "t" }, data), PATH);
    assert.equal(connection.server, "https://api:6443");
    assert.equal(connection.token?.(), "t");
    assert.equal(connection.ca?.(), "CA");
    assert.equal(namespace, "acme");
  });

  test("parseKubeconfig takes a client certificate and a server name", () => {
    const user = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
    const { connection } = parseKubeconfig(config(user, { "tls-server-name": "kubernetes" }), PATH);
    assert.equal(connection.cert, "CERT");
    assert.equal(connection.key, "KEY");
    assert.equal(connection.serverName, "kubernetes");
    assert.equal(connection.token, undefined);
  });

  const REFUSED = [
    { name: "nothing", value: null, message: /current-context is not set/ },
    { name: "an unknown context", value: config({}), context: "x", message: /no entry "x" in contexts/ },
    {
      name: "a cluster that is missing",
      value: { ...(config({}) as object), clusters: [] },
      message: /no entry "c"/,
    },
    { name: "a cluster without a server", value: config({}, { server: "api" }), message: /no server URL/ },
    {
      name: "a cluster without verification",
      value: config({}, { "insecure-skip-tls-verify": true }),
      message: /certificate-authority-data/,
    },
    { name: "an exec plugin", value: config({ exec: { command: "aws" } }), message: /exec/ },
    {
      name: "a certificate without its key",
      value: config({ "client-certificate-data": "QQ==" }),
      message: /one is missing/,
    },
    { name: "a token that is no text", value: config({ token: 5 }), message: /token is not a string/ },
    {
      name: "a file that is not there",
      value: config({ tokenFile: "nope" }),
      message: /cannot read \/home\/alice\/.kube\/nope/,
    },
  ];
  for (const { name, value, message, context } of REFUSED) {
    test(`parseKubeconfig refuses ${name} with a sentence that names the file`, () => {
      fails(value, message, context);
      fails(value, /^kubeconfig \/home\/alice\/.kube\/config: /, context);
    });
  }
});

describe("readKubeconfig", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test("readKubeconfig reads YAML and the files it names, relative to itself", async () => {
    writeFileSync(join(folder, "ca.crt"), "CA");
    writeFileSync(join(folder, "token"), "t\n");
    writeFileSync(
      join(folder, "config"),
      `current-context: a
contexts: [{ name: a, context: { cluster: a, user: a } }]
clusters:
- name: a
  cluster: { server: https://api, certificate-authority: ca.crt }
users:
- name: a
  user: { tokenFile: token }
`,
    );
    const { connection } = await readKubeconfig({ path: join(folder, "config") });
    assert.equal(connection.ca?.(), "CA");
    assert.equal(connection.token?.(), "t");
  });

  test("readKubeconfig says what it cannot read", async () => {
    await assert.rejects(readKubeconfig({ path: join(folder, "none") }), /cannot read kubeconfig .*none/);
    writeFileSync(join(folder, "bad"), "a: [");
    await assert.rejects(readKubeconfig({ path: join(folder, "bad") }), /bad is not YAML/);
  });
});
