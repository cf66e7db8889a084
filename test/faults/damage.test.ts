// A short version of `npm run test:damage` for every change: a few damages on a pruned chain.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diagnose } from '../../cli/doctor/diagnose.ts'
import { cutNode } from '../../cli/doctor/rollbackNode.ts'
import { Random } from '../support/random.ts'
import { type Bed, makeBed } from './damageBed.ts'
import { DAMAGES } from './damages.ts'
import { falseAlarm, tryDamage } from './damageTrial.ts'

/** One of each part; they share one chain. */
const SLICE = [
  'log: a flipped byte in the first half',
  'log: a flipped byte in the last write',
  'table: a flipped byte',
  'CURRENT: removed',
  'chain: an older copy',
  'tree.cache: a flipped byte',
  'journal: a file removed',
  'signer: an older copy',
  'snapshot data: a flipped byte',
  'config.json: cut',
  "genesis.json: another chain's",
  'keys/consensus.json: a changed digit of the secret',
]

describe('cli.doctor', () => {
  let root: string
  let bed: Bed

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'suanli-doctor-'))
    bed = await makeBed(root, { blocks: 36, isPruned: true })
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  it('finds nothing wrong with a pruned chain, after an orderly stop and after a kill', async () => {
    assert.equal(await falseAlarm(bed, join(root, 'trial'), false), undefined)
    assert.equal(await falseAlarm(bed, join(root, 'trial'), true), undefined)
  })

  for (const name of SLICE) {
    it(`finds and mends ${name}`, async () => {
      const damage = DAMAGES.find((each) => each.name === name)
      assert.ok(damage !== undefined)
      const at = { bed, dir: join(root, 'trial'), random: new Random(11), isKilled: false }
      const { failure, said } = await tryDamage(damage, at)
      assert.equal(failure, undefined, said)
    })
  }

  it('finds several damages at once, and asks for a directory that is a node', async () => {
    const dir = join(root, 'trial')
    await falseAlarm(bed, dir, false)
    rmSync(join(dir, 'genesis.json'))
    writeFileSync(join(dir, 'config.json'), '{')
    rmSync(join(dir, 'keys', 'peer.json'))
    rmSync(join(dir, 'chain', 'chain', 'CURRENT'))
    const { checks } = await diagnose(dir, { blocks: 8 })
    const bad = checks.filter(({ status }) => status === 'bad').map(({ name }) => name)
    assert.deepEqual(bad, ['config', 'genesis', 'database', 'keys'])
    await assert.rejects(diagnose(join(root, 'nowhere'), { blocks: 8 }), /not the data directory of a node/)
  })

  it('refuses to cut a database that is whole', async () => {
    const dir = join(root, 'trial')
    await falseAlarm(bed, dir, false)
    await assert.rejects(cutNode(dir, {}), /nothing to cut/)
    await assert.rejects(cutNode(dir, { to: 3 }), /leave --to and --blocks out/)
  })
})
