// Takes the pictures of README.md from a devnet of its own: `npm run screenshots`. Debian's Chromium, or what CHROMIUM names.
// Owns: which views, their size, and the limit on their weight.
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { createDevnet } from '../devnet/devnet.ts'

const FOLDER = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'docs/pictures')
const BYTES_MAX = 300_000
const SIZE = { width: 1_180, height: 760 }

const devnet = await createDevnet({ isInProcess: true, blockTimeMs: 1_000, logLevel: 'silent' })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
  ],
})
try {
  mkdirSync(FOLDER, { recursive: true })
  let bytes = 0
  for (const { name, path, ready, scheme } of [
    { name: 'reserves', path: '/', ready: '.figures', scheme: 'light' },
    {
      name: 'verify',
      path: `/verify?address=${devnet.accounts[0]!.address}`,
      ready: '.verdict-card.proven',
      scheme: 'dark',
    },
  ] as const) {
    const page = await browser.newPage({ viewport: SIZE, colorScheme: scheme, locale: 'en-GB' })
    await page.goto(`${devnet.rpcUrl}${path}`)
    await page.locator(ready).first().waitFor({ timeout: 60_000 })
    await page.locator('.skeleton').first().waitFor({ state: 'detached' })
    if (name === 'verify') await page.locator('.steps').scrollIntoViewIfNeeded()
    const file = join(FOLDER, `${name}.png`)
    await page.screenshot({ path: file })
    bytes += statSync(file).size
    await page.close()
  }
  if (bytes > BYTES_MAX)
    throw new Error(`the pictures have ${bytes} bytes together, ${BYTES_MAX} are allowed`)
  process.stdout.write(`${FOLDER}: ${bytes} bytes\n`)
} finally {
  await browser.close()
  await devnet.close()
}
