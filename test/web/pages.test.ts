// Every address in both languages: no complaint of the browser, nothing wider than the screen, no violation that axe knows.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { axeViolations } from '../support/chromium.ts'
import { type Stage, show, stage, visit } from './harness.ts'

/** Script of the first view, compressed. */
const FIRST_VIEW_BYTES_MAX = 120_000

describe('web.pages', function () {
  this.timeout(120_000)
  let at: Stage
  before(async () => {
    at = await stage()
  })

  const addresses = (): readonly string[] => [
    '/',
    '/verify',
    '/explorer',
    '/explorer/block/1',
    `/explorer/tx/${at.transfer}`,
    `/explorer/account/${at.holder}`,
    '/explorer/redemption/1',
    '/explorer/provider/1',
    '/explorer/providers',
    '/explorer/classes',
    '/explorer/class/20',
    '/explorer/series',
    '/explorer/proposals',
    '/explorer/proposal/9',
    '/explorer/nothing',
    '/operator',
    '/console',
    '/console/chain_series',
  ]

  for (const { language, scheme, width } of [
    { language: 'en', scheme: 'light', width: 1_280 },
    { language: 'zh-Hant', scheme: 'dark', width: 360 },
  ] as const) {
    it(`shows every address in ${language}, ${scheme}, ${width} px wide`, async () => {
      const { page, complaints, close } = await visit({ language, scheme, width })
      const wrong: string[] = []
      for (const address of addresses()) {
        await show(page, `${at.devnet.rpcUrl}${address}`)
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
        if (wide > 0) wrong.push(`${address} is ${wide} px too wide`)
        assert.equal(await page.evaluate('document.documentElement.lang'), language)
        wrong.push(...(await axeViolations(page)).map((violation) => `${address}: ${violation}`))
      }
      await close()
      assert.deepEqual(wrong, [])
      assert.deepEqual(complaints, [])
    })
  }

  it('changes language and theme at once, keeps both, and goes from view to view by keyboard', async () => {
    const { page, complaints, close } = await visit()
    await show(page, `${at.devnet.rpcUrl}/`)
    await page.getByRole('combobox', { name: 'Language' }).selectOption('zh-Hant')
    await page.getByRole('heading', { name: /我的幣有支持嗎/ }).waitFor()
    await page.getByRole('combobox', { name: '外觀' }).selectOption('dark')
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
    await page.getByRole('link', { name: '驗證', exact: true }).press('Enter')
    await page.getByRole('heading', { level: 1, name: '驗證' }).waitFor()
    assert.equal(await page.evaluate('document.activeElement.id'), 'content')
    await page.goBack()
    await page.getByRole('heading', { name: /我的幣有支持嗎/ }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: /我的幣有支持嗎/ }).waitFor()
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
    await close()
    assert.deepEqual(complaints, [])
  })

  it('finds what is typed', async () => {
    const { page, close } = await visit()
    await show(page, `${at.devnet.rpcUrl}/explorer`)
    for (const [typed, heading] of [
      ['aurora', /aurora/],
      ['1', /^1$/],
      [at.transfer, /transfer/],
      ['h200', /H200/],
      [at.holder, new RegExp(at.holder, 'i')],
    ] as const) {
      await page.getByRole('searchbox').fill(typed)
      await page.getByRole('searchbox').press('Enter')
      await page.getByRole('heading', { level: 1, name: heading }).waitFor()
    }
    await close()
  })

  it('loads little for the first view, from this node alone', async () => {
    const { page, close } = await visit()
    const urls: string[] = []
    page.on('request', (request) => urls.push(request.url()))
    await show(page, `${at.devnet.rpcUrl}/`)
    await close()
    const list = JSON.parse(readFileSync(new URL('../../site/site.json', import.meta.url), 'utf8')) as {
      readonly files: readonly { readonly path: string; readonly gzipBytes: number }[]
    }
    const scripts = list.files.filter(
      ({ path }) => urls.some((url) => url.endsWith(path)) && path.endsWith('.js'),
    )
    const bytes = scripts.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0)
    assert.ok(scripts.length > 0 && bytes <= FIRST_VIEW_BYTES_MAX, `${bytes} bytes`)
    assert.deepEqual(
      urls.filter((url) => !url.startsWith(at.devnet.rpcUrl) && !url.startsWith('ws:')),
      [],
    )
  })
})
