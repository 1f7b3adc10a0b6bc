import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { certificateRanges, isSourceRange, rangesContain } from "./source-ranges.ts";

const ROWS = [
  { ranges: ["192.0.2.0/24"], address: "192.0.2.255", want: true, why: "inside" },
  { ranges: ["192.0.2.0/24"], address: "192.0.3.0", want: false, why: "outside" },
  { ranges: ["192.0.2.7"], address: "192.0.2.7", want: true, why: "an address is a block of one" },
  { ranges: ["192.0.2.99/24"], address: "192.0.2.1", want: true, why: "host bits do not count" },
  { ranges: ["0.0.0.0/0"], address: "203.0.113.1", want: true, why: "all of IPv4" },
  { ranges: ["0.0.0.0/0"], address: "2001:db8::1", want: false, why: "all of IPv4 is not IPv6" },
  {
    ranges: ["192.0.2.0/24"],
    address: "::ffff:192.0.2.1",
    want: true,
    why: "mapped, as dual-stack sockets say it",
  },
  { ranges: ["::ffff:192.0.2.0/120"], address: "192.0.2.1", want: true, why: "mapped on the other side" },
  { ranges: ["2001:db8::/32"], address: "2001:db8:ffff::1", want: true, why: "IPv6" },
  { ranges: ["10.0.0.0/8", "2001:db8::/32"], address: "10.255.0.1", want: true, why: "any of them" },
  { ranges: [], address: "10.0.0.1", want: false, why: "the empty list contains nothing" },
  { ranges: ["nonsense"], address: "10.0.0.1", want: false, why: "what cannot be read contains nothing" },
  { ranges: ["10.0.0.0/8"], address: "", want: false, why: "an unknown address is nowhere" },
  { ranges: ["0.0.0.0/0", "::/0"], address: "pipe", want: false, why: "a name is no address" },
];

for (const { ranges, address, want, why } of ROWS) {
  test(`rangesContain() says ${want} for ${address || "nothing"} in [${ranges.join(", ")}]: ${why}`, () => {
    assert.equal(rangesContain(ranges, address), want);
  });
}

test("isSourceRange() refuses what is no block", () => {
  const bad = [
    "",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0/8",
    "fe80::1%eth0/64",
  ];
  assert.deepEqual(bad.filter(isSourceRange), []);
  const mappedTooWide = "::ffff:10.0.0.0/90";
  assert.ok(!isSourceRange(mappedTooWide), "it would reach beyond IPv4");
});

function number(octets: readonly number[]): bigint {
  return octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

test("rangesContain() agrees with arithmetic on IPv4", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  fc.assert(
    fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), (a, b, prefix) => {
      const same = number(a) >> BigInt(32 - prefix) === number(b) >> BigInt(32 - prefix);
      assert.equal(rangesContain([`${a.join(".")}/${prefix}`], b.join(".")), same);
    }),
  );
});

describe("certificateRanges()", () => {
  const READ = [
    ["127.0.0.1", ["127.0.0.1"]],
    ["10.0.0.0/8,192.0.2.0/24", ["10.0.0.0/8", "192.0.2.0/24"]],
    ["0.0.0.0/0,::/0", ["0.0.0.0/0", "::/0"]],
    ["2001:db8::/32", ["2001:db8::/32"]],
    ["2001:db8::8000:0:0:0/65", ["2001:db8::8000:0:0:0/65"]],
    ["fe80::1", ["fe80::1"]],
  ] as const;
  for (const [text, want] of READ) {
    test(`certificateRanges() reads ${text}`, () => {
      assert.deepEqual(certificateRanges(text), want);
    });
  }
  const REFUSED = [
    ["", "says nothing"],
    ["garbage,127.0.0.1", "sshd refuses the whole list"],
    ["127.0.0.1,", "an entry is missing"],
    ["127.0.0.1/8", "bits behind the prefix"],
    ["2001:db8::1/64", "bits behind the prefix"],
    ["2001:db8:0:0:8000::/64", "one bit behind the prefix"],
    ["::ffff:127.0.0.1", "compared with no IPv4 client by sshd"],
    ["!10.0.0.0/8", "no negation in a certificate"],
    ["127.0.0.*", "no patterns"],
  ] as const;
  for (const [text, why] of REFUSED) {
    test(`certificateRanges() refuses ${JSON.stringify(text)}: ${why}`, () => {
      assert.equal(certificateRanges(text), undefined);
    });
  }
});

test("rangesContain() finds no IPv4 address in an IPv6 block", () => {
  assert.equal(rangesContain(["::/0"], "192.0.2.1"), false);
  assert.equal(rangesContain(["::/0"], "::ffff:192.0.2.1"), false);
  assert.equal(rangesContain(["::/0"], "2001:db8::1"), true);
});
