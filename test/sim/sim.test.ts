// A bounded set of simulator runs for the test suite; `npm run sim` plays more.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorText } from '../../base/errors.ts'
import { sharedBls as bls } from '../support/sharedBls.ts'
import { batchPoisoner } from './behaviours/batchPoisoner.ts'
import { CALM } from './config.ts'
import { PROPERTIES } from './scenario.ts'
import { SYNC_POINTS } from './scenarios/crashes.ts'
import { ELSEWHERE, play, SCENARIOS } from './scenarios.ts'
import { SimWorld } from './world.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
/** CONSENSUS §9 numbers its scenarios from 1 to this. */
const LAST_NUMBER = 47
const SLICE_SEEDS = 1

function playSeed(name: string, seed: number, options: Parameters<typeof play>[2] = {}) {
  try {
    return play(SCENARIOS[name]!, seed, options)
  } catch (error) {
    const real = options.bls === undefined ? '' : ' --bls real'
    const command = `npm run sim -- --scenario ${name} --first ${seed} --seeds 1${real}`
    throw new Error(`${errorText(error)}; replay: ${command}`, { cause: error })
  }
}

describe('simulator', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name} (${scenario.numbers.join(', ')}): ${scenario.about}`, () => {
      for (let seed = 1; seed <= SLICE_SEEDS; seed++) assert.ok(playSeed(name, seed).height > 0)
    }).timeout(180_000)
  }

  it('crashes a host at every write, one run each', () => {
    // Hosts pass a similar number of points; `npm run sim` covers the others.
    let met = 0
    for (let seed = 1; seed <= SYNC_POINTS; seed++) met += playSeed('everySyncPoint', seed).crashes
    assert.ok(met > 40, `${met} points`)
    assert.ok(met < SYNC_POINTS, 'a host passes more points than the test visits')
  }).timeout(180_000)

  it('the same seed gives the same trace, another seed a different one (35)', () => {
    for (const name of ['everything', 'boundaries', 'replayer', 'twinsEquivocate', 'diskFull']) {
      const trace = (seed: number) => playSeed(name, seed).traceHash
      assert.equal(trace(7), trace(7), name)
      assert.notEqual(trace(7), trace(8), name)
    }
  }).timeout(180_000)

  it('injects the faults that the scenarios describe', () => {
    assert.ok(playSeed('crashes', 5).crashes > 5)
    assert.ok(playSeed('crashPoints', 5).crashes > 2)
    assert.ok(playSeed('diskFull', 2).crashes > 1)
    assert.ok(playSeed('killAtBoundary', 3).crashes >= 4)
  })

  it('reports equivocating leaders and double voters', () => {
    for (const name of ['equivocator', 'doubleVoter', 'twinsEquivocate', 'twinsDoubleVote']) {
      const worlds = [1, 2].map((seed) => new SimWorld(SCENARIOS[name]!.config(seed)))
      for (const world of worlds) world.run()
      assert.ok(
        worlds.some((world) => world.misbehaviour.length > 0),
        name,
      )
    }
  }).timeout(180_000)

  it('plays real BLS under loss, bad points, cancelling shares, boundaries and crashes', () => {
    for (const name of ['lossy', 'malformed', 'boundaries', 'everything']) playSeed(name, 4, { bls })
    const byzantine = new Map([
      [0, batchPoisoner],
      [3, batchPoisoner],
    ])
    const world = new SimWorld({
      ...CALM,
      seed: 4,
      nodes: 7,
      byzantine,
      faultsUntilMs: 1_000,
      goalBlocks: 3,
      bls,
    })
    world.run()
  }).timeout(120_000)
})

describe('scenarios of CONSENSUS §9', () => {
  it('covers every number, here or in the file named', () => {
    const here = new Set(Object.values(SCENARIOS).flatMap((scenario) => scenario.numbers))
    for (let number = 1; number <= LAST_NUMBER; number++) {
      const file = ELSEWHERE[number]
      const places = Number(here.has(number)) + Number(file !== undefined)
      assert.equal(places, 1, `number ${number} in one place`)
      if (file !== undefined) assert.ok(existsSync(join(ROOT, file)), file)
    }
    assert.ok([...here].every((number) => number >= 1 && number <= LAST_NUMBER))
  })

  it('targets every property', () => {
    const aimed = new Set(Object.values(SCENARIOS).flatMap((scenario) => scenario.properties))
    assert.deepEqual([...aimed].sort(), [...PROPERTIES].sort())
  })

  it('lists every scenario in the README, with its numbers and properties', () => {
    const text = readFileSync(join(ROOT, 'test/sim/README.md'), 'utf8')
    for (const [name, { numbers, properties, about }] of Object.entries(SCENARIOS)) {
      const row = `| \`${name}\` | ${numbers.join(', ')} | ${properties.join(' ')} | ${about} |`
      assert.ok(text.includes(row), `missing row: ${row}`)
    }
  })
})
