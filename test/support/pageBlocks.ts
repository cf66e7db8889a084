// The fenced blocks of the documents, and which of them a test runs. Owns: reading them. Not: running them (pageShell.ts).
//
// ```sh            commands that a test runs, in the order of the page
// ```sh elsewhere  commands that need what no test has: root, another machine, the network, a terminal of their own. Their syntax
//                  and every name in them are checked
// ```              what the commands above it answer
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

export interface Block {
  readonly page: string
  /** Of its first line in the page, from 1. */
  readonly line: number
  /** `sh`, `json`, `ts`, …; '' for an answer. */
  readonly language: string
  /** Only checked, not run. */
  readonly isElsewhere: boolean
  readonly text: string
  /** The answer that the page shows below it, if it shows one. */
  readonly answer?: string
}

const FENCED = /^```([^\n]*)\n([\s\S]*?)^```$/gm

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

/** All blocks of a page, in their order. */
export function blocksOf(page: string): readonly Block[] {
  const text = readPage(page)
  const found = [...text.matchAll(FENCED)]
  return found.map((match, i) => {
    const [whole, info = '', body = ''] = match
    const [language = '', place] = info.trim().split(' ')
    const next = found[i + 1]
    const end = match.index + whole.length
    const isAnswered = next?.[1] === '' && text.slice(end, next.index).trim() === ''
    return {
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      language,
      isElsewhere: place === 'elsewhere',
      text: body,
      ...(isAnswered ? { answer: next[2]! } : {}),
    }
  })
}

/** The blocks of commands that a test runs. */
export const commandsOf = (page: string): readonly Block[] =>
  blocksOf(page).filter(({ language, isElsewhere }) => language === 'sh' && !isElsewhere)

/** Pages for people outside the workshop, as paths from the repository's root; both languages. */
export function userPages(): readonly string[] {
  const pagesIn = (folder: string): readonly string[] =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => posix.join(folder, name))
  return [...pagesIn('.'), ...pagesIn('docs'), ...pagesIn('docs/operations'), ...pagesIn('examples')].sort()
}

export const isTwin = (page: string): boolean => page.endsWith('.zh-Hant.md')
