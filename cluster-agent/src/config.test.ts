import assert from "node:assert/strict";
import { test } from "node:test";

import { readEnvironment } from "./config.ts";

test("readEnvironment finds everything below one folder", () => {
  const env = {
    POD_NAME: "prod-agent-1",
    POD_NAMESPACE: "servers",
    CONFIG_DIR: "/c",
    AGENT_CONFIG_MAP: "prod-agent-config",
    AGENT_REPORT_CONFIG_MAP: "",
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
  };
  assert.deepEqual(readEnvironment(env), {
    podName: "prod-agent-1",
    namespace: "servers",
    configFile: "/c/config/config.json",
    hostFolder: "/c/host",
    runFolder: "/run/teleport-access",
    configMap: "prod-agent-config",
    reportConfigMap: undefined,
    apiServerHost: "10.96.0.1",
  });
});

test("readEnvironment names the variable that is missing", () => {
  assert.throws(() => readEnvironment({ POD_NAME: "x", POD_NAMESPACE: "" }), {
    code: "CONFIG_MISSING",
    message: "environment variable POD_NAMESPACE is not set",
  });
});
