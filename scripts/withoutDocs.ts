// A definition's sentences are for the command line and the OpenRPC document; a page shows none of them.

/** The text of a module, TypeScript or compiled, with every `doc` empty. Sentences that are put together from parts stay. */
export function withoutDocs(text: string): string {
  return text.replace(/\bdoc:\s*(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`$]*`)/g, "doc: ''")
}
