// What the page says, in each language. Owns: the form of a catalogue; a missing or superfluous entry does not compile.
// Not: which language is in use (language.ts), the words of a view (in its own folder).

export const LANGUAGES = ['en', 'zh-Hant'] as const
export type Language = (typeof LANGUAGES)[number]

/** Texts, texts made from values, and groups of them. */
export interface Entries {
  // biome-ignore lint/suspicious/noExplicitAny: the values of a text are typed where it is written
  readonly [name: string]: string | ((...values: any[]) => string) | Entries
}

/** The same entries in another language. */
type Same<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...values: infer V) => string
      ? (...values: V) => string
      : Same<T[K]>
}

export type Catalogue<T> = { readonly [L in Language]: Same<T> }

export function catalogue<T extends Entries>(en: T, zhHant: Same<T>): Catalogue<T> {
  return { en: en as unknown as Same<T>, 'zh-Hant': zhHant }
}
