/**
 * A reporter for node:test that prints each failure in full and one closing
 * line that people and machines read: "N passed, N failed, N skipped".
 */
import type { TestEvent } from "node:test/reporters";

// eslint-disable-next-line no-restricted-exports -- node:test loads a reporter by its default export
export default async function* summary(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  let passed = 0,
    failed = 0,
    skipped = 0;
  for await (const event of source) {
    if (event.type === "test:pass" && event.data.details.type !== "suite") {
      if (event.data.skip === undefined) passed++;
      else {
        skipped++;
        yield `skipped: ${event.data.name}: ${String(event.data.skip)}\n`;
      }
    }
    if (event.type === "test:fail" && event.data.details.type !== "suite") failed++;
  }
  yield `\n${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}
