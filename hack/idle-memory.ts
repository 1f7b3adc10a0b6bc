/**
 * Resident memory of the product's processes, asked from inside their
 * containers: the images have no shell, but Node.
 */
import type { Kubectl } from "@teleport-access/testkit";

const READ_STATUS = "console.log(/VmRSS:\\s+(\\d+)/.exec(fs.readFileSync('/proc/1/status','utf8'))[1])";

export interface ProcessMemory {
  readonly program: string;
  readonly mebibytes: number;
  readonly barMebibytes: number;
}

const PROGRAMS = [
  { program: "operator", namespace: "teleport-access", barMebibytes: 130 },
  { program: "proxy", namespace: "acme", barMebibytes: 120 },
  { program: "cluster-agent", namespace: "prod", barMebibytes: 90 },
] as const;

/** VmRSS of process 1 of each program's busiest pod. */
export async function idleMemory(kubectl: Kubectl): Promise<readonly ProcessMemory[]> {
  const found: ProcessMemory[] = [];
  for (const { program, namespace, barMebibytes } of PROGRAMS) {
    const pods = [
      "-n",
      namespace,
      "get",
      "pods",
      "-l",
      `app.kubernetes.io/component=${program}`,
      "-o",
      "name",
    ];
    let most = 0;
    for (const pod of (await kubectl.run(pods)).trim().split("\n")) {
      const command = ["/usr/bin/node", "-e", READ_STATUS];
      const kibibytes = Number(await kubectl.run(["-n", namespace, "exec", pod, "--", ...command]));
      most = Math.max(most, kibibytes / 1024);
    }
    found.push({ program, mebibytes: most, barMebibytes });
  }
  return found;
}
