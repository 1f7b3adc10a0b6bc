/**
 * kubectl, as a platform engineer uses it. What the demo and the tests do to a
 * cluster goes through here, so that it can be repeated by hand.
 */
import {
  commandOutput,
  holdCommand,
  runCommand,
  type CommandResult,
  type RunningCommand,
} from "./command.ts";

export interface Kubectl {
  readonly kubeconfig: string;
  /** Runs kubectl to its end and gives stdout; a failure is an exception with what kubectl said. */
  run(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** The same, but a failure is a result. */
  attempt(args: readonly string[], options?: KubectlOptions): Promise<CommandResult>;
  hold(args: readonly string[]): RunningCommand;
  apply(yaml: string): Promise<void>;
  /** One field by jsonpath; empty when it is not there. */
  field(namespace: string, object: string, jsonpath: string): Promise<string>;
  /** A Secret's or ConfigMap's value, decoded. */
  secretValue(namespace: string, name: string, key: string): Promise<string>;
  wait(namespace: string, object: string, condition: string, seconds: number): Promise<void>;
}

export interface KubectlOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** kubectl with a kubeconfig of its own; the user's is never read. */
export function createKubectl(kubeconfig: string, binary: string): Kubectl {
  const env = { KUBECONFIG: kubeconfig };
  async function run(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    return await commandOutput(binary, args, { env, ...options });
  }
  async function field(namespace: string, object: string, jsonpath: string): Promise<string> {
    return await run(["-n", namespace, "get", object, "-o", `jsonpath=${jsonpath}`]);
  }
  return {
    kubeconfig,
    run,
    field,
    attempt: (args, options = {}) => runCommand(binary, args, { env, ...options }),
    hold: (args) => holdCommand(binary, args, { env }),
    async apply(yaml) {
      await run(["apply", "-f", "-"], { input: yaml });
    },
    async secretValue(namespace, name, key) {
      const path = `{.data.${key.replaceAll(".", "\\.")}}`;
      return Buffer.from(await field(namespace, `secret/${name}`, path), "base64").toString("utf8");
    },
    async wait(namespace, object, condition, seconds) {
      const args = ["-n", namespace, "wait", `--for=${condition}`, object, `--timeout=${seconds}s`];
      await run(args, { timeoutMs: (seconds + 10) * 1000 });
    },
  };
}
