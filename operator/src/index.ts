/** The operator is a program (main.ts): it has no API for other packages. */
export {};
