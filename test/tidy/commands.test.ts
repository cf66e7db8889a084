// What the pages tell their readers to type exists: syntax, commands and their options, JSON-RPC methods, figures, settings.
// Not here: that the commands do what the page says (test/e2e/pages.test.ts, test/e2e/membership.test.ts).
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { Command, type Option } from 'commander'
import { parseChecksumAddress } from '../../base/address.ts'
import { COMMANDS } from '../../cli/commandList.ts'
import { DEFAULT_CONFIG, parseConfig } from '../../node/config.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { type Block, blocksOf, isTwin, userPages } from '../support/pageBlocks.ts'
import { ROOMS, read, SIDE_ROOMS, sources } from './sources.ts'

const PAGES = userPages()
const FENCED = /^```[^\n]*\n[\s\S]*?^```$/gm
const LANGUAGES = ['', 'sh', 'json', 'ts', 'js', 'python', 'ini', 'yaml'] as const
const isCommand = (line: string): boolean =>
  /^(?:\$ )?(?:suanli|promtool|npm|npx|node dist|curl|cast|sudo|systemctl|docker|export|git|cp|mv|tar) /.test(
    line,
  )

/** Names of others that the pages mention. */
const FOREIGN: ReadonlySet<string> = new Set([
  ...['eth_getProof', 'moduleResolution', 'NODE_OPTIONS', 'localStorage', 'node_modules', 'journald', 'conf'],
  'MemoryDenyWriteExecute',
])

const codeSpans = (page: string): readonly string[] =>
  [
    ...read(page)
      .replace(FENCED, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, span]) => span!)

const commandBlocks = (page: string): readonly Block[] =>
  blocksOf(page).filter(({ language }) => language === 'sh')

/** A text that someone types, with what follows `suanli` in words. */
interface Typed {
  readonly at: string
  readonly words: readonly string[]
}

/** Where a shell begins a command: a program's name elsewhere in a line is an argument. */
const BEGIN = String.raw`(?:^|[(;&|])[ \t]*(?:[A-Z_]+=\S+ |docker compose exec \w+ )*`
const PROGRAM = String.raw`(?:(?:npx )?suanli|node dist/node/main\.js|npm run (devnet|suanli) --)`
const TYPED = new RegExp(String.raw`${BEGIN}${PROGRAM}[ \t]+([^|;&)\n]+)`, 'gm')

function typedIn(text: string, at: string): readonly Typed[] {
  const joined = text.replaceAll('\\\n', ' ').replace(/(?:^|\s)#\s.*$/gm, '')
  return [...joined.matchAll(TYPED)].map(([, script, rest]) => {
    const words = [...rest!.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) => word)
    return { at, words: script === 'devnet' ? ['devnet', ...words] : words }
  })
}

const typedOn = (page: string): readonly Typed[] => [
  ...commandBlocks(page).flatMap(({ text, line }) => typedIn(text, `${page}:${line}`)),
  ...codeSpans(page).flatMap((span) => typedIn(span, page)),
]

async function commandTree(): Promise<Command> {
  const root = new Command('suanli')
  for (const { load } of Object.values(COMMANDS)) (await load())(root, () => {})
  return root
}

const childOf = (command: Command, name: string): Command | undefined =>
  command.commands.find((child) => child.name() === name)

/** The command that runs where none is named. */
const defaultOf = (command: Command): Command | undefined => {
  const { _defaultCommandName: name } = command as unknown as { readonly _defaultCommandName?: string | null }
  return name === undefined || name === null ? undefined : childOf(command, name)
}

function optionOf(command: Command, word: string): Option | undefined {
  const [name] = word.split('=')
  return command.options.find(({ long, short }) => long === name || short === name)
}

/** What of these words the command line does not know; undefined when it knows all. */
function complaint(root: Command, { at, words }: Typed): string | undefined {
  let command = root
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.replace(/[,.:]$/, '')
    if (word.startsWith('-') && /^--?[a-z]/.test(word)) {
      if (['--help', '--json', '--version'].includes(word)) continue
      const fallback = defaultOf(command)
      const option = optionOf(command, word) ?? (fallback && optionOf(fallback, word))
      if (option === undefined) return `${at}: ${command.name()} has no ${word}`
      if ((option.required || option.optional) && !word.includes('=')) i++
      continue
    }
    const child = childOf(command, word)
    const isName = /^[a-z][a-z-]*$/.test(word)
    if (child !== undefined) command = child
    else if (isName && command.commands.length > 0 && command.registeredArguments.length === 0)
      return `${at}: ${command.name()} has no command ${word}`
  }
  return undefined
}

/** All words of the program, of its tests, and of what is packaged with it. */
function sourceWords(): ReadonlySet<string> {
  const files = [
    ...[...ROOMS, ...SIDE_ROOMS, 'abi'].flatMap(sources),
    ...['package.json', 'Dockerfile', 'docs/monitoring/alerts.yml', 'docs/operations/container/compose.yml'],
    ...['suanli.service', 'suanli-signer.service'].map((unit) => `docs/operations/systemd/${unit}`),
  ]
  return new Set(files.flatMap((file) => read(file).match(/[A-Za-z_]\w*/g) ?? []))
}

/** Whether a name of JSON-RPC, of a module, of a record, of a figure or of a setting exists. */
function exists(name: string, words: ReadonlySet<string>): boolean {
  // Columns of exports are fields, in snake case.
  const field = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  if ([name, field].some((word) => words.has(word)) || FOREIGN.has(name)) return true
  const [module = '', ...rest] = name.split('_')
  const schema = MODULE_SCHEMAS.find((each) => each.name === module)
  if (schema !== undefined && rest.length > 0) return Object.hasOwn(schema.queries, rest.join('_'))
  return words.has(name.replace(/_(?:bucket|sum|count)$/, ''))
}

/** Names in code font that are no plain word: with a capital or an underscore inside, or of two parts. */
function namesOn(page: string): readonly string[] {
  const inBlocks = commandBlocks(page).flatMap(({ text }) => text.match(/\b(?:[a-z]+_[a-z]\w*)\b/g) ?? [])
  const spans = codeSpans(page)
    .map((span) => span.replace(/\(.*\)$/, '').replace(/\[\]/g, ''))
    .filter((span) => /^[A-Za-z][\w.]*$/.test(span) && /.[A-Z_.]/.test(span))
    .filter(
      (span) =>
        !/\.(?:json|md|ts|js|log|key|tmp|sh|hex|txt|yml|damaged|cache|sock|fresh|checked|pem|service)$/.test(
          span,
        ),
    )
    .flatMap((span) => span.split('.').filter((part) => /^[A-Za-z]\w*[A-Za-z0-9]$/.test(part)))
  return [...inBlocks, ...spans]
}

/** Messages that the program puts together from parts which are no words of their own. */
const COMPOSED: readonly RegExp[] = [
  /suanli keys show prints as/,
  /^(?:chain|signer|database|state|execution|certificate|journal)\b/,
  /voted to finalize view/,
  /of n at least/,
  /clock of this machine is behind|ahead of those of the other/,
  /permission denied: it belongs/,
  /has no config.json: run/,
]

/** Sentences in code font: what the program logs or prints. What it fills in, a page writes as `…`, N, or an example. */
function messagesOn(page: string): readonly string[] {
  return codeSpans(page)
    .map((span) => span.replace(/^(?:ok|note|BAD) +/, ''))
    .filter(
      (span) =>
        span.trim().split(/\s+/).length > 3 && !/^(?:[{"'<]|\w+_\w+ |[a-z]+ .* -{1,2}[a-z])/.test(span),
    )
    .filter((span) => !isCommand(`${span} `) && !COMPOSED.some((pattern) => pattern.test(span)))
    .flatMap((span) => span.split(/…|\b[NM]\b|\d+|0x|[()=]/))
    .map((piece) => piece.replace(/^[ :;,.]+|[ :;,.]+$/g, ''))
    .filter((piece) => piece.split(/\s+/).length > 2)
}

describe('tidy.commands', () => {
  it('finds pages in both languages, and their commands', () => {
    assert.ok(PAGES.includes('docs/operations/keys.md') && PAGES.some(isTwin))
    const blocks = PAGES.flatMap(commandBlocks)
    assert.ok(blocks.length > 60, `${blocks.length} blocks`)
    assert.ok(blocks.filter(({ isElsewhere }) => isElsewhere).length < blocks.length / 2)
  })

  it('each block says what it is, and commands are never hidden in an answer', () => {
    const blocks = PAGES.flatMap(blocksOf)
    const unknown = blocks.filter(({ language }) => !(LANGUAGES as readonly string[]).includes(language))
    assert.deepEqual(
      unknown.map(({ page, line }) => `${page}:${line}`),
      [],
    )
    const hidden = blocks.filter(
      ({ language, text }) => language === '' && text.split('\n').some((line) => isCommand(line)),
    )
    assert.deepEqual(
      hidden.map(({ page, line }) => `${page}:${line}`),
      [],
    )
  })

  it('a shell can read every command', () => {
    const texts = new Map(PAGES.flatMap(commandBlocks).map((block) => [block.text, block]))
    const wrong = [...texts.values()].flatMap(({ page, line, text }) => {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' })
      return status === 0 && stderr === '' ? [] : [`${page}:${line}: ${stderr}`]
    })
    assert.deepEqual(wrong, [])
  })

  it('the command line has every command and option that is shown', async () => {
    const root = await commandTree()
    const typed = PAGES.flatMap(typedOn)
    assert.ok(typed.length > 200, `${typed.length} found`)
    const wrong = typed.flatMap((each) => complaint(root, each) ?? [])
    assert.deepEqual(wrong, [])
  })

  it('some command has every option that is named alone', async () => {
    // Node's own.
    const known = new Set<string>(['--help', '--version', '--perf-basic-prof'])
    const collect = (command: Command): void => {
      for (const { long } of command.options) if (long) known.add(long)
      command.commands.forEach(collect)
    }
    collect(await commandTree())
    // Of the workshop's own programs, which read them by name.
    const tools = SIDE_ROOMS.flatMap(sources).map(read).join('\n')
    const wrong = PAGES.flatMap((page) =>
      codeSpans(page)
        .flatMap((span) => span.match(/^--[a-z][a-z-]*/) ?? [])
        .filter((name) => !known.has(name) && !tools.includes(name))
        .map((name) => `${page}: ${name}`),
    )
    assert.deepEqual([...new Set(wrong)], [])
  })

  it('methods, queries, figures, rules and settings in code font exist', () => {
    const words = sourceWords()
    const wrong = PAGES.flatMap((page) =>
      namesOn(page)
        .filter((name) => !exists(name, words))
        .map((name) => `${page}: ${name}`),
    )
    assert.deepEqual([...new Set(wrong)], [])
  })

  it('addresses are written with their checksum: the commands take no other', () => {
    const found = PAGES.flatMap((page) =>
      [...read(page).matchAll(/(?<![0-9a-fA-F])0x[0-9a-fA-F]{40}(?![0-9a-fA-F])/g)].map(([text]) => ({
        page,
        text,
      })),
    )
    assert.ok(found.length > 10, `${found.length}`)
    const wrong = found.filter(({ text }) => parseChecksumAddress(text) === undefined)
    assert.deepEqual(wrong, [])
  })

  it('lines of the log and messages are those of the program', () => {
    // As one text: a message may be joined from several lines of code.
    const joined = ROOMS.flatMap(sources)
      .map(read)
      .join('\n')
      .replace(/['"`]\s*\+\s*['"`]/g, '')
      .replace(/\\(['`])/g, '$1')
    const pages = PAGES.filter((page) => /^docs\/(?:operat|errors|genesis)/.test(page))
    const found = pages.flatMap((page) => messagesOn(page).map((piece) => ({ page, piece })))
    assert.ok(found.length > 100, `${found.length}`)
    const wrong = found.filter(({ piece }) => !joined.includes(piece))
    assert.deepEqual(
      wrong.map(({ page, piece }) => `${page}: ${piece}`),
      [],
    )
  })

  it("an operator's settings can be used as shown, and every setting is explained", () => {
    const pages = PAGES.filter((page) => /^docs\/operat/.test(page))
    const blocks = pages
      .flatMap(blocksOf)
      .filter(({ language, text }) => language === 'json' && text.startsWith('"'))
    assert.ok(blocks.length >= 5, `${blocks.length}`)
    for (const { page, line, text } of blocks) {
      const whole = text.replaceAll('0x…', `0x${'ab'.repeat(48)}`)
      assert.doesNotThrow(() => parseConfig(JSON.parse(`{${whole}}`)), `${page}:${line}`)
    }
    const page = read('docs/operators.md')
    const all = `${page}${read('docs/operations/membership.md')}`
    assert.deepEqual(
      Object.keys(DEFAULT_CONFIG).filter(
        (name) => !all.includes(`\`${name}\``) && !all.includes(`"${name}"`),
      ),
      [],
    )
  })
})
