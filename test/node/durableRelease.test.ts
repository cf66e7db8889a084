// When the journal is synced, and what waits for it.
import assert from 'node:assert/strict'
import { DurableRelease } from '../../node/durableRelease.ts'

/** A release whose syncs end when the test says so. */
function made() {
  const performed: string[] = []
  const syncs: { end: () => void; fail: (error: Error) => void }[] = []
  const failures: unknown[] = []
  const release = new DurableRelease<string>({
    journal: { sync: () => new Promise((end, fail) => syncs.push({ end: () => end(), fail })) },
    perform: (effects) => performed.push(...effects),
    onFailure: (error) => failures.push(error),
  })
  return { release, performed, syncs, failures }
}
const turn = (): Promise<void> => new Promise(setImmediate)

describe('durableRelease', () => {
  it('performs at once what depends on no record', () => {
    const { release, performed, syncs } = made()
    release.schedule(['send'], false)
    assert.deepEqual([performed, syncs.length], [['send'], 0])
  })

  it('syncs records without effects together with those of the next effect, and never performs it before', async () => {
    const { release, performed, syncs } = made()
    release.schedule([], true)
    release.schedule([], true)
    assert.equal(syncs.length, 0)
    // It journals nothing itself, but may show what came before.
    release.schedule(['send'], false)
    assert.deepEqual([performed, syncs.length, release.syncs], [[], 1, 1])
    syncs[0]!.end()
    await turn()
    assert.deepEqual(performed, ['send'])
    release.schedule(['again'], false)
    assert.deepEqual([performed, syncs.length], [['send', 'again'], 1])
  })

  it('keeps the order when an earlier sync ends later', async () => {
    const { release, performed, syncs } = made()
    release.schedule(['first'], true)
    release.schedule(['second'], true)
    syncs[1]!.end()
    await turn()
    assert.deepEqual(performed, [])
    syncs[0]!.end()
    await turn()
    assert.deepEqual(performed, ['first', 'second'])
  })

  it('syncs many records that cause nothing for their own sake', () => {
    const { release, syncs } = made()
    for (let i = 0; i < 63; i++) release.schedule([], true)
    assert.equal(syncs.length, 0)
    release.schedule([], true)
    assert.equal(syncs.length, 1)
  })

  it('tells of a journal that failed, and performs nothing of what waited for it', async () => {
    const { release, performed, syncs, failures } = made()
    release.schedule(['send'], true)
    syncs[0]!.fail(new Error('EIO'))
    await turn()
    assert.deepEqual([performed, failures.map(String)], [[], ['Error: EIO']])
  })

  it('performs nothing once it has stopped', async () => {
    const { release, performed, syncs } = made()
    release.schedule(['waiting'], true)
    const stopped = release.stop()
    release.schedule(['late'], false)
    syncs[0]!.end()
    await stopped
    assert.deepEqual(performed, [])
  })
})
