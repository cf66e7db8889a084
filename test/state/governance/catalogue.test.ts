// Changes of the catalogue by vote: new classes, raises that reach pledges one window later, cuts that are cured like drift.
import { strict as assert } from 'node:assert'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { getGroup, groupIdsOf } from '../../../state/modules/capacity/groups.ts'
import { getLot } from '../../../state/modules/capacity/lots.ts'
import { ALL_SERVICES, capacitySchema } from '../../../state/modules/capacity/schema.ts'
import { currentWindow, getClock } from '../../../state/modules/capacity/windows.ts'
import { catalogueModule } from '../../../state/modules/catalogue/module.ts'
import { CLASSES_MAX, PUBLISHED_RATING_MAX } from '../../../state/modules/catalogue/schema.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { governanceModule } from '../../../state/modules/governance/module.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { cureOf } from '../../../state/modules/issuance/cures.ts'
import { getBonds } from '../../../state/modules/providers/bonds.ts'
import { getProvider } from '../../../state/modules/providers/members.ts'
import { MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const LOCK = DEV_PARAMETERS.governance.parameterLockWindows
const H100 = 20
const NEWCOMER = {
  slug: 'gb300-nvl',
  vendor: 'NVIDIA',
  model: 'GB300 NVL72',
  memoryGb: 288,
  trainPpm: 3_000_000n,
  finetunePpm: 3_000_000n,
  inferPpm: 4_000_000n,
  specOnly: false,
  evidenceHash: ZERO_HASH,
}
const rated = (ratingPpm: bigint, over: object = {}) => ({
  classId: H100,
  trainPpm: ratingPpm,
  finetunePpm: ratingPpm,
  inferPpm: ratingPpm,
  specOnly: false,
  evidenceHash: sha256(utf8('a benchmark')),
  ...over,
})

const add = (chain: MemberChain, over: object = {}, from = operatorOf(1)) =>
  chain.run(from, governanceSchema, 'proposeClass', { ...NEWCOMER, ...over })
const rate = (chain: MemberChain, args: object, from = operatorOf(1)) =>
  chain.run(from, governanceSchema, 'proposeRatings', args)

function approve(chain: MemberChain, proposal = openProposals(chain.full).nextId - 1): void {
  for (const id of [2, 3])
    assert.equal(chain.run(operatorOf(id), governanceSchema, 'vote', { proposal, approve: true }), undefined)
}

/** Ends windows, each with the blocks that its recount takes. */
function pass(chain: MemberChain, windows = 1): void {
  for (let i = 0; i < windows; i++) {
    chain.wait(getClock(chain.full).endsAtMs - chain.parent.header.timestampMs)
    chain.next()
    chain.next()
  }
}

/** Waits until the lock of a proposal has ended and the window's end after it has come. */
const passLock = (chain: MemberChain): void => pass(chain, LOCK + 1)

let pledges = 0
/** Provider 1 pledges ten devices. Returns the lot's id, or the refusal. */
function pledge(chain: MemberChain, classId: number): number | string {
  const refusal = chain.run(operatorOf(1), capacitySchema, 'pledge', {
    classId,
    devices: 10,
    deviceRoot: sha256(utf8(`devices ${pledges++}`)),
    region: 'tw',
    services: ALL_SERVICES,
    firstWindow: currentWindow(chain.full) + 1,
  })
  if (refusal !== undefined) return refusal
  let lot = 1
  while (getLot(chain.full, lot + 1) !== undefined) lot++
  return lot
}
const trainOf = (chain: MemberChain, lot: number | string) => getLot(chain.full, Number(lot))?.ratings.train
const ask = (chain: MemberChain, name: 'class' | 'rerating', id: number) =>
  governanceModule.rules.queries[name]!(chain.context(), { id } as never)

describe('governance.proposeClass', () => {
  it('adds a class at a window’s end, and hardware of it can be pledged', () => {
    const chain = new MemberChain(4)
    const known = chain.full
    const next = catalogueTables.index.mustGet(known, {}).classes.at(-1)! + 1
    assert.equal(add(chain), undefined)
    const id = openProposals(known).nextId - 1
    assert.deepEqual(ask(chain, 'class', id), NEWCOMER)
    assert.equal(ask(chain, 'rerating', id), undefined)
    approve(chain)
    assert.match(String(pledge(chain, next)), /UnknownClass/)
    passLock(chain)
    assert.deepEqual(catalogueTables.class.get(known, { id: next }), NEWCOMER)
    assert.equal(openProposals(known).proposals.length, 0)
    assert.equal(trainOf(chain, pledge(chain, next)), NEWCOMER.trainPpm)
  })

  it('refuses strangers, what genesis would be refused with, and a class that is known', () => {
    const chain = new MemberChain(4)
    assert.match(String(add(chain, {}, stranger)), /NotValidator/)
    for (const [field, value] of [
      ['slug', 'No Slug'],
      ['vendor', ''],
      ['model', ' '],
      ['memoryGb', 0],
      ['inferPpm', PUBLISHED_RATING_MAX + 1n],
    ] as const)
      assert.match(String(add(chain, { [field]: value })), new RegExp(`ClassRefused\\(field=${field}\\)`))
    assert.match(String(add(chain, { slug: 'h100-sxm' })), /ClassKnown\(classId=20\)/)
    for (let id = 100; catalogueTables.index.mustGet(chain.full, {}).classes.length < CLASSES_MAX; id++) {
      const { classes } = catalogueTables.index.mustGet(chain.full, {})
      catalogueTables.index.set(chain.full, {}, { classes: [...classes, id] })
    }
    const ctx = { ...chain.context(), sender: operatorOf(1), emit: () => {} }
    const refusal = governanceModule.rules.actions.proposeClass!(ctx as never, NEWCOMER as never)
    assert.equal(refusal?.code, 'TooManyClasses')
  })

  it('is impossible once another proposal has added the class', () => {
    const chain = new MemberChain(4)
    assert.equal(add(chain), undefined)
    assert.equal(add(chain, { memoryGb: 300 }, operatorOf(4)), undefined)
    approve(chain, 1)
    approve(chain, 2)
    chain.wait(getClock(chain.full).endsAtMs - chain.parent.header.timestampMs)
    chain.wait(getClock(chain.full).endsAtMs - chain.parent.header.timestampMs)
    assert.equal(openProposals(chain.full).proposals.length, 0)
    const added = catalogueTables.index.mustGet(chain.full, {}).classes.at(-1)!
    assert.equal(catalogueTables.class.mustGet(chain.full, { id: added }).memoryGb, NEWCOMER.memoryGb)
  })
})

describe('governance.proposeRatings', () => {
  it('refuses strangers, unknown classes, ratings out of bounds, and what changes nothing', () => {
    const chain = new MemberChain(4)
    const {
      slug: _,
      vendor,
      model,
      memoryGb,
      ...now
    } = catalogueTables.class.mustGet(chain.full, { id: H100 })
    assert.ok([vendor, model, memoryGb].every(Boolean))
    assert.match(String(rate(chain, rated(1n), stranger)), /NotValidator/)
    assert.match(String(rate(chain, rated(1n, { classId: 77 }))), /UnknownClass\(classId=77\)/)
    assert.match(String(rate(chain, rated(PUBLISHED_RATING_MAX + 1n))), /ClassRefused\(field=trainPpm\)/)
    assert.match(String(rate(chain, { classId: H100, ...now })), /NoChanges/)
  })

  it('gives a raise to pledges of one window later, and never to earlier ones', () => {
    const chain = new MemberChain(4)
    const before = pledge(chain, H100)
    const owed = getProvider(chain.full, 1)
    assert.equal(rate(chain, rated(1_500_000n)), undefined)
    assert.deepEqual(ask(chain, 'rerating', openProposals(chain.full).nextId - 1), rated(1_500_000n))
    approve(chain)
    passLock(chain)
    const window = currentWindow(chain.full)
    assert.deepEqual(catalogueModule.rules.queries.raise!(chain.context(), { id: H100 } as never), {
      before: { train: 1_000_000n, finetune: 1_000_000n, infer: 1_000_000n },
      fromWindow: window + 1,
    })
    const overlapping = pledge(chain, H100)
    pass(chain)
    const after = pledge(chain, H100)
    assert.deepEqual(
      [before, overlapping, after].map((lot) => trainOf(chain, lot)),
      [1_000_000n, 1_000_000n, 1_500_000n],
    )
    for (const id of groupIdsOf(chain.full, 1))
      assert.equal(getGroup(chain.full, id)!.inForce.train, 1_000_000n)
    assert.deepEqual(getProvider(chain.full, 1), owed)
  })

  it('lets a cut count for all lots from the recount on, to be cured like drift, without a penalty', () => {
    const chain = new MemberChain(4)
    const bonds = getBonds(chain.full, 1)
    // Less than what provider 1 owes.
    assert.equal(rate(chain, rated(290_000n)), undefined)
    approve(chain)
    passLock(chain)
    for (const id of groupIdsOf(chain.full, 1))
      assert.equal(getGroup(chain.full, id)!.inForce.train, 290_000n)
    assert.equal(trainOf(chain, pledge(chain, H100)), 290_000n)
    assert.equal(getProvider(chain.full, 1)!.status, 'curing')
    const cure = cureOf(chain.full, 1)!
    assert.deepEqual([cure.cause, cure.faultBase], ['perishing', 0n])
    assert.ok(cure.shortfallBase > 0n)
    pass(chain)
    assert.deepEqual(getBonds(chain.full, 1), bonds)
    // The others use other hardware.
    assert.deepEqual(
      [2, 3, 4].map((id) => getProvider(chain.full, id)!.status),
      ['active', 'active', 'active'],
    )
  })
})
