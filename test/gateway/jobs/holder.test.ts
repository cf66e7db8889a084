// The holder's library beside its jobs: it counts their lines from the statement, pays for them, and is not fooled.
import { strict as assert } from 'node:assert'
import { secretKeyAddress } from '../../../base/address.ts'
import type { Door as OpenDoor } from '../../../client/redemption/door.ts'
import type { DoorState } from '../../../client/redemption/doorCore.ts'
import { redeemKeys } from '../../../client/redemption/keys.ts'
import { PaidDoor } from '../../../client/redemption/paidDoor.ts'
import { readWire, sessionInfo } from '../../../client/redemption/wire.ts'
import { assignedOf, type Door, GENESIS, PROVIDER_SECRET } from '../door.ts'
import { FakeUpstream } from '../fakeUpstream.ts'
import { ended, openJobsDoor } from './jobsDoor.ts'

const AMOUNT = 100_000_000n

describe('gateway/jobs: the holder pays', function () {
  this.timeout(60_000)
  let door: Door
  let upstream: FakeUpstream
  let paid: PaidDoor
  let state: DoorState | undefined
  const refused: string[] = []
  const keys = redeemKeys(new Uint8Array(32).fill(5), GENESIS)

  /** The holder's side, as it was left by the run before. */
  async function open(): Promise<PaidDoor> {
    const session = readWire(sessionInfo, (await door.get('/suanli/v1/session')).text)
    const terms = {
      redemptionId: 1,
      assignment: 0,
      operator: secretKeyAddress(PROVIDER_SECRET),
      amountBase: AMOUNT,
    }
    const grant = { baseUrl: door.url, apiKey: new Uint8Array(Buffer.from(door.keyOf(), 'base64url')) }
    const { tariff } = door.context
    const opened = {
      terms,
      grant,
      tariff,
      session,
      fetch: (url: string, init: RequestInit) => fetch(url, init),
    }
    const holder = new PaidDoor(opened as unknown as OpenDoor, {
      keys,
      state,
      budgetLeft: () => AMOUNT,
      save: (now) => {
        state = now
      },
      onCharge: () => undefined,
      onVoucher: () => undefined,
      onRefused: ({ message }) => refused.push(message),
      timeoutMs: 20_000,
    })
    await holder.adoptEarlier()
    return holder
  }

  beforeEach(async () => {
    state = undefined
    upstream = await FakeUpstream.start()
    door = await openJobsDoor({
      upstreamUrl: upstream.url,
      config: { exposurePpm: 10_000 },
      assignments: [assignedOf({ amountBase: AMOUNT, voucherKey: keys.voucherKey })],
    })
    paid = await open()
  })
  afterEach(async () => {
    paid.close()
    await door.close()
    await upstream.close()
  })

  const opened = () => door.context.sessions.get({ redemptionId: 1, assignment: 0 })!.opened
  const post = (path: string, body: unknown): Promise<Response> =>
    paid.call({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('for a job that runs beyond the exposure, and for requests beside it', async () => {
    const created = await post('/suanli/v1/jobs', {
      command: 'run',
      args: ['for (;;) await sleep(25)'],
    })
    const { id } = (await created.json()) as { id: string }
    const chat = { model: 'tiny', messages: [{ role: 'user', content: 'a b c' }], max_tokens: 4 }
    for (let i = 0; i < 5; i++) assert.equal((await post('/v1/chat/completions', chat)).status, 200)
    const { meter } = opened()
    // More than the exposure: it is paid for while it runs.
    while (meter.meteredBase <= meter.exposureBase && refused.length === 0)
      await door.context.ledger.changed(opened(), new AbortController().signal)
    assert.equal((await post(`/suanli/v1/jobs/${id}/cancel`, {})).status, 200)
    assert.equal((await ended(door, id)).status, 'cancelled')
    // Whatever is due is asked for before the next request.
    await paid.call({ method: 'GET', path: `/suanli/v1/jobs/${id}`, headers: {}, body: undefined })
    while (meter.voucheredBase < meter.meteredBase && refused.length === 0)
      await door.context.ledger.changed(opened(), new AbortController().signal)
    assert.deepEqual(refused, [])
    assert.equal(paid.meter.state.meteredBase, meter.meteredBase)
    assert.equal(meter.voucheredBase, meter.meteredBase)
  })

  it('for a job whose holder was killed and came back, without a word of it in the statement yet', async () => {
    const created = await post('/suanli/v1/jobs', {
      command: 'run',
      args: ['for (let i = 0; i < 60; i++) await sleep(25)'],
    })
    const { id } = (await created.json()) as { id: string }
    paid.close()
    paid = await open()
    const chat = { model: 'tiny', messages: [{ role: 'user', content: 'a b c' }], max_tokens: 4 }
    for (let i = 0; i < 3; i++) assert.equal((await post('/v1/chat/completions', chat)).status, 200)
    assert.equal((await ended(door, id)).status, 'succeeded')
    assert.equal((await post('/v1/chat/completions', chat)).status, 200)
    const { meter } = opened()
    while (meter.voucheredBase < meter.meteredBase && refused.length === 0)
      await door.context.ledger.changed(opened(), new AbortController().signal)
    assert.deepEqual(refused, [])
    assert.equal(paid.meter.state.meteredBase, meter.meteredBase)
  })
})
