// Scenario 41 of CONSENSUS §9 for snapshots: a node joins beside peers that lie about them.
import assert from 'node:assert/strict'
import { JoinWorld } from './joinWorld.ts'
import { OLDER, type SnapshotChain, snapshotChain } from './snapshotChain.ts'
import { SNAPSHOT_LIES } from './snapshotLies.ts'

/** What one liar may cost: its proofs, then a download that stands still. */
const ATTEMPT_MS = 45_000
/** Less than a request lasts that nobody answers. */
const JOIN_MS = 12_000
/** Proofs of epochs are asked of anybody: one of these seeds has the liar asked first. */
const SEEDS_MAX = 6

describe('simulated state sync (41)', function () {
  this.timeout(60_000)
  let chain: SnapshotChain
  const names = Object.keys(SNAPSHOT_LIES)
  /** With these, what a liar offers can be proven by what others say. */
  const aboutEpochs = names.filter((name) => SNAPSHOT_LIES[name]!.isSnapshotTrue === true)
  const lies = names.filter((name) => !aboutEpochs.includes(name))

  before(async () => {
    chain = await snapshotChain()
  })

  it('finds the one honest peer among all kinds of liars in bounded time, and blames whom an answer proves a liar', async () => {
    const limitMs = lies.length * ATTEMPT_MS + JOIN_MS
    const { height, points } = await new JoinWorld({ seed: 2, honest: 1, lies, limitMs }, chain).run()
    assert.equal(height, OLDER)
    const blamed = lies.filter((name) => (points.get(name) ?? 0) > 0)
    assert.deepEqual(
      blamed,
      lies.filter((name) => SNAPSHOT_LIES[name]!.isProvable),
    )
  })

  it('proves the epochs with others after false proofs, whose sender is blamed', async () => {
    for (const name of aboutEpochs) {
      let points = 0
      for (let seed = 1; seed <= SEEDS_MAX && points === 0; seed++) {
        const world = new JoinWorld({ seed, honest: 1, lies: [name], limitMs: ATTEMPT_MS + JOIN_MS }, chain)
        points = (await world.run()).points.get(name) ?? 0
      }
      assert.ok(points > 0, name)
    }
  })

  it('finds the one honest peer among ten that serve a chunk now and then, stop, or offer what is not there', async () => {
    for (const name of ['endlessChunks', 'stopsInTheMiddle', 'noSuchHeight']) {
      const ten = Array<string>(10).fill(name)
      const limitMs = ten.length * ATTEMPT_MS + JOIN_MS
      const { height } = await new JoinWorld({ seed: 3, honest: 1, lies: ten, limitMs }, chain).run()
      assert.equal(height, OLDER)
    }
  })

  it('asks strangers after the peers that it knows, and takes a few members’ word before that of others', async () => {
    for (const honestAreMembers of [false, true]) {
      const { installs } = await new JoinWorld(
        {
          seed: 4,
          honest: 2,
          honestAreMembers,
          lies: names,
          liarsAreStrangers: !honestAreMembers,
          limitMs: JOIN_MS,
        },
        chain,
      ).run()
      assert.equal(installs, 1, 'no chunk of a liar’s snapshot is fetched')
    }
  })
})
