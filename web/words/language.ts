// The language in use: the reader's choice, else the browser's. Owns: the choice and who is told of it. Not: words, formats.
import { type Catalogue, LANGUAGES, type Language } from './catalogue.ts'

const KEY = 'suanli.language'
const listeners = new Set<() => void>()

function chosen(): Language | undefined {
  const kept = localStorage.getItem(KEY)
  return LANGUAGES.find((one) => one === kept)
}

function ofBrowser(): Language {
  for (const tag of navigator.languages) {
    if (/^zh\b/i.test(tag)) return 'zh-Hant'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}

let current: Language = chosen() ?? ofBrowser()
document.documentElement.lang = current

export function language(): Language {
  return current
}

export function setLanguage(next: Language): void {
  current = next
  localStorage.setItem(KEY, next)
  document.documentElement.lang = next
  for (const listener of listeners) listener()
}

/** Returns what ends it. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** The words of a catalogue in the language in use: ask at each rendering. */
export function words<T>(of: Catalogue<T>): Catalogue<T>[Language] {
  return of[current]
}
