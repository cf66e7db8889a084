// The holder's library beside its jobs: it counts their lines from the statement, pays for them, and is not fooled.
import { strict as assert } from 'node:assert'
import { secretKeyAddress } from '../../../base/address.ts'
import type { Door as OpenDoor } from '../../../client/redemption/door.ts'
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
  const refused: string[] = []

  beforeEach(async () => {
    const keys = redeemKeys(new Uint8Array(32).fill(5), GENESIS)
    upstream = await FakeUpstream.start()
    door = await openJobsDoor({
      upstreamUrl: upstream.url,
      config: { exposurePpm: 10_000 },
      assignments: [assignedOf({ amountBase: AMOUNT, voucherKey: keys.voucherKey })],
    })
    const session = readWire(sessionInfo, (await door.get('/suanli/v1/session')).text)
    const open = {
      terms: {
        redemptionId: 1,
        assignment: 0,
        operator: secretKeyAddress(PROVIDER_SECRET),
        amountBase: AMOUNT,
      },
      grant: { baseUrl: door.url, apiKey: new Uint8Array(Buffer.from(door.keyOf(), 'base64url')) },
      tariff: door.context.tariff,
      session,
      fetch: (url: string, init: RequestInit) => fetch(url, init),
    } as unknown as OpenDoor
    paid = new PaidDoor(open, {
      keys,
      budgetLeft: () => AMOUNT,
      save: () => undefined,
      onCharge: () => undefined,
      onVoucher: () => undefined,
      onRefused: ({ message }) => refused.push(message),
      timeoutMs: 20_000,
    })
  })
  afterEach(async () => {
    paid.close()
    await door.close()
    await upstream.close()
  })

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
      args: ['for (let i = 0; i < 120; i++) await sleep(25)'],
    })
    const { id } = (await created.json()) as { id: string }
    const chat = { model: 'tiny', messages: [{ role: 'user', content: 'a b c' }], max_tokens: 4 }
    for (let i = 0; i < 5; i++) assert.equal((await post('/v1/chat/completions', chat)).status, 200)
    const job = await ended(door, id)
    assert.equal(job.status, 'succeeded')
    const { meter } = door.context.sessions.get({ redemptionId: 1, assignment: 0 })!.opened
    // More than the exposure: it was paid for while it ran.
    assert.ok(meter.meteredBase > meter.exposureBase)
    // Whatever is due is asked for before the next request.
    await paid.call({ method: 'GET', path: `/suanli/v1/jobs/${id}`, headers: {}, body: undefined })
    while (paid.meter.state.voucheredBase < meter.meteredBase && refused.length === 0)
      await door.get('/suanli/v1/session')
    assert.deepEqual(refused, [])
    assert.equal(paid.meter.state.meteredBase, meter.meteredBase)
    assert.equal(meter.voucheredBase, meter.meteredBase)
  })
})
