/** For this package's tests: reads a stream to its end and, unlike `for await`, leaves its other direction alone. */
import type { Readable } from "node:stream";

export function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (const event of ["end", "close"]) {
      stream.once(event, () => {
        resolve(Buffer.concat(chunks));
      });
    }
  });
}
