/**
 * What hack/kubernetes decides before it does anything: driver, index, cache
 * folder, and which tools of the machine are good enough.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sandbox, type Sandbox } from "./script-sandbox.ts";

describe("choose_driver", () => {
  const CASES = [
    { name: "kind where Docker answers", docker: true, asked: "", remembered: "", want: "kind" },
    { name: "native where it does not", docker: false, asked: "auto", remembered: "", want: "native" },
    { name: "the one asked for", docker: true, asked: "native", remembered: "", want: "native" },
    {
      name: "the one the cluster was made with",
      docker: true,
      asked: "",
      remembered: "native",
      want: "native",
    },
    { name: "never existing by itself", docker: false, asked: "existing", remembered: "", want: "existing" },
  ] as const;
  for (const { name, docker, asked, remembered, want } of CASES) {
    test(`choose_driver takes ${name}`, () => {
      const box = sandbox();
      if (docker) box.stub("docker", "exit 0");
      const result = box.bash(["report", "driver"], `choose_driver "${asked}" "${remembered}"`);
      assert.equal(result.stdout.trim(), want);
    });
  }

  test("choose_driver refuses an unknown driver and a change of driver", () => {
    const box = sandbox();
    const unknown = box.bash(["report", "driver"], "choose_driver minikube ''");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /bad KUBERNETES_DRIVER 'minikube': use existing, kind, native or auto/);
    const change = box.bash(["report", "driver"], "NAME=a choose_driver kind native");
    assert.equal(change.code, 1);
    assert.match(change.stderr, /cluster a was made with the native driver/);
  });
});

describe("choose_index", () => {
  const INDEX = ["report", "parts", "settings", "index"];
  const choose = 'choose_index "$PWD/mine" "$INTERFACES" "$ROUTES"';

  /** Claims of an index by a data folder that is still there. */
  function claim(box: Sandbox, index: string, folder: string, says = index): void {
    const indexes = join(box.root, "home/.cache/teleport-access/kubernetes/indexes");
    mkdirSync(indexes, { recursive: true });
    writeFileSync(join(indexes, index), join(box.root, folder));
    mkdirSync(join(box.root, folder), { recursive: true });
    writeFileSync(join(box.root, folder, "index"), says);
  }

  test("choose_index takes the first index when nothing is in the way", () => {
    assert.equal(
      sandbox().bash(INDEX, choose, { INTERFACES: "lo\neth0", ROUTES: "default via 10.0.0.1" }).stdout,
      "0\n",
    );
  });
  test("choose_index leaves out claims, interfaces and networks of others", () => {
    const box = sandbox();
    claim(box, "0", "other");
    const env = {
      INTERFACES: "lo\ntak1",
      ROUTES: "10.202.0.0/16 dev vpn\n10.203.4.5 dev wg0\ndefault via 10.204.0.1",
    };
    assert.equal(box.bash(INDEX, choose, env).stdout, "4\n");
  });
  test("choose_index does not mind a route to all of 10.0.0.0/8", () => {
    const env = { INTERFACES: "", ROUTES: "10.0.0.0/8 dev vpn" };
    assert.equal(sandbox().bash(INDEX, choose, env).stdout, "0\n");
  });
  test("choose_index ignores the claim of a folder that has another index or is gone", () => {
    const box = sandbox();
    claim(box, "0", "moved", "7");
    claim(box, "1", "gone");
    rmSync(join(box.root, "gone"), { recursive: true });
    assert.equal(box.bash(INDEX, choose, { INTERFACES: "", ROUTES: "" }).stdout, "0\n");
  });
  test("choose_index returns to the index that the folder had before it was deleted", () => {
    const box = sandbox();
    claim(box, "3", "mine");
    rmSync(join(box.root, "mine"), { recursive: true });
    assert.equal(box.bash(INDEX, choose, { INTERFACES: "tak3", ROUTES: "" }).stdout, "3\n");
  });
  test("choose_index says so when there is none left", () => {
    const interfaces = Array.from({ length: 56 }, (_, index) => `tak${index}`).join("\n");
    assert.equal(sandbox().bash(INDEX, choose, { INTERFACES: interfaces, ROUTES: "" }).code, 1);
  });
});

describe("part_folder", () => {
  function folder(box: Sandbox): string {
    return box.bash(["parts"], "part_folder netpol; part_folder cni").stdout;
  }

  test("part_folder is the same in every checkout and names version and Go release", () => {
    const [one, two] = [sandbox(), sandbox()];
    for (const box of [one, two]) box.stub("go", "echo go1.26.1");
    assert.equal(folder(one), folder(two));
    assert.match(
      folder(one),
      /\/netpol-v0\.36\.3-[0-9a-f]{12}-go1\.26\.1\n.*\/cni-v1\.9\.1-[0-9a-f]{12}-go1\.26\.1\n$/,
    );
  });
  test("part_folder changes with the part's sources and with nothing else", () => {
    const box = sandbox();
    const before = folder(box).split("\n");
    writeFileSync(join(box.root, "hack/local-kubernetes/modules/netpol/more.go"), "package main\n");
    const [netpol, cni] = folder(box).split("\n");
    assert.notEqual(netpol, before[0]);
    assert.equal(cni, before[1]);
  });
  test("built_folder accepts any Go release where Go is missing", () => {
    const box = sandbox();
    const built = join(
      box.root,
      folder(box).split("\n")[0]?.replace("ROOT", "").replace("nogo", "go1.99.0") ?? "",
    );
    mkdirSync(built, { recursive: true });
    assert.match(box.bash(["parts"], "built_folder netpol").stdout, /-go1\.99\.0\n$/);
    assert.equal(box.bash(["parts"], "built_folder cni").code, 1);
  });
});

test("version_fits says which kubectl, helm and kind of the machine are good enough", () => {
  const CASES = [
    ["kubectl", "v1.35.0", "v1.36.3", true],
    ["kubectl", "v1.37.1", "v1.36.3", true],
    ["kubectl", "v1.34.9", "v1.36.3", false],
    ["kubectl", "v1.36.4-dispatcher", "v1.36.3", false],
    ["kubectl", "", "v1.36.3", false],
    ["helm", "v3.10.0", "v3.22.0", true],
    ["helm", "v4.1.0", "v3.22.0", false],
    ["kind", "v0.33.1", "v0.33.0", true],
    ["kind", "v0.9.0", "v0.33.0", false],
  ] as const;
  const box = sandbox();
  for (const [program, found, wanted, fits] of CASES) {
    const { code } = box.bash(["requirements", "tools"], `version_fits ${program} "${found}" ${wanted}`);
    assert.equal(code === 0, fits, `${program} ${found} where ${wanted} is wanted`);
  }
});
