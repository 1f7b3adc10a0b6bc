import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubeError } from "./errors.ts";
import { apiVersionOf, customResource, describePlace, pathOf, RESOURCES } from "./resources.ts";

const CASES = [
  {
    name: "a core object",
    path: pathOf(RESOURCES.secrets, { namespace: "acme", name: "a" }),
    want: "/api/v1/namespaces/acme/secrets/a",
  },
  {
    name: "one of ours",
    path: pathOf(customResource("useraccesses"), { namespace: "acme", name: "a" }),
    want: "/apis/teleport-access.io/v1alpha1/namespaces/acme/useraccesses/a",
  },
  {
    name: "a status",
    path: pathOf(customResource("proxyusers"), { namespace: "acme", name: "a", subresource: "status" }),
    want: "/apis/teleport-access.io/v1alpha1/namespaces/acme/proxyusers/a/status",
  },
  {
    name: "a list of one namespace",
    path: pathOf(RESOURCES.deployments, { namespace: "acme" }),
    want: "/apis/apps/v1/namespaces/acme/deployments",
  },
  { name: "a list of all namespaces", path: pathOf(RESOURCES.pods, {}), want: "/api/v1/pods" },
  {
    name: "an object without a namespace",
    path: pathOf(RESOURCES.namespaces, { namespace: "ignored", name: "acme" }),
    want: "/api/v1/namespaces/acme",
  },
  {
    name: "a name with a slash",
    path: pathOf(RESOURCES.secrets, { namespace: "acme", name: "a/b" }),
    want: "/api/v1/namespaces/acme/secrets/a%2Fb",
  },
];

describe("pathOf", () => {
  for (const { name, path, want } of CASES) {
    test(`pathOf leads to ${name}`, () => {
      assert.equal(path, want);
    });
  }

  for (const name of ["", ".", ".."]) {
    test(`pathOf refuses the name ${JSON.stringify(name)}`, () => {
      assert.throws(() => pathOf(RESOURCES.secrets, { namespace: "acme", name }), KubeError);
      assert.throws(() => pathOf(RESOURCES.secrets, { namespace: name }), KubeError);
    });
  }
});

describe("customResource", () => {
  test("customResource knows kind and apiVersion of a plural", () => {
    const ref = customResource("trustedhostcas");
    assert.equal(ref.kind, "TrustedHostCA");
    assert.equal(apiVersionOf(ref), "teleport-access.io/v1alpha1");
    assert.equal(apiVersionOf(RESOURCES.secrets), "v1");
  });

  test("describePlace is what people call it", () => {
    assert.equal(describePlace(RESOURCES.secrets, { namespace: "acme", name: "a" }), "secrets acme/a");
    assert.equal(describePlace(RESOURCES.secrets, {}), "secrets");
    const status = { namespace: "acme", name: "a", subresource: "status" };
    assert.equal(describePlace(customResource("proxyusers"), status), "proxyusers/status acme/a");
  });
});
