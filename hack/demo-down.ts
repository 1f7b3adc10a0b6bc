/**
 * `make demo-down`: ends what `make demo` left running, the cluster's data and
 * the person's files included. Nothing to end is no mistake.
 */
import { stopKeyHelper } from "@teleport-access/testkit";
import { DEMO_CLUSTER, DEMO_MACHINE, removeDemoFiles } from "./demo-state.ts";
import { kubernetes } from "./product.ts";
import { terminalProgress } from "./progress.ts";

const progress = terminalProgress();
try {
  await progress.step("the key-helper ended", () => stopKeyHelper(DEMO_MACHINE.files));
  await progress.step("the local Kubernetes ended, its data deleted", (now) =>
    kubernetes(DEMO_CLUSTER, ["purge"], now),
  );
  removeDemoFiles();
} catch (error) {
  console.error(`demo-down: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
