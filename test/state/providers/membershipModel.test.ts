// Random admissions, removals, jailings and key changes against the rules of ECONOMY §10: the set never falls below
// four, changes by at most 30 % per epoch, has no key twice, and reaches what was decided.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { toHex, u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { PEER_ID_PREFIX, type Validator } from '../../../base/protocol/validators.ts'
import type { WriteContext } from '../../../state/context.ts'
import {
  addProvider,
  changeKeys,
  getProvider,
  isJailed,
  jailProvider,
  nextProviderId,
  providerIds,
  removeProvider,
  unjailProvider,
} from '../../../state/modules/providers/members.ts'
import { validatorSetOfEpoch } from '../../../state/modules/providers/pastSets.ts'
import { canValidate, validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { addressOf, blockContext, profileOf, TestChain } from '../../support/chainHarness.ts'

const RUNS = 40
/** Enough blocks without a change to settle any backlog. */
const SETTLING_BLOCKS = 40

const operation = fc.record({
  kind: fc.constantFrom('admit', 'remove', 'jail', 'jail', 'unjail', 'unjail', 'key', 'peer', 'wait'),
  pick: fc.nat(30),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** Writes between blocks, like a transaction of the last block. */
function change(chain: TestChain, write: (ctx: WriteContext) => void): void {
  const { height, epoch } = chain.parent.header
  write({ state: chain.full, block: blockContext({ height, epoch }), emit: () => {} })
  const tree = chain.parent.tree.update(new Map(chain.full.entries('')))
  chain.parent.tree.release()
  chain.parent = { ...chain.parent, tree }
}

let fresh = 0
const freshBytes = (size: number): Uint8Array => {
  const out = new Uint8Array(size)
  out.set(sha256(u64be(++fresh)))
  return out
}
const freshPeer = (): Uint8Array => new Uint8Array([...PEER_ID_PREFIX, ...freshBytes(32)])

/** Applies the operation to some member for which it makes sense. */
function apply(chain: TestChain, { kind, pick }: Operation): void {
  const { full } = chain
  const among = (fits: (id: number) => boolean): number | undefined => {
    const ids = providerIds(full).filter(fits)
    return ids.length === 0 ? undefined : ids[pick % ids.length]
  }
  const isServing = (id: number): boolean => canValidate(getProvider(full, id)!.status)
  const isMember = (id: number): boolean => !getProvider(full, id)!.removed
  const on = (id: number | undefined, act: (ctx: WriteContext, id: number) => void): void => {
    if (id !== undefined) change(chain, (ctx) => act(ctx, id))
  }
  if (kind === 'admit') {
    const id = nextProviderId(full)!
    const operator = addressOf(`model operator ${id}`)
    const admitted = {
      id,
      operator,
      consensusKey: freshBytes(48),
      peerId: freshPeer(),
      profile: profileOf(id),
    }
    change(chain, (ctx) => addProvider(ctx, admitted))
  } else if (kind === 'remove') on(among(isMember), removeProvider)
  else if (kind === 'jail') on(among(isServing), jailProvider)
  else if (kind === 'unjail')
    on(
      among((id) => isJailed(full, id)),
      unjailProvider,
    )
  else if (kind === 'key')
    on(among(isMember), (ctx, id) => changeKeys(ctx, id, { consensusKey: freshBytes(48) }))
  else if (kind === 'peer') on(among(isMember), (ctx, id) => changeKeys(ctx, id, { peerId: freshPeer() }))
}

const seatOf = (v: Validator): string => `${v.id} ${toHex(v.consensusKey)} ${toHex(v.peerId)}`
const setOf = (chain: TestChain): readonly Validator[] => validatorSet(chain.full).validators

/** Seats that differ, counted by id. */
function seatsChanged(before: readonly Validator[], after: readonly Validator[]): number {
  const ids = new Set([...before, ...after].map(({ id }) => id))
  const seat = (set: readonly Validator[], id: number) =>
    set
      .filter((v) => v.id === id)
      .map(seatOf)
      .join()
  return [...ids].filter((id) => seat(before, id) !== seat(after, id)).length
}

function checkBlock(chain: TestChain, before: readonly Validator[], sizeAtStart: number): void {
  const { header } = chain.parent
  const after = setOf(chain)
  const changed = seatsChanged(before, after)
  assert.ok(after.length >= Math.min(4, sizeAtStart), `the set fell to ${after.length}`)
  assert.ok(changed <= Math.max(1, Math.floor(before.length * 0.3)), `${changed} of ${before.length} changed`)
  assert.ok(changed === 0 || header.endsEpoch, 'the set changes in boundaries only')
  const ids = after.map(({ id }) => id)
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  )
  for (const part of ['consensusKey', 'peerId'] as const) {
    assert.equal(new Set(after.map((v) => toHex(v[part]))).size, after.length, `a ${part} stands twice`)
  }
  assert.deepEqual(chain.recount(), [])
}

/** The decided set: every member with a vote, with its newest keys. */
function wanted(chain: TestChain): readonly string[] {
  return providerIds(chain.full).flatMap((id) => {
    const { removed, status, operator, consensusKey, peerId } = getProvider(chain.full, id)!
    return removed || !canValidate(status) ? [] : [seatOf({ id, operator, consensusKey, peerId })]
  })
}

describe('membership under random decisions', () => {
  it('keeps the set within its bounds, and brings it to what was decided', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 12 }),
        fc.array(operation, { minLength: 5, maxLength: 25 }),
        (size, operations) => {
          const chain = new TestChain({ validators: size })
          const setOfEpoch = new Map<number, readonly Validator[]>()
          const next = (): void => {
            const before = setOf(chain)
            chain.next([], { proposer: before[0]!.operator })
            setOfEpoch.set(chain.parent.header.epoch, before)
            checkBlock(chain, before, size)
          }
          for (const op of operations) {
            apply(chain, op)
            next()
          }
          for (let i = 0; i < SETTLING_BLOCKS; i++) next()
          assert.equal(chain.parent.header.endsEpoch, false, 'the set settles')
          const goal = wanted(chain)
          const seats = setOf(chain).map(seatOf)
          for (const seat of goal)
            assert.ok(seats.includes(seat), `${seat} was decided and is not in the set`)
          assert.equal(seats.length, Math.max(4, goal.length), 'only the lower bound keeps a member in')
          const { height, epoch, timestampMs } = chain.parent.header
          const ctx = { state: chain.full, block: blockContext({ height, epoch, timestampMs }) }
          for (const [at, set] of setOfEpoch) {
            assert.deepEqual(validatorSetOfEpoch(ctx, at)?.validators, set, `the set of epoch ${at}`)
          }
        },
      ),
      { numRuns: RUNS },
    )
  }).timeout(60_000)
})
