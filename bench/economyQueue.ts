// The queue of a chain that is measured: its first requests by the rules themselves, the rest as the records that the rules
// would leave, since a million by the rules take a quarter of an hour. Owns: these records, and that no invariant tells them apart.
// Not: genesis (economyChain.ts).
import { mustExist } from '../base/assert.ts'
import { u64be } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { type TxId, ZERO_HASH } from '../base/ids.ts'
import type { Failure } from '../base/moduleDefinition.ts'
import { newBlockWork, Walk } from '../state/blockWork.ts'
import type { ActionContext, BlockContext } from '../state/context.ts'
import { lockCoins } from '../state/modules/redemption/external.ts'
import { redemptionModule } from '../state/modules/redemption/module.ts'
import { insertMember } from '../state/modules/redemption/orderedSet.ts'
import { markPlaces } from '../state/modules/redemption/places.ts'
import { bucketSet, mustGetBucket } from '../state/modules/redemption/queue.ts'
import { getTotals, updateTotals } from '../state/modules/redemption/redemptions.ts'
import { drawPlaces } from '../state/modules/redemption/requests.ts'
import { redemptionTables } from '../state/modules/redemption/tables.ts'
import type { MemoryState } from '../state/overlay.ts'
import { recountNow } from '../state/recount.ts'
import type { Module } from '../state/rules.ts'
import type { LoadAccount } from './accounts.ts'

/** Requests of one account; main allows as many open ones. */
export const REQUESTS_EACH = 256
/** Requests by the rules: 16 accounts with all of theirs. */
export const RULED = 16 * REQUESTS_EACH
/** Coprime with every count of the others, so that they take each place once, in no order of their accounts. */
const STRIDE = 1_000_003

export interface QueueSize {
  /** Open requests without constraints. */
  readonly openRequests: number
  /** Amount of the n-th, base units. */
  amountOf(n: number): bigint
}

export interface QueueFacts {
  readonly block: BlockContext
  /** Each has up to `REQUESTS_EACH` requests, in turn, and the coins for them. */
  readonly requesters: readonly LoadAccount[]
  /** Two of different groups, so that every block draws the one before. */
  readonly proposers: readonly [LoadAccount, LoadAccount]
}

/** Runs a redemption request as its rule, without a block around it; throws when it is refused. */
function requestOne(ctx: ActionContext, amountBase: bigint): void {
  const failure: Failure | undefined = redemptionModule.rules.actions.request!(ctx, {
    amountBase,
    service: 'train',
    provider: 0,
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: ZERO_HASH,
    clientKey: new Uint8Array(65),
    voucherKey: ctx.sender,
  } as never)
  if (failure !== undefined) throw new Error(`request refused: ${failure.code}`)
}

function fillByRules(state: MemoryState, { amountOf }: QueueSize, facts: QueueFacts, count: number): void {
  let made = 0
  for (let turn = 0; getTotals(state).nextSequence <= count; turn++) {
    const proposer = facts.proposers[turn & 1]!.address
    const ctx = { state, block: { ...facts.block, proposer }, emit: () => {} }
    drawPlaces(ctx, { left: RULED, walk: new Walk(newBlockWork(), Number.MAX_SAFE_INTEGER) })
    for (; made < count; made++) {
      const sender = facts.requesters[Math.floor(made / REQUESTS_EACH)]!.address
      const txId = new Uint8Array(sha256(u64be(made))) as TxId
      requestOne({ ...ctx, sender, valueBase: 0n, txId, txIndex: made }, amountOf(made))
    }
  }
}

/** Writes the requests from `RULED` on: each waits at a place of its own behind those, in the bucket that they have. */
function fillByRecords(state: MemoryState, size: QueueSize, { block, requesters }: QueueFacts): void {
  const { openRequests, amountOf } = size
  const count = openRequests - RULED
  const model = redemptionTables.redemption.mustGet(state, { id: RULED })
  const set = bucketSet(model.bucket)
  let addedBase = 0n
  for (let first = RULED; first < openRequests; first += REQUESTS_EACH) {
    const owner = mustExist(requesters[first / REQUESTS_EACH], 'a requester').address
    const after = Math.min(openRequests, first + REQUESTS_EACH)
    let lockedBase = 0n
    for (let n = first; n < after; n++) {
      const amountBase = amountOf(n)
      const sequence = RULED + 1 + (((n - RULED) * STRIDE) % count)
      redemptionTables.redemption.set(
        state,
        { id: n + 1 },
        {
          ...model,
          owner,
          voucherKey: owner,
          amountBase,
          queuedBase: amountBase,
          sequence,
          places: [{ sequence, queuedBase: amountBase }],
          older: n === first ? 0 : n,
          newer: n === after - 1 ? 0 : n + 2,
        },
      )
      redemptionTables.place.set(state, { sequence }, { id: n + 1 })
      insertMember(state, set, sequence)
      lockedBase += amountBase
    }
    lockCoins({ state, block, emit: () => {} }, { from: owner, amountBase: lockedBase })
    const held = after - first
    redemptionTables.owner.set(state, { owner }, { openCount: held, count: held, newest: after })
    addedBase += lockedBase
  }
  countRecords(state, { bucket: model.bucket, count, addedBase })
  markPlaces(state, block.timestampMs)
}

/** The sums and cursors that know of the requests which were written. */
function countRecords(
  state: MemoryState,
  added: { readonly bucket: number; readonly count: number; readonly addedBase: bigint },
): void {
  const { bucket: id, count, addedBase } = added
  const bucket = mustGetBucket(state, id)
  const queuedBase = bucket.queuedBase + addedBase
  redemptionTables.bucket.set(state, { id }, { ...bucket, count: bucket.count + count, queuedBase })
  const totals = getTotals(state)
  updateTotals(state, {
    nextId: totals.nextId + count,
    nextSequence: totals.nextSequence + count,
    openCount: totals.openCount + count,
    queuedCount: totals.queuedCount + count,
    requestedBase: totals.requestedBase + addedBase,
    queuedBase: totals.queuedBase + addedBase,
    matchableBase: totals.matchableBase + addedBase,
  })
}

/** Fills the queue of a chain at its genesis. */
export function fillQueue(state: MemoryState, size: QueueSize, facts: QueueFacts): void {
  fillByRules(state, size, facts, Math.min(size.openRequests, RULED))
  if (size.openRequests > RULED) fillByRecords(state, size, facts)
}

/** Recounts all invariants of a chain; throws when one is broken. */
export function checkQueue(state: MemoryState, block: BlockContext, modules: readonly Module[]): void {
  for (const { definition, rules } of modules)
    for (const invariant of rules.invariants ?? []) {
      const broken = recountNow(invariant, state, { state, block })
      if (broken !== undefined) throw new Error(`${definition.name}, invariant ${invariant.id}: ${broken}`)
    }
}
