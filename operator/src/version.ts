/**
 * The version that the operator writes into labels and status. A constant, so
 * that the bundle needs no file beside it; version.test.ts holds it to package.json.
 */
export const OPERATOR_VERSION = "0.1.0";
