// Text of others on a terminal. Owns: what is shown in the place of characters that a terminal would obey, or hide.

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Control, format and unassigned characters by their numbers: a node, a peer and a member choose words that are shown here. */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
