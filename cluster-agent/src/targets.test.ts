import assert from "node:assert/strict";
import { test } from "node:test";

import type { AgentTarget } from "@teleport-access/wire";

import { decideTarget, isForbiddenAddress } from "./targets.ts";
import type { Destination } from "./targets.ts";

const TARGETS: readonly AgentTarget[] = [
  { host: "web-*", ports: [] },
  { host: "web-1", ports: [22, 2222], address: "10.0.0.5" },
  { host: "db", ports: [5432], address: "db.internal:15432" },
  { host: "v6", ports: [], address: "2001:db8::1" },
  { host: "v6-port", ports: [], address: "[2001:db8::1]:2200" },
  { host: "localhost", ports: [] },
  { host: "Upper", ports: [] },
  { host: "any?.lab", ports: [2022] },
];

const ALLOWED: readonly { host: string; port: number; want: Destination; why: string }[] = [
  {
    host: "web-2",
    port: 22,
    want: { host: "web-2", port: 22, exact: false },
    why: "a glob; no ports means 22",
  },
  {
    host: "web-1",
    port: 22,
    want: { host: "10.0.0.5", port: 22, exact: true },
    why: "exact goes before glob",
  },
  { host: "web-1", port: 2222, want: { host: "10.0.0.5", port: 2222, exact: true }, why: "a listed port" },
  {
    host: "db",
    port: 5432,
    want: { host: "db.internal", port: 15432, exact: true },
    why: "address with a port",
  },
  { host: "v6", port: 22, want: { host: "2001:db8::1", port: 22, exact: true }, why: "a bare IPv6 address" },
  {
    host: "v6-port",
    port: 22,
    want: { host: "2001:db8::1", port: 2200, exact: true },
    why: "IPv6 with a port",
  },
  {
    host: "localhost",
    port: 22,
    want: { host: "localhost", port: 22, exact: true },
    why: "an exact entry may be loopback",
  },
  { host: "upper", port: 22, want: { host: "upper", port: 22, exact: true }, why: "names have no case" },
  {
    host: "any1.lab",
    port: 2022,
    want: { host: "any1.lab", port: 2022, exact: false },
    why: "? is one character",
  },
];

for (const row of ALLOWED) {
  test(`decideTarget allows ${row.host}:${row.port}`, () => {
    assert.deepEqual(
      decideTarget(TARGETS, row.host, row.port),
      { allowed: true, destination: row.want },
      row.why,
    );
  });
}

const REFUSED: readonly { host: string; port: number; why: string }[] = [
  { host: "web-2", port: 2222, why: "the glob is for 22" },
  { host: "web-1", port: 80, why: "the port is on no entry" },
  { host: "web", port: 22, why: "the glob wants a dash" },
  { host: "db", port: 22, why: "only 5432" },
  { host: "any.lab", port: 2022, why: "? is not nothing" },
  { host: "kubernetes.default.svc", port: 443, why: "not listed" },
  { host: "", port: 22, why: "nothing is not a host" },
];

for (const row of REFUSED) {
  test(`decideTarget refuses ${row.host}:${row.port}`, () => {
    assert.deepEqual(
      decideTarget(TARGETS, row.host, row.port),
      { allowed: false, reason: "target-not-listed" },
      row.why,
    );
  });
}

test("decideTarget refuses everything when nothing is listed", () => {
  assert.equal(decideTarget([], "web-1", 22).allowed, false);
});

const API_SERVER = ["10.96.0.1", "fd00::1"];

const FORBIDDEN = [
  "127.0.0.1",
  "127.8.8.8",
  "0.0.0.0",
  "0.1.2.3",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "::1",
  "::",
  "0:0:0:0:0:0:0:1",
  "fe80::1",
  "fe80::1%eth0",
  "febf::1",
  "ff02::1",
  "fd00:ec2::254",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:169.254.169.254",
  "::127.0.0.1",
  "64:ff9b::127.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "10.96.0.1",
  "::ffff:10.96.0.1",
  "fd00::1",
  "fd00:0::1",
  "not-an-address",
  "",
];
for (const address of FORBIDDEN) {
  test(`isForbiddenAddress forbids ${JSON.stringify(address)}`, () => {
    assert.equal(isForbiddenAddress(address, API_SERVER), true);
  });
}

for (const address of [
  "10.0.0.5",
  "192.168.1.1",
  "10.96.0.2",
  "2001:db8::1",
  "fd00::2",
  "::ffff:10.0.0.5",
  "64:ff9b::a00:5",
]) {
  test(`isForbiddenAddress lets ${address} be`, () => {
    assert.equal(isForbiddenAddress(address, API_SERVER), false);
  });
}
