/**
 * What tests and the demo share; no program imports it. Other programs and
 * waiting: command, until. A network that fails: relay. The product as its people use it: kubectl, estate
 * (examples/ applied), person (sign-in), key-helper-process, ssh-client,
 * revocation. For unit tests: an API server in memory (fake-api-server, which
 * knows our schemas by crd-schema), and objects to put into it.
 */
export * from "./command.ts";
export { hasSchema, schemaProblems, withDefaults } from "./crd-schema.ts";
export * from "./estate.ts";
export type { FakeFault, FaultMatch, RecordedRequest } from "./fake-answers.ts";
export * from "./fake-api-server.ts";
export { FakeApiError, FakeObjectStore } from "./fake-object-store.ts";
export type { StoredObject } from "./fake-object-store.ts";
export type { FakeStream } from "./fake-stream.ts";
export * from "./key-helper-process.ts";
export * from "./kubectl.ts";
export * from "./openssh.ts";
export * from "./objects.ts";
export * from "./person-machine.ts";
export * from "./person.ts";
export * from "./relay.ts";
export * from "./revocation.ts";
export * from "./security-key-provider.ts";
export * from "./security-key.ts";
export * from "./ssh-client.ts";
export * from "./totp.ts";
export * from "./until.ts";
export * from "./web-client.ts";
