import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { KeyHelperError } from "./errors.ts";
import { formatKnownHosts } from "./known-hosts.ts";
import { formatSshConfig } from "./ssh-config.ts";
import type { SshConfigFacts } from "./ssh-config.ts";

const FACTS: SshConfigFacts = {
  user: "alice",
  proxy: { host: "proxy.example.com", port: 3023 },
  clusters: ["prod", "lab"],
  keyPath: "/home/alice/.ssh/id_ed25519.pub",
  certPath: "/home/alice/.ssh/id_ed25519-cert.pub",
  knownHostsPath: "/home/alice/.local/state/teleport-key-helper/proxy.example.com/known_hosts",
  ownPath: "/home/alice/.local/state/teleport-key-helper/proxy.example.com/ssh_config",
};

const GOLDEN = `# Written by teleport-key-helper. Changes are overwritten.
# Use it with: ssh -F "/home/alice/.local/state/teleport-key-helper/proxy.example.com/ssh_config" login@host.cluster
# or put this first into ~/.ssh/config:
#   Include "/home/alice/.local/state/teleport-key-helper/proxy.example.com/ssh_config"

Host proxy.example.com
  User alice
  Port 3023
  IdentityFile "/home/alice/.ssh/id_ed25519"
  CertificateFile "/home/alice/.ssh/id_ed25519-cert.pub"
  IdentitiesOnly yes
  UserKnownHostsFile "/home/alice/.local/state/teleport-key-helper/proxy.example.com/known_hosts"
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  ServerAliveInterval 15
  ServerAliveCountMax 3

Host *.lab *.prod
  ProxyJump alice@proxy.example.com:3023
  IdentityFile "/home/alice/.ssh/id_ed25519"
  CertificateFile "/home/alice/.ssh/id_ed25519-cert.pub"
  IdentitiesOnly yes
  UserKnownHostsFile "/home/alice/.local/state/teleport-key-helper/proxy.example.com/known_hosts"
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  ServerAliveInterval 15
  ServerAliveCountMax 3
`;

/** What real ssh makes of a config for a destination, by keyword. */
function readWithSsh(config: string, destination: string): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "teleport-ssh-"));
  try {
    const path = join(folder, "ssh_config");
    writeFileSync(path, config);
    const text = execFileSync("ssh", ["-G", "-F", path, destination], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return new Map(
      text.split("\n").map((line) => {
        const space = line.indexOf(" ");
        return [line.slice(0, space), line.slice(space + 1)] as const;
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("formatSshConfig writes the file that the documentation shows", () => {
  assert.equal(formatSshConfig(FACTS), GOLDEN);
});

test("formatSshConfig is understood by real ssh, for a target and for the proxy itself", () => {
  const target = readWithSsh(formatSshConfig(FACTS), "deploy@web-1.prod");
  assert.equal(target.get("user"), "deploy");
  assert.equal(target.get("proxyjump"), "alice@proxy.example.com:3023");
  assert.equal(target.get("port"), "22");
  const proxy = readWithSsh(formatSshConfig(FACTS), "proxy.example.com");
  assert.deepEqual([proxy.get("user"), proxy.get("port")], ["alice", "3023"]);
  for (const hop of [target, proxy]) {
    assert.equal(hop.get("identityfile"), "/home/alice/.ssh/id_ed25519");
    assert.equal(hop.get("certificatefile"), FACTS.certPath);
    assert.equal(hop.get("userknownhostsfile"), FACTS.knownHostsPath);
    assert.equal(hop.get("stricthostkeychecking"), "true");
    assert.equal(hop.get("identitiesonly"), "yes");
    assert.deepEqual([hop.get("serveraliveinterval"), hop.get("serveralivecountmax")], ["15", "3"]);
  }
  assert.equal(readWithSsh(formatSshConfig(FACTS), "web-1.example.org").get("proxyjump"), undefined);
});

test("formatSshConfig quotes paths with spaces and per cents as real ssh reads them", () => {
  const odd = { ...FACTS, certPath: "/home/al ice/100%/%h/cert.pub", keyPath: "/home/al ice/#key.pub" };
  const read = readWithSsh(formatSshConfig(odd), "deploy@web-1.prod");
  // ssh -G shows IdentityFile and CertificateFile before it expands them.
  assert.equal(read.get("certificatefile")?.replaceAll("%%", "%"), odd.certPath);
  assert.equal(read.get("identityfile"), "/home/al ice/#key");
});

test("formatSshConfig handles an IPv6 proxy and a person without clusters", () => {
  const config = formatSshConfig({
    ...FACTS,
    proxy: { host: "2001:db8::1", port: 3023 },
    clusters: ["prod"],
  });
  assert.equal(readWithSsh(config, "a@b.prod").get("proxyjump"), "alice@[2001:db8::1]:3023");
  const none = formatSshConfig({ ...FACTS, clusters: [] });
  assert.equal(readWithSsh(none, "a@b.prod").get("proxyjump"), undefined);
});

test("formatSshConfig refuses paths and names that could say more than they should", () => {
  const paths = [
    '/a"b',
    "/a\nProxyCommand x",
    "/a$b",
    "/${HOME}/x",
    "/a`b",
    "/a\\b",
    "/a\u0000b",
    "/a'b",
    "/a\u0085b",
  ];
  for (const path of paths) {
    assert.throws(() => formatSshConfig({ ...FACTS, certPath: path }), KeyHelperError, JSON.stringify(path));
  }
  const names = ["", "-oProxyCommand=x", "a b", "a\nb", "$(x)", "a;b", "%h", "*", "a/b", "A"];
  for (const name of names) {
    assert.throws(() => formatSshConfig({ ...FACTS, clusters: [name] }), KeyHelperError, name);
    assert.throws(() => formatSshConfig({ ...FACTS, user: name }), KeyHelperError, name);
    if (name === "A") continue;
    assert.throws(() => formatSshConfig({ ...FACTS, proxy: { host: name, port: 1 } }), KeyHelperError, name);
  }
});

test("formatSshConfig lets no path or name add a line", () => {
  const lines = GOLDEN.split("\n").length;
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (path, name) => {
      let text: string;
      try {
        text = formatSshConfig({ ...FACTS, certPath: path, clusters: ["lab", name] });
      } catch (error) {
        assert.ok(error instanceof KeyHelperError);
        return;
      }
      assert.equal(text.split("\n").length, lines);
    }),
  );
});

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHR4GD6hyPmCm68LxAQvf/X69YZlk3eZLgYqGVYp+/9u";

test("formatKnownHosts writes the proxy's keys and each cluster's authority", () => {
  const text = formatKnownHosts(
    { host: "proxy.example.com", port: 3023 },
    [`${KEY} comment`],
    [
      { cluster: "prod", keys: [`${KEY} host ca`, KEY] },
      { cluster: "lab", keys: [KEY] },
    ],
  );
  assert.equal(
    text,
    `# Written by teleport-key-helper. Changes are overwritten.
[proxy.example.com]:3023 ${KEY}
@cert-authority *.prod,[*.prod]:* ${KEY}
@cert-authority *.prod,[*.prod]:* ${KEY}
@cert-authority *.lab,[*.lab]:* ${KEY}
`,
  );
  assert.ok(formatKnownHosts({ host: "proxy", port: 22 }, [KEY], []).includes(`\nproxy ${KEY}\n`));
});

test("formatKnownHosts is understood by real ssh-keygen", () => {
  const folder = mkdtempSync(join(tmpdir(), "teleport-ssh-"));
  try {
    const path = join(folder, "known_hosts");
    const hosts = [{ cluster: "prod", keys: [KEY] }];
    writeFileSync(path, formatKnownHosts({ host: "proxy.example.com", port: 3023 }, [KEY], hosts));
    for (const [host, want] of [
      ["[proxy.example.com]:3023", /found: line 2/],
      ["web-1.prod", /found: line 3 CA/],
      ["[web-1.prod]:2222", /found: line 3 CA/],
    ] as const) {
      const found = execFileSync("ssh-keygen", ["-F", host, "-f", path], { encoding: "utf8" });
      assert.match(found, want, host);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
