/**
 * Which calls the kind and existing drivers make, and what hack/kubernetes says
 * when the machine lacks something: nothing here needs Docker, Go or a cluster.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sandbox, type Sandbox } from "./script-sandbox.ts";

/** A sandbox in which Docker answers, and kind, kubectl and helm have the versions that are wanted. */
function withKind(): Sandbox {
  const box = sandbox();
  box.stub("docker", "exit 0");
  box.stub(
    "kind",
    `case "$1 $2" in
      "version ") echo "kind v0.33.0 go1.26.0 linux/amd64" ;;
      "get clusters") cat "${box.root}/clusters" 2>/dev/null ;;
      "create cluster") echo "$4" >>"${box.root}/clusters"; echo config >"$8" ;;
      "delete cluster") rm -f "${box.root}/clusters" ;;
    esac`,
  );
  box.stub(
    "kubectl",
    `[[ $1 != version ]] || echo "Client Version: v1.36.0"; [[ $* != *address* ]] || echo 172.18.0.2`,
  );
  box.stub("helm", "echo v3.19.1");
  return box;
}

describe("the kind driver", () => {
  test("kind's life is create, load, delete, with names and files of our own", () => {
    const box = withKind();
    writeFileSync(join(box.root, "image.tar"), "x");
    for (const args of [["up"], ["up"], ["load", "image.tar"], ["node-address"], ["down"], ["purge"]]) {
      const result = box.kubernetes(args);
      assert.equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
    }
    assert.deepEqual(
      box.callsOf("kind").filter((call) => !/^kind (version|get clusters)/.test(call)),
      [
        "kind create cluster --name teleport-access-a --config ROOT/.local/kubernetes/a/kind.yaml --kubeconfig ROOT/.local/kubernetes/a/kubeconfig --wait 180s",
        "kind export kubeconfig --name teleport-access-a --kubeconfig ROOT/.local/kubernetes/a/kubeconfig",
        "kind load image-archive image.tar --name teleport-access-a",
        "kind delete cluster --name teleport-access-a --kubeconfig ROOT/.local/kubernetes/a/kubeconfig",
      ],
    );
    assert.deepEqual(new Set(box.callsOf("docker", "apt-get", "sudo", "go")), new Set(["docker info"]));
    assert.equal(existsSync(join(box.root, ".local/kubernetes/a")), false);
  });
  test("kind's kubeconfig and tools are where scripts look for them", () => {
    const box = withKind();
    assert.equal(box.kubernetes(["up"]).code, 0);
    assert.equal(box.kubernetes(["kubeconfig"]).stdout, "ROOT/.local/kubernetes/a/kubeconfig\n");
    assert.equal(box.kubernetes(["bin"]).stdout, "ROOT/.local/kubernetes/.bin\n");
    for (const tool of ["kubectl", "helm"])
      assert.ok(existsSync(join(box.root, ".local/kubernetes/.bin", tool)));
    assert.equal(box.kubernetes(["node-address"]).stdout, "172.18.0.2\n");
  });
  test("kind cannot stop an API server", () => {
    const box = withKind();
    box.kubernetes(["up"]);
    const result = box.kubernetes(["api-stop"]);
    assert.equal(result.code, 1);
    assert.equal(result.stderr, "kubernetes: api-stop needs the native driver; cluster a uses kind\n");
  });
});

describe("the existing driver", () => {
  test("existing copies the current context and creates, loads and deletes nothing", () => {
    const box = sandbox();
    const env = { KUBERNETES_DRIVER: "existing" };
    box.stub(
      "kubectl",
      `case "$*" in "version --client") echo "Client Version: v1.36.0" ;; "config view"*) echo config ;; *current-context) echo work ;; esac`,
    );
    box.stub("helm", "echo v3.19.1");
    writeFileSync(join(box.root, "image.tar"), "x");
    assert.match(box.kubernetes(["up"], env).stderr, /using the cluster of context work/);
    assert.equal(readFileSync(join(box.root, ".local/kubernetes/a/kubeconfig"), "utf8"), "config\n");
    const load = box.kubernetes(["load", "image.tar"]);
    assert.equal(load.code, 1);
    assert.match(load.stderr, /cannot load image.tar into an existing cluster: push the image to a registry/);
    assert.equal(box.kubernetes(["purge"]).code, 0);
    assert.equal(existsSync(join(box.root, ".local/kubernetes/a")), false);
    const verbs = box
      .callsOf("kubectl")
      .filter((call) => !/^kubectl (version|config|--kubeconfig \S+ (get|config))/.test(call));
    assert.deepEqual(verbs, []);
    assert.deepEqual(box.callsOf("docker", "kind"), []);
  });
  test("existing says what to do when there is no context", () => {
    const box = sandbox();
    box.stub("kubectl", `[[ $1 == version ]] && echo "Client Version: v1.36.0"`);
    box.stub("helm", "echo v3.19.1");
    const result = box.kubernetes(["up"], { KUBERNETES_DRIVER: "existing" });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /there is no current kubeconfig context: choose one/);
    assert.equal(existsSync(join(box.root, ".local/kubernetes/a/kubeconfig")), false);
  });
});

describe("what is missing", () => {
  const CASES: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly stubs?: Readonly<Record<string, string>>;
    readonly want: RegExp;
  }[] = [
    {
      name: "neither Docker nor Go",
      args: ["up"],
      want: /Go was not found, and no Docker engine answers: install Go 1.26 or newer \(https:\/\/go.dev\/dl\) or start Docker/,
    },
    {
      name: "an old Go",
      args: ["up"],
      stubs: { go: "echo go1.19.8" },
      want: /go1.19.8 at \S+ is too old: install Go 1.26 or newer/,
    },
    {
      name: "no disk space",
      args: ["up"],
      stubs: { go: "echo go1.26.1", df: "echo header; echo '/dev/x 1 1 900000 1% /'" },
      want: /no disk space: \S+ has 0 GB free, a cluster needs 2 GB: make room there/,
    },
    {
      name: "a bad name",
      args: ["up"],
      env: { CLUSTER_NAME: "../x" },
      want: /bad CLUSTER_NAME '..\/x': use lower-case/,
    },
    {
      name: "kind without Docker",
      args: ["up"],
      env: { KUBERNETES_DRIVER: "kind" },
      want: /no Docker engine answers/,
    },
    { name: "an unknown command", args: ["start"], want: /unknown command 'start': choose one of these/ },
    { name: "a load of nothing", args: ["load"], want: /load what\? give the path of an image archive/ },
    {
      name: "a load of no file",
      args: ["load", "x.tar"],
      want: /no such image archive: x.tar: build it first/,
    },
    {
      name: "no cluster",
      args: ["kubeconfig"],
      want: /cluster a is not up: run CLUSTER_NAME=a hack\/kubernetes up/,
    },
  ];
  for (const { name, args, env, stubs, want } of CASES) {
    test(`kubernetes ${args.join(" ")} names ${name} in one sentence, exits 1 and leaves nothing`, () => {
      const box = sandbox();
      for (const [program, body] of Object.entries(stubs ?? {})) box.stub(program, body);
      const result = box.kubernetes(args, env);
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, want);
      assert.match(result.stderr.trim().split("\n").at(-1) ?? "", /^kubernetes: /);
      assert.equal(existsSync(join(box.root, ".local/kubernetes/a")), false);
      assert.deepEqual(box.callsOf("apt-get"), []);
    });
  }
  test("kubernetes down of a cluster that is not there is no error", () => {
    for (const command of ["down", "purge"]) assert.equal(sandbox().kubernetes([command]).code, 0);
  });
});
