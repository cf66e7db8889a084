// Device-seconds: what is metered while a job runs, never beyond the exposure, and what a voucher changes.
import { strict as assert } from 'node:assert'
import { COIN } from '../../../base/units.ts'
import { checkStatement } from '../../../client/redemption/statement.ts'
import { readWire, statementInfo } from '../../../client/redemption/wire.ts'
import { assignedOf, codeOf, type Door, GENESIS, WINDOW } from '../door.ts'
import { createJob, ended, jobOf, openJobsDoor, upload, watchEvents } from './jobsDoor.ts'

/** Of exposure: a device-second at the tests' tariff costs a million base units. */
const AMOUNT = 100_000_000n
const EXPOSURE_PPM = 10_000
const EXPOSURE = 1_000_000n

const ticks = (door: Door, id: string): Promise<number> => logLength(door, id)
async function logLength(door: Door, id: string): Promise<number> {
  return (await door.get(`/suanli/v1/jobs/${id}/logs`)).text.length
}

const TICKS = `for (;;) { console.log('tick'); await sleep(20) }`

describe('gateway/jobs: metering', function () {
  this.timeout(60_000)
  let door: Door
  const open = (jobs: { readonly [name: string]: unknown } = {}) =>
    openJobsDoor({
      jobs,
      config: { exposurePpm: EXPOSURE_PPM },
      assignments: [assignedOf({ amountBase: AMOUNT })],
    })
  afterEach(() => door.close())

  it('stops a job whose vouchers do not follow, and lets it go on when they do', async () => {
    door = await open()
    const { id } = await createJob(door, TICKS)
    const isPaused = (message: string): boolean => message === 'paused: a voucher is due'
    await watchEvents(door, id, isPaused)
    assert.equal((await jobOf(door, id)).status, 'paused')
    const { meter } = door.context.sessions.get({ redemptionId: 1, assignment: 0 })!.opened
    assert.ok(meter.meteredBase + meter.reservedBase <= EXPOSURE)
    assert.ok(meter.meteredBase >= EXPOSURE / 2n)
    const before = await ticks(door, id)
    // A stopped process prints nothing, however long nobody looks.
    await watchForTicks(door, id, before, 300)
    // Nothing else is served on credit either.
    const other = await door.call('/suanli/v1/jobs', { command: 'run' })
    assert.equal(other.status, 402)
    const meteredBase = meter.meteredBase
    assert.equal((await door.vouch(meteredBase)).status, 200)
    await watchEvents(door, id, (message) => message === 'goes on')
    let paused = 0
    await watchEvents(door, id, (message) => isPaused(message) && ++paused === 2)
    assert.ok((await ticks(door, id)) > before)
    assert.ok(meter.meteredBase > meteredBase)
    assert.ok(meter.meteredBase + meter.reservedBase - meter.voucheredBase <= EXPOSURE)
    await door.call(`/suanli/v1/jobs/${id}/cancel`, {})
    assert.equal((await jobOf(door, id)).status, 'cancelled')
    assert.equal(meter.reservedBase, 0n)
  })

  it('ends a job that waited too long for a voucher', async () => {
    door = await open({ voucherMs: 200 })
    const { id } = await createJob(door, TICKS)
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code], ['failed', 'voucher_missing'])
    assert.ok(door.meter().meteredBase <= EXPOSURE)
  })

  it('writes lines that the holder can check and adopt', async () => {
    door = await open()
    const { id } = await createJob(door, `await sleep(300)`)
    const job = await ended(door, id)
    const { text } = await door.get('/suanli/v1/statement')
    const statement = readWire(statementInfo, text)
    const { identity, provider } = door.context
    checkStatement(statement, { ...identity, genesis: GENESIS, redemptionId: 1, assignment: 0, provider })
    assert.ok(statement.lines.length > 0)
    assert.ok(statement.lines.every(({ model, deviceMs }) => model === 'train' && deviceMs > 0))
    assert.equal(
      statement.lines.reduce((sum, { deviceMs }) => sum + deviceMs, 0),
      job.device_ms,
    )
  })

  it('uses an assignment up, and no more', async () => {
    door = await openJobsDoor({
      config: { exposurePpm: 1_000_000 },
      assignments: [assignedOf({ amountBase: 400_000n })],
    })
    const { id } = await createJob(door, TICKS)
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code], ['failed', 'assignment_used_up'])
    const { meteredBase } = door.meter()
    assert.ok(meteredBase <= 400_000n && meteredBase > 200_000n, `${meteredBase}`)
    const more = await door.call('/suanli/v1/jobs', { command: 'run' })
    assert.deepEqual([more.status, codeOf(more)], [403, 'assignment_used_up'])
  })

  it('goes on with the next assignment of the same redemption, which keeps files and jobs', async () => {
    door = await openJobsDoor({})
    const fileId = await upload(door, 'kept.txt', 'kept')
    const { id } = await createJob(door, TICKS)
    await watchEvents(door, id, (message) => message === 'started')
    const next = assignedOf({ assignment: 1, window: WINDOW + 1 })
    door.show([next], WINDOW + 1)
    const nextMeter = door.meter({ redemptionId: 1, assignment: 1 })
    while (nextMeter.meteredBase === 0n) await watchForLine(door)
    const key = door.keyOf({ redemptionId: 1, assignment: 1 })
    assert.equal((await door.get(`/v1/files/${fileId}/content`, { key })).text, 'kept')
    assert.equal((await door.get(`/suanli/v1/jobs/${id}`, { key })).json.status, 'running')
    await door.call(`/suanli/v1/jobs/${id}/cancel`, {}, { key })
  })

  it('removes what a holder left, a tail after its last assignment', async () => {
    door = await openJobsDoor({ jobs: { keepMs: 0 }, assignments: [assignedOf({ amountBase: COIN })] })
    await upload(door, 'old.txt', 'old')
    const { id } = await createJob(door, ``)
    await ended(door, id)
    door.show([], WINDOW)
    await door.jobs.swept()
    // The session is still known: its holder may look.
    assert.equal(((await door.get('/v1/files', { key: door.keyOf() })).json.data as object[]).length, 1)
    door.show([], WINDOW + 3)
    await door.jobs.swept()
    door.show([assignedOf({ assignment: 7, window: WINDOW + 3 })], WINDOW + 3)
    const key = door.keyOf({ redemptionId: 1, assignment: 7 })
    assert.deepEqual((await door.get('/v1/files', { key })).json.data, [])
    assert.deepEqual((await door.get('/suanli/v1/jobs', { key })).json.data, [])
  })
})

/** Resolves after the next line of the statement, of whichever job. */
async function watchForLine(door: Door): Promise<void> {
  await door.get('/suanli/v1/session', { key: door.keyOf({ redemptionId: 1, assignment: 1 }) })
}

/** Asserts that a job prints nothing in a while. */
async function watchForTicks(door: Door, id: string, before: number, ms: number): Promise<void> {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs) assert.equal(await ticks(door, id), before)
}
