import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, isOwnOrigin, isSafeMethod, originOf } from "./origin.ts";

const WEB = "https://proxy.example.com";

test("isOwnOrigin accepts exactly the proxy's own origin", () => {
  assert.equal(isOwnOrigin("https://proxy.example.com", WEB), true);
  const foreign = [
    undefined,
    "",
    "null",
    "http://proxy.example.com",
    "https://proxy.example.com:8443",
    "https://proxy.example.com.evil.org",
    "https://evil.proxy.example.com",
    "https://example.com",
    "https://proxy.example.com/",
    "https://PROXY.example.com",
    "https://proxy.example.com, https://evil.org",
  ];
  for (const origin of foreign) assert.equal(isOwnOrigin(origin, WEB), false, String(origin));
});

test("originOf and hostOf write an address as browsers and key-helpers do", () => {
  assert.equal(originOf("https://Proxy.Example.com:443"), "https://proxy.example.com");
  assert.equal(hostOf("https://Proxy.Example.com:443"), "proxy.example.com");
  assert.equal(hostOf("https://127.0.0.1:30443"), "127.0.0.1:30443");
  assert.equal(hostOf("https://[2001:DB8::1]:8443"), "[2001:db8::1]:8443");
});

test("isSafeMethod is true for reading only", () => {
  assert.deepEqual(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"].filter(isSafeMethod), [
    "GET",
    "HEAD",
  ]);
});
