/**
 * The files of ssh2 that this process runs, and what they must be.
 *
 * key-exchange.ts and transport.ts rely on private details of them, so another
 * version is not "probably fine". The native addon is compiled per Node and
 * cannot be pinned; self-test.ts exercises it instead.
 */

export const PINNED_VERSION = "1.17.0";

/** SHA-256 of each file below the package's folder. `sha256sum` of the npm tarball's content gives the same. */
export const PINNED_FILES: Readonly<Record<string, string>> = {
  "lib/protocol/Protocol.js": "c1104b49087de7a91cd3ffaac8807c05eebf49f61effd084d0b0caf29fde6af4",
  "lib/protocol/constants.js": "a3894fdd8e294109b55f06fbda69e467741f15a250801b744b6b0487bbf32529",
  "lib/protocol/crypto.js": "a729d2064e787e2a4589c25a284444fe54a58b7434a4e6e5e8e9c73c6d91e28e",
  "lib/protocol/crypto/poly1305.js": "55a579ed6a30022054fd1dd822b1b49e2fc51bfbdfa933bfe441de8b7e4dce40",
  "lib/protocol/handlers.js": "b15f990134a4f69b7492d0b875d80d8c28228907045619b01ec30871ac711df9",
  "lib/protocol/handlers.misc.js": "8927c504c3c338187f36f0304a3452d6396ec9fc907af3db2be46a5f175c36a1",
  "lib/protocol/kex.js": "054ba4b81801596350f0e2e939746d2966297cffd4303b342c25b2fd5d295755",
  "lib/protocol/keyParser.js": "ba4f40a5a9edef15ff49a38226e2be2e66f75aa2673840dd18b807bb7943eca9",
  "lib/protocol/utils.js": "402b39e75ede9e3dc99af5e8af008602546f35aa1472bd4232c06f606987f053",
  "lib/protocol/zlib.js": "8cd9f4c1825cbc394ddf9cf076a5ba9195ec255db9e904182ae9c25a1036e2d6",
};
