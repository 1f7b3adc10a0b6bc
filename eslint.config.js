/**
 * How the code is held to docs/style: types, sizes, layers and the places where
 * a dangerous act may happen. Each exception below names its reason.
 */
import tseslint from "typescript-eslint";
import { defineConfig } from "eslint/config";

/** Only packages/ssh may touch ssh2: it must be loaded behind the start-up assertions and the hardening. */
const SSH2 = {
  group: ["ssh2", "ssh2/*"],
  message: "import @teleport-access/ssh: it hardens ssh2 before anybody uses it",
};
/** Only the door of a package is its API. */
const DOORS = {
  group: ["@teleport-access/*/*"],
  message: "import the package's door, @teleport-access/<name>",
};
const ARGON2 = { group: ["@node-rs/argon2"], message: "only proxy/src/signin/password.ts hashes passwords" };
/** Signing for people and hosts each has one legal caller. */
const SIGN = {
  name: "@teleport-access/sshcert",
  importNames: ["issueCertificate"],
  message: "only proxy/src/ca and operator/src/ca sign certificates",
};
const restricted = (patterns, paths) => ["error", { patterns, paths }];

export default defineConfig(
  {
    ignores: ["**/dist/**", "**/dist-ui/**", "**/node_modules/**", ".local/**", "eslint.config.js"],
  },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "func-style": ["error", "declaration", { allowArrowFunctions: false }],
      complexity: ["error", 10],
      "max-depth": ["error", 3],
      "max-params": ["error", 4],
      "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
      "max-lines-per-function": ["error", { max: 60, skipComments: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // `process.env["X"]` is what noPropertyAccessFromIndexSignature asks for.
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      "no-restricted-imports": restricted([SSH2, DOORS, ARGON2], [SIGN]),
      "no-restricted-exports": [
        "error",
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
      ],
      "no-restricted-properties": [
        "error",
        {
          object: "Date",
          property: "now",
          message: "take the clock as an argument (packages/daemon, clock.ts)",
        },
        { object: "process", property: "env", message: "configuration is read in config.ts and main.ts" },
        { object: "process", property: "exit", message: "only main.ts and terminal.ts end the process" },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: "take the clock as an argument",
        },
      ],
    },
  },
  {
    // The edges: where the clock, the environment and the exit code are.
    files: [
      "**/main.ts",
      "**/config.ts",
      "**/terminal.ts",
      "**/probe.ts",
      "packages/daemon/src/**",
      "packages/testkit/src/**",
      "packages/kube/src/connect.ts",
      "proxy/build-ui.ts",
      "hack/**",
      "test/**",
      "bench/**",
      "**/*.test.ts",
    ],
    rules: { "no-restricted-properties": "off", "no-restricted-syntax": "off" },
  },
  {
    files: ["packages/ssh/src/**"],
    rules: { "no-restricted-imports": restricted([DOORS, ARGON2], [SIGN]) },
  },
  {
    files: ["proxy/src/ca/**", "operator/src/ca/**"],
    rules: { "no-restricted-imports": restricted([SSH2, DOORS, ARGON2], []) },
  },
  {
    files: ["proxy/src/signin/password.ts"],
    rules: { "no-restricted-imports": restricted([SSH2, DOORS], [SIGN]) },
  },
  {
    // Programs for people at a terminal print; tests and tools may sign and connect as they need.
    files: [
      "hack/**",
      "test/**",
      "bench/**",
      "packages/testkit/src/**",
      "**/*.test.ts",
      "packages/ssh/src/self-test.ts",
    ],
    rules: {
      "no-console": "off",
      "no-restricted-imports": restricted([DOORS], []),
      "max-lines-per-function": "off",
      // node:test's describe/it/test return promises that the runner owns.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", name: ["test", "it", "describe", "suite"], package: "node:test" },
          ],
        },
      ],
    },
  },
);
