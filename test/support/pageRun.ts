// Runs the commands of a page in a shell, and compares what they answer with what the page shows. Owns: the order, what is
// replaced, what may be refused. Not: the shell (pageShell.ts).
import assert from 'node:assert/strict'
import { type Block, commandsOf } from './pageBlocks.ts'
import type { PageShell, Ran } from './pageShell.ts'

/** Longest wait for an answer that a page says to ask for again. */
const AGAIN_MS = 20_000

/** How a page is run: all that differs from what its reader types. */
export interface PageContext {
  /** Placeholders, names and addresses of the page, and what stands for them here. */
  readonly replaced?: readonly (readonly [string | RegExp, string])[]
  /** What commands answer that fail here and would not on the page's path: each failure of a block is one of these. */
  readonly refused?: readonly RegExp[]
  /** What the page shows and the chain of the test does not have. */
  readonly unshown?: readonly string[]
  /** Called before a block runs. */
  readonly before?: (block: Block) => Promise<void>
  /** The block once for each place where the page says to run it, in the place of once. */
  readonly variants?: (text: string) => readonly string[] | undefined
  /** Called with what a block answered. */
  readonly after?: (block: Block, ran: Ran) => Promise<void>
}

export function replaced(text: string, { replaced: pairs = [] }: PageContext): string {
  return pairs.reduce((result, [from, to]) => result.replaceAll(asPattern(from), () => to), text)
}

const asPattern = (from: string | RegExp): RegExp =>
  new RegExp(typeof from === 'string' ? from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : from.source, 'g')

/** What an answer must show: the names of JSON, or the first word of each other line. */
function namesOf(answer: string): readonly string[] {
  const names = [...answer.matchAll(/"(\w+)":/g)].map(([name]) => name.slice(0, -1))
  const words = answer
    .split('\n')
    .filter((line) => !line.includes('":'))
    .flatMap((line) => /^[\w.]+/.exec(line)?.[0] ?? [])
  return [...names, ...words]
}

const missingIn = (answer: string, { stdout, stderr }: Ran): readonly string[] =>
  namesOf(answer).filter((name) => !`${stdout}${stderr}`.includes(name))

/** Asserts that what is shown below a block is what its commands answer; asks once more where the chain takes a moment. */
async function assertAnswered(
  shell: PageShell,
  block: Block,
  { text, ran, unshown = [] }: { text: string; ran: Ran; unshown?: PageContext['unshown'] },
): Promise<void> {
  if (block.answer === undefined) return
  const answer = unshown.reduce((shown, part) => shown.replace(part, ''), block.answer)
  const at = `${block.page}:${block.line}`
  const last = text.trimEnd().split('\n').at(-1)!
  const endMs = performance.now() + AGAIN_MS
  let missing = missingIn(answer, ran)
  let all = ran
  while (missing.length > 0 && performance.now() < endMs) {
    const more = await shell.run(last)
    all = { ...more, stdout: `${ran.stdout}${more.stdout}`, stderr: `${ran.stderr}${more.stderr}` }
    missing = missingIn(answer, all)
    if (missing.length > 0) await new Promise((resolve) => setTimeout(resolve, 200))
  }
  assert.deepEqual(missing, [], `${at} shows what its commands do not print:\n${all.stdout}${all.stderr}`)
}

/** Runs one block of a page, and asserts that it does and answers what the page says. */
export async function runBlock(shell: PageShell, block: Block, context: PageContext = {}): Promise<void> {
  const at = `${block.page}:${block.line}`
  await context.before?.(block)
  for (const variant of context.variants?.(block.text) ?? [block.text]) {
    const text = replaced(variant, context)
    const ran = await shell.run(text)
    const all = `${text}\n${ran.stdout}\n${ran.stderr}`
    const said = (context.refused ?? []).filter((pattern) => pattern.test(`${ran.stdout}${ran.stderr}`))
    // An error that the page shows is an answer.
    const shown = /^Error:/m.test(block.answer ?? '') ? 1 : 0
    assert.equal(ran.failed.length, said.length + shown, `${at}: failed: ${ran.failed.join(', ')}\n${all}`)
    await assertAnswered(shell, block, { text, ran, unshown: context.unshown })
    await context.after?.(block, ran)
  }
}

/** Runs every block of a page, in their order. */
export async function runPage(shell: PageShell, page: string, context: PageContext = {}): Promise<void> {
  const blocks = commandsOf(page)
  assert.ok(blocks.length > 0, `${page} has no commands`)
  for (const block of blocks) await runBlock(shell, block, context)
}

/** The blocks of a page, run one by one when their time has come. */
export class PageSteps {
  readonly #left: Block[]
  readonly #shell: PageShell

  constructor(page: string, shell: PageShell) {
    this.#left = [...commandsOf(page)]
    this.#shell = shell
  }

  /** Runs the first block that has not run and has this text. */
  async run(part: string, context: PageContext = {}): Promise<void> {
    const at = this.#left.findIndex(({ text }) => text.includes(part))
    const [block] = at < 0 ? [] : this.#left.splice(at, 1)
    assert.ok(block !== undefined, `no block has ${part}`)
    await runBlock(this.#shell, block, context)
  }

  /** Blocks that have not run. */
  left(): readonly string[] {
    return this.#left.map(({ text }) => text)
  }
}
