// A browser for tests of the page: Debian's chromium without a window. Owns: finding and starting it, and what a page did wrong.
// Not: the node that serves the page.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const PATH = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Throws with the reason where there is none. */
export function startChromium(more: readonly string[] = []): Promise<Browser> {
  if (!existsSync(PATH)) {
    throw new Error(
      `${PATH} is missing: apt-get install chromium fonts-noto-cjk, or set CHROMIUM to a browser`,
    )
  }
  return chromium.launch({ executablePath: PATH, args: [...ARGUMENTS, ...more] })
}

export interface WatchedPage {
  readonly page: Page
  /** Errors of scripts and violations of the page's policy so far. */
  readonly wrong: readonly string[]
  close(): Promise<void>
}

/** A page in a profile of its own. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(`console: ${message.text()}`)
  })
  return { page, wrong, close: () => context.close() }
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface AxeViolation {
  readonly id: string
  readonly nodes: readonly { readonly html: string }[]
}

/** What axe-core finds wrong, each rule with the elements. */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'))
  const found = await page.evaluate<{ readonly violations: readonly AxeViolation[] }>('axe.run()')
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}
