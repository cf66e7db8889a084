// The console in a browser: running, JSON, saving, a subscription over a lost connection.
import assert from 'node:assert/strict'
import type { Browser } from 'playwright-core'
import { axeViolations, openPage, startChromium } from '../support/chromium.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

describe('web.console', function () {
  this.timeout(90_000)
  let browser: Browser
  let served: Served
  before(async () => {
    browser = await startChromium()
    served = await serve()
    served.backend.mine()
  })
  after(async () => {
    await browser?.close()
    await served?.rpc.close()
  })

  it('finds a method, runs it by keyboard, edits it as JSON, keeps it in the browser', async () => {
    const { page, wrong, close } = await openPage(browser)
    await page.goto(`${served.rpc.url}/console`)
    await page.getByLabel('Search methods').fill('account balance nonce mempool')
    await page.getByRole('link', { name: 'account_get' }).click()
    await page.waitForURL('**/console/account_get')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText('address is required').waitFor()
    await page.getByLabel(/^address/).fill(`0x${'11'.repeat(20)}`)
    await page.keyboard.press('Enter')
    const answer = page.getByRole('region', { name: 'Answer' })
    await answer.getByText('"balanceBase": "0"').waitFor()

    await page.getByRole('button', { name: 'Edit as JSON' }).click()
    const json = page.getByLabel(/^Parameters as JSON/)
    assert.deepEqual(JSON.parse(await json.inputValue()), [`0x${'11'.repeat(20)}`])
    await json.fill('{"address": 7}')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText('invalid argument 0 (address)').waitFor()
    await json.fill('[broken')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText('params is not valid JSON').waitFor()
    await json.fill(`["0x${'22'.repeat(20)}"]`)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.reload()
    await page.getByRole('link', { name: /^account_get \["0x22/ }).click()
    await page.getByRole('button', { name: 'Run' }).click()
    await answer.getByText('"nonce": 0').waitFor()
    assert.equal(await page.getByLabel(/^address/).inputValue(), `0x${'22'.repeat(20)}`)
    assert.deepEqual(await axeViolations(page), [])
    assert.deepEqual(wrong, [])
    await close()
  })

  it('is whole on a phone in 繁體中文, down to nested forms', async () => {
    const viewport = { width: 360, height: 800 }
    const { page, wrong, close } = await openPage(browser, { locale: 'zh-TW', colorScheme: 'dark', viewport })
    await page.goto(`${served.rpc.url}/console/eth_simulateV1`)
    await page.getByRole('button', { name: '範例' }).click()
    await page.getByRole('button', { name: '新增 calls' }).click()
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing sticks out')
    assert.deepEqual(await axeViolations(page), [])
    await page.getByRole('button', { name: '移除 calls 1' }).click()
    await page.getByRole('button', { name: '執行' }).click()
    await page.getByText('"gasUsed"').first().waitFor()
    assert.deepEqual(wrong, [])
    await close()
  })

  it('follows a topic, goes on after a lost connection, and holds no more than it shows', async () => {
    const { page, close } = await openPage(browser)
    const params = encodeURIComponent(JSON.stringify(['blocks', { fromBlock: 1 }]))
    await page.goto(`${served.rpc.url}/console/subscribe?params=${params}`)
    await page.getByRole('button', { name: 'Follow' }).click()
    const log = page.locator('.console .log')
    await log.locator('li').first().waitFor()
    served.rpc.cutSockets('for the test')
    for (let i = 0; i < 130; i++) served.backend.mine()
    const height = served.backend.head().header.height
    await log.getByText(`"height":${height},`).first().waitFor()
    // Since block 1, over the lost connection: each block once.
    await page.getByText(`${height} messages`, { exact: true }).waitFor()
    assert.equal(await log.locator('li').count(), 100)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('ended', { exact: true }).waitFor()
    await close()
  })

  it('says so for a method that there is not, whatever it is called', async () => {
    const { page, wrong, close } = await openPage(browser)
    await page.goto(`${served.rpc.url}/console/${encodeURIComponent('<img src=x onerror=alert(1)>')}`)
    await page.getByText('This node has no method <img src=x onerror=alert(1)>').waitFor()
    assert.equal(await page.locator('img').count(), 0)
    assert.deepEqual(wrong, [])
    await close()
  })
})
