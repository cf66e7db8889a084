// The page and nodes that are honest, lie, call themselves names, or go away.
import assert from 'node:assert/strict'
import type { Json } from '../../base/field.ts'
import { mnemonicAccount } from '../../client/accounts/mnemonic.ts'
import { transfer } from '../../client/calls.ts'
import { createClient } from '../../client/chainClient.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { DEVELOPMENT_MNEMONIC } from '../../genesis/devKeys.ts'
import { BetweenNode, type Lie, type Stage, show, stage, visit } from './harness.ts'

type Members = { readonly [name: string]: Json }

/** The last digit of a hex string, changed. */
const bent = (hex: string): string => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`

const LIES: readonly { readonly what: string; readonly check: RegExp; readonly lie: Lie }[] = [
  {
    what: 'a balance that is not in the state',
    check: /check “state” failed/,
    lie: (method, result) => {
      if (method !== 'chain_stateProof') return result
      const [proof] = (result as Members).proof as readonly Members[]
      return { ...(result as Members), proof: [{ ...proof!, value: bent(String(proof!.value)) }] }
    },
  },
  {
    what: 'a header that nobody signed',
    check: /check “(?:digest|signature|parentHash)” failed/,
    lie: (method, result) => {
      if (method !== 'chain_certificate') return result
      const { header, certificate } = result as { header: Members; certificate: Members }
      const root = String((header.fields as Members).stateRoot)
      const bytes = String(header.bytes).replace(root.slice(2), bent(root).slice(2))
      return { header: { ...header, bytes }, certificate }
    },
  },
  {
    what: 'another genesis than the one that was asked for',
    check: /check “(?:genesis|encoding)” failed/,
    lie: (method, result) =>
      method === 'chain_genesis' ? { ...(result as Members), timestampMs: 1 } : result,
  },
]

const HOSTILE = '<img src=x onerror="alert(1)">\u202Egnp.exe aurora \u2066hidden\u2069'

describe('web.node', function () {
  this.timeout(120_000)
  let at: Stage
  let between: BetweenNode
  let url = ''
  before(async () => {
    at = await stage()
    between = new BetweenNode(at.devnet.rpcUrl)
    url = await between.start()
  })
  beforeEach(() => {
    between.lie = undefined
    between.isAway = false
  })
  after(() => between.close())

  it('proves the balance and the reserve of an honest node, step by step', async () => {
    const { page, complaints, close } = await visit()
    await show(page, `${url}/verify?address=${at.holder}&from=${at.devnet.genesisHash}`)
    await page.getByRole('heading', { name: /^Proven in/ }).waitFor({ timeout: 60_000 })
    assert.equal(await page.locator('.steps > li.proven').count(), 5)
    assert.match((await page.locator('.steps').textContent())!, /1 of 1 validators signed block/)
    await close()
    assert.deepEqual(complaints, [])
  })

  for (const { what, check, lie } of LIES) {
    it(`names the check that ${what} fails`, async () => {
      between.lie = lie
      const { page, close } = await visit()
      await show(page, `${url}/verify?address=${at.holder}&from=${at.devnet.genesisHash}`)
      const verdict = page.getByRole('alert').filter({ hasText: 'Do not rely on this node' })
      await verdict.waitFor({ timeout: 60_000 })
      assert.match((await verdict.textContent())!, check)
      assert.equal(await page.getByRole('heading', { name: /^Proven in/ }).count(), 0)
      await close()
    })
  }

  it('shows a hostile name as text, isolated, without what disguises it', async () => {
    between.lie = (method, result) => {
      if (method !== 'providers_providers') return result
      const [first, ...others] = result as readonly Members[]
      return [{ ...first!, profile: { ...(first!.profile as Members), legalName: HOSTILE } }, ...others]
    }
    const { page, complaints, close } = await visit()
    await show(page, `${url}/explorer/providers`)
    const name = page.locator('bdi').filter({ hasText: 'onerror' }).first()
    const text = (await name.textContent())!
    assert.ok(text.startsWith('<img src=x'), text)
    assert.ok(!/[\u202A-\u202E\u2066-\u2069]/.test(text), 'characters that reorder text')
    assert.ok([...text].length <= 48, text)
    assert.equal(await page.locator('main img').count(), 0)
    await close()
    assert.deepEqual(complaints, [])
  })

  it('says that the connection is lost, and comes back by itself', async () => {
    const { page, close } = await visit()
    await show(page, `${url}/explorer`)
    const state = page.locator('a.live')
    await page.locator('a.live.live').waitFor()
    between.leave()
    await page.locator('a.live.lost').waitFor()
    assert.match((await state.textContent())!, /Not connected/)
    await page.getByRole('alert').filter({ hasText: 'tries again by itself' }).waitFor()
    between.isAway = false
    await page.locator('a.live.live').waitFor({ timeout: 60_000 })
    await page.locator('.toasts').filter({ hasText: 'Connected again' }).waitFor()
    const client = createClient(httpTransport(at.devnet.rpcUrl))
    const sent = await client.send(mnemonicAccount(DEVELOPMENT_MNEMONIC), transfer(at.holder, 1n))
    await state.filter({ hasText: `block ${sent.height}` }).waitFor({ timeout: 60_000 })
    await close()
  })

  it('says what to do when the node does not answer, and tries again when asked', async () => {
    const { page, close } = await visit()
    await show(page, `${url}/explorer`)
    between.leave()
    await page.getByRole('link', { name: 'Hardware classes' }).click()
    await page.getByRole('alert').filter({ hasText: 'The node does not answer' }).waitFor()
    between.isAway = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { level: 1, name: 'Hardware classes' }).waitFor()
    between.leave()
    await page.getByRole('link', { name: 'Verify', exact: true }).click()
    await page.getByRole('alert').filter({ hasText: 'could not show that' }).waitFor()
    between.isAway = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { level: 1, name: 'Verify' }).waitFor()
    await close()
  })
})
