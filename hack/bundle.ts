/**
 * Turns each program into what its image carries as /app: one ES module made
 * by esbuild from the TypeScript sources, and beside it the few packages that
 * cannot be inside it (native code, and ssh2, whose files the start-up check
 * must find unchanged). Same sources, same bytes.
 *
 *   node hack/bundle.ts [program...]      into .local/bundle/<program>/
 *
 * What goes into which image is image-spec.ts; how an image is packed, images.ts.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { buildUi } from "../proxy/build-ui.ts";

export const ROOT: string = join(import.meta.dirname, "..");

/** Where a program's bundle is, once built. */
export function bundlePath(program: Program): string {
  return join(ROOT, ".local/bundle", program);
}

export type Program = "operator" | "proxy" | "cluster-agent" | "keyhelper";

interface Bundle {
  /** Output file name -> source file. */
  readonly entries: Readonly<Record<string, string>>;
  readonly target: string;
  /** Packages left out of the bundle and copied beside it, with the packages these need. */
  readonly external: readonly string[];
  /** First line of the output, before everything else. */
  readonly shebang?: string;
}

const NODE = "node24";

export const PROGRAMS: Readonly<Record<Program, Bundle>> = {
  operator: { entries: { "main.js": "operator/src/main.ts" }, target: NODE, external: [] },
  proxy: {
    entries: { "main.js": "proxy/src/main.ts" },
    target: NODE,
    external: ["ssh2", "@node-rs/argon2"],
  },
  "cluster-agent": {
    entries: { "main.js": "cluster-agent/src/main.ts", "probe.js": "cluster-agent/src/probe.ts" },
    target: NODE,
    external: ["ssh2"],
  },
  // One file that runs wherever a person has Node 20 or newer.
  keyhelper: {
    entries: { "teleport-key-helper.mjs": "keyhelper/src/main.ts" },
    target: "node20",
    external: [],
    shebang: "#!/usr/bin/env node",
  },
};

/** Where the proxy looks for the browser's files, beside its main.js. */
const UI_FOLDER = "ui";

/** CommonJS packages inside an ES module still call require() for Node's own modules. */
const REQUIRE =
  'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);';

/** Left behind by node-gyp, or read by nobody at run time. */
const NOT_SHIPPED =
  /(^|\/)(\.deps|obj\.target|crypto\/src|examples|test|util|docs|\.[a-z]+)(\/|$)|\.(d\.ts|o|mk|md|gypi?|map)$|(Makefile|Jenkinsfile)$/;

function version(): string {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  return manifest.version;
}

interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Only building ssh2 needs them. */
const BUILD_ONLY: readonly string[] = ["cpu-features", "nan"];

function requirementsOf(manifest: string): { name: string; required: boolean }[] {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(manifest, "utf8"),
  ) as PackageManifest;
  const optional = Object.keys(optionalDependencies);
  const required = Object.keys(dependencies).filter((name) => !optional.includes(name));
  return [
    ...optional.map((name) => ({ name, required: false })),
    ...required.map((name) => ({ name, required: true })),
  ];
}

/**
 * The package, what it requires, and the native packages of this machine that
 * npm installed for it. An optional package that is not there stays out.
 */
export function packageClosure(name: string, modules: string): readonly string[] {
  const found = new Set<string>();
  const open = [{ name, required: true }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next.name) || BUILD_ONLY.includes(next.name)) continue;
    const manifest = join(modules, next.name, "package.json");
    if (!existsSync(manifest)) {
      if (next.required)
        throw new Error(`bundle: package ${next.name} is not installed: run hack/install-dependencies.sh`);
      continue;
    }
    found.add(next.name);
    open.push(...requirementsOf(manifest));
  }
  return [...found].sort();
}

function copyPackages(names: readonly string[], out: string): void {
  const modules = join(ROOT, "node_modules");
  for (const name of new Set(names.flatMap((n) => packageClosure(n, modules)))) {
    const from = realpathSync(join(modules, name));
    cpSync(from, join(out, "node_modules", name), {
      recursive: true,
      filter: (path) => !NOT_SHIPPED.test(path.slice(from.length)),
    });
  }
}

/** Builds one program's folder aside and moves it into place, so that a killed build leaves no half of one. */
export async function bundle(program: Program): Promise<string> {
  const { entries, target, external, shebang } = PROGRAMS[program];
  const out = bundlePath(program);
  const aside = `${out}.new`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(entries).map(([name, from]) => ({
      in: from,
      out: name.replace(/\.m?js$/, ""),
    })),
    outdir: aside,
    outExtension: { ".js": Object.keys(entries)[0]?.endsWith(".mjs") === true ? ".mjs" : ".js" },
    bundle: true,
    platform: "node",
    format: "esm",
    target,
    conditions: ["source"],
    external: [...external],
    define: { "process.env.NODE_ENV": '"production"' },
    banner: { js: shebang === undefined ? REQUIRE : `${shebang}\n${REQUIRE}` },
    legalComments: "eof",
    logLevel: "warning",
  });
  if (shebang === undefined) {
    const manifest = {
      name: `teleport-access-${program}`,
      version: version(),
      private: true,
      type: "module",
    };
    writeFileSync(join(aside, "package.json"), `${JSON.stringify(manifest)}\n`);
  } else {
    for (const name of Object.keys(entries)) chmodSync(join(aside, name), 0o755);
  }
  copyPackages(external, aside);
  if (program === "proxy") await buildUi(join(aside, UI_FOLDER));
  rmSync(out, { recursive: true, force: true });
  mkdirSync(dirname(out), { recursive: true });
  renameSync(aside, out);
  return out;
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in PROGRAMS));
  if (unknown !== undefined) {
    console.error(`bundle: unknown program "${unknown}": use ${Object.keys(PROGRAMS).join(", ")}`);
    process.exit(2);
  }
  const programs = (wanted.length > 0 ? wanted : Object.keys(PROGRAMS)) as Program[];
  for (const program of programs) {
    const from = performance.now();
    const out = await bundle(program);
    console.log(`bundle: ${out.slice(ROOT.length + 1)} ${((performance.now() - from) / 1000).toFixed(1)} s`);
  }
}
