// Everything that comments and documents point to exists: files, folders, links, anchors, npm scripts.
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ALL_ROOMS, ROOT, read, sources } from './sources.ts'

/** Documents of this repository, as paths from its root. */
function documents(): readonly string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  const below = ['docs', ...ALL_ROOMS].flatMap((folder) =>
    existsSync(join(ROOT, folder))
      ? readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.md'))
          .map((name) => posix.join(folder, name))
      : [],
  )
  return [...top, ...below]
}

/** Only the comments, on their original lines. */
function comments(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ')
  let result = ''
  let end = 0
  for (const match of text.matchAll(/\/\*[\s\S]*?\*\/|(?<=^|[\s;,{}()])\/\/.*$/gm)) {
    result += blank(text.slice(end, match.index)) + match[0]
    end = match.index + match[0].length
  }
  return result + blank(text.slice(end))
}

const exists = (path: string): boolean => existsSync(join(ROOT, path))

/** Resolves a pointer in a comment relative to the file's folder, its room, or the root. */
function resolves(from: string, pointer: string): boolean {
  const places = [posix.dirname(from), from.split('/')[0]!, '.']
  return places.some((place) => exists(posix.join(place, pointer)))
}

const SOURCE_POINTER = /(?<![\w./@*-])((?:[\w-]+\/)*[\w-]+(?:\.test)?\.(?:ts|md|qnt))(?![\w-])/g
const FOLDER_POINTER = /\(((?:[a-z][\w-]*\/)+)\)/g

function deadPointers(file: string, text: string): readonly string[] {
  const dead: string[] = []
  text.split('\n').forEach((line, i) => {
    for (const pattern of [SOURCE_POINTER, FOLDER_POINTER]) {
      for (const [, pointer] of line.matchAll(pattern)) {
        if (!resolves(file, pointer!)) dead.push(`${file}:${i + 1}: ${pointer}`)
      }
    }
  })
  return dead
}

/** GitHub's anchor for a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function anchors(file: string): ReadonlySet<string> {
  return new Set([...read(file).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!)))
}

describe('tidy.pointers', () => {
  it('comments point to files and folders that exist', () => {
    const dead = ALL_ROOMS.flatMap(sources).flatMap((file) => deadPointers(file, comments(read(file))))
    assert.deepEqual(dead, [])
  })

  it('documents link to files and headings that exist', () => {
    const dead: string[] = []
    for (const file of documents()) {
      for (const [, link] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link!)) continue
        const [path, anchor] = link!.split('#') as [string, string | undefined]
        const target = path === '' ? file : posix.join(posix.dirname(file), path)
        if (!exists(target)) dead.push(`${file}: ${link}`)
        else if (anchor !== undefined && !anchors(target).has(anchor)) dead.push(`${file}: ${link}`)
      }
    }
    assert.deepEqual(dead, [])
  })

  it('documents link to well-formed addresses elsewhere, over TLS', () => {
    const wrong = documents().flatMap((file) =>
      [...read(file).matchAll(/\]\(([a-z]+:[^)]*)\)/g)]
        .map(([, link]) => link!)
        .filter((link) => !URL.canParse(link) || !/^https:\/\/[a-z0-9.-]+\.[a-z]+(?:[/?#]\S*)?$/.test(link))
        .map((link) => `${file}: ${link}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('documents name files and folders of the repository that exist', () => {
    const rooms = [...ALL_ROOMS, 'docs', 'abi'].join('|')
    const pattern = new RegExp(`\`((?:${rooms})/[\\w./-]*)\``, 'g')
    const dead = documents().flatMap((file) =>
      [...read(file).matchAll(pattern)]
        .map((match) => match[1]!)
        // Operators' pages mention data directories, with their own folders and key files.
        .filter((path) => !file.startsWith('docs/operations/') || /\.(ts|md|qnt|csv)$/.test(path))
        .filter((path) => !exists(path) && !exists(`${path}.ts`))
        .map((path) => `${file}: ${path}`),
    )
    assert.deepEqual(dead, [])
  })

  it('documents and comments name npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
    const files = [...documents(), ...ALL_ROOMS.flatMap(sources)]
    const dead = files.flatMap((file) =>
      [...read(file).matchAll(/npm run ([a-z](?:[a-z:-]*[a-z])?)/g)]
        .filter(([, name]) => scripts[name!] === undefined)
        .map(([, name]) => `${file}: npm run ${name}`),
    )
    assert.deepEqual(dead, [])
  })

  it('npm scripts run files compiled from an existing source', () => {
    const { scripts, bin } = JSON.parse(read('package.json')) as {
      scripts: Readonly<Record<string, string>>
      bin: Readonly<Record<string, string>>
    }
    const commands = [...Object.values(scripts), ...Object.values(bin)]
    const dead = commands
      .flatMap((command) => [...command.matchAll(/dist\/([\w/]+)\.js/g)].map((match) => `${match[1]}.ts`))
      .filter((file) => !exists(file) || !statSync(join(ROOT, file)).isFile())
    assert.deepEqual(dead, [])
  })
})
