// Rules of providers: profiles, bonds, key changes, queries, invariants. Not: membership (members.ts), the set (validatorSet.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { bytesKey } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { isPeerIdBytes } from '../../../base/protocol/validators.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { eventsOf, failuresOf, type Invariant, implement } from '../../rules.ts'
import type { FullState, StateChanges, StateReader } from '../../view.ts'
import { escrowAddress } from '../accounts/ledger.ts'
import { getAsset, getAssetBalance, transferAsset } from '../assets/ledger.ts'
import {
  changeKeys,
  checkConsensusKey,
  checkPeerId,
  getProvider,
  isBondFrozen,
  providerByConsensusKey,
  providerByOperator,
  providerByPeerId,
  providerIds,
  rotationAllowedAtMs,
} from './members.ts'
import { validatorSetOfEpoch } from './pastSets.ts'
import { BOND_ASSETS_MAX, FAULT_KINDS, providersSchema } from './schema.ts'
import { providersParams, providersTables } from './tables.ts'
import { checkSetStep, enterEpoch, settleSetChange, validatorSet } from './validatorSet.ts'

export {
  addProvider,
  getProvider,
  type Profile,
  type Provider,
  providerByOperator,
  providerIds,
  recordFault,
  setProviderStatus,
} from './members.ts'
export { providersParams, providersTables, validatorSet } from './validatorSet.ts'

const fail = failuresOf(providersSchema)
const events = eventsOf(providersSchema)

/** Where the units of a member's bonds lie. */
export function bondAddress(id: number): Address {
  return escrowAddress(providersSchema.id, id)
}

/** A member's bond in one asset, base units. */
export function getBond(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return providersTables.bond.get(state, at)?.amountBase ?? 0n
}

/** All bonds of a member; at most `BOND_ASSETS_MAX`. */
export function getBonds(
  state: StateReader,
  provider: number,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  const assets = providersTables.bondAssets.get(state, { provider })?.assets ?? []
  return assets.map((asset) => ({ asset, amountBase: getBond(state, { provider, asset }) }))
}

/** Adds to a bond from `from`'s units. False when it holds less; then nothing was written. Genesis and `postBond` call it. */
export function addBond(
  ctx: WriteContext,
  bond: {
    readonly provider: number
    readonly asset: number
    readonly from: Address
    readonly amountBase: bigint
  },
): boolean {
  const { provider, asset, from, amountBase } = bond
  if (!transferAsset(ctx, { asset, from, to: bondAddress(provider), amountBase })) return false
  const totalBase = getBond(ctx.state, { provider, asset }) + amountBase
  const assets = providersTables.bondAssets.get(ctx.state, { provider })?.assets ?? []
  if (!assets.includes(asset)) {
    assert(assets.length < BOND_ASSETS_MAX, 'bond assets within the bound')
    providersTables.bondAssets.set(ctx.state, { provider }, { assets: [...assets, asset] })
  }
  providersTables.bond.set(ctx.state, { provider, asset }, { amountBase: totalBase })
  events.BondPosted(ctx, { provider, asset, amountBase, totalBase })
  return true
}

function infoOf(state: StateReader, id: number) {
  const provider = getProvider(state, id)
  return provider === undefined ? undefined : { id, ...provider }
}

function checkIndexes(full: FullState): string | undefined {
  const ids = providerIds(full)
  let count = 0
  for (const provider of providersTables.provider.values(full)) {
    const { operator, consensusKey, peerId } = provider
    const id = providerByOperator(full, operator)
    if (id === undefined || !ids.includes(id)) return 'a provider is missing in an index'
    if (providerByConsensusKey(full, consensusKey) !== id)
      return `the key of provider ${id} is not registered`
    // Only genesis of a test has members without a peer id of their own.
    if (isPeerIdBytes(peerId) && providerByPeerId(full, peerId) !== id)
      return `the peer id of provider ${id} is not registered`
    count++
  }
  return count === ids.length ? undefined : `${count} providers, the index has ${ids.length}`
}

function checkBonds(full: FullState): string | undefined {
  for (const id of providerIds(full)) {
    for (const { asset, amountBase } of getBonds(full, id)) {
      const heldBase = getAssetBalance(full, { asset, owner: bondAddress(id) })
      if (heldBase < amountBase)
        return `bond of provider ${id}: ${amountBase} recorded, ${heldBase} in escrow`
    }
  }
  return undefined
}

/** Blocks that touch no bond, nearly all, need no look at the members. */
function hasBondChange(changes: StateChanges): boolean {
  const { prefix } = providersTables.bond
  for (const key of changes.keys()) if (key.startsWith(prefix)) return true
  return false
}

const invariants: readonly Invariant[] = [
  {
    id: '15',
    severity: 'stopMinting',
    doc: 'The validator set is sorted, has no duplicate id or key, never falls below four and changes by at most 30 %.',
    check(ctx) {
      const { validators } = validatorSet(ctx.state)
      if (validators.length === 0) return 'the validator set is empty'
      for (let i = 1; i < validators.length; i++) {
        if (validators[i - 1]!.id >= validators[i]!.id) return 'the validator set is not sorted by id'
      }
      const keys = new Set(validators.map((v) => bytesKey(v.consensusKey)))
      return keys.size === validators.length ? undefined : 'two validators have one consensus key'
    },
    checkChanges(changes, parent, ctx) {
      if (!changes.has(providersTables.validators.key({}))) return undefined
      // A recovery is decided outside the chain, when the rules of inside can not decide anything any more.
      if (changes.has(providersTables.recovery.key({ epoch: ctx.block.epoch }))) return undefined
      return checkSetStep(validatorSet(parent).validators, validatorSet(ctx.state).validators)
    },
  },
  {
    id: 'providers.frozenBonds',
    severity: 'stopMinting',
    doc: 'A frozen bond is never paid out.',
    checkChanges(changes, parent, ctx) {
      if (!hasBondChange(changes)) return undefined
      for (const id of providerIds(ctx.state)) {
        if (!isBondFrozen(parent, id)) continue
        for (const { asset, amountBase } of getBonds(parent, id)) {
          if (!changes.has(providersTables.bond.key({ provider: id, asset }))) continue
          const nowBase = getBond(ctx.state, { provider: id, asset })
          if (nowBase < amountBase) return `the frozen bond of provider ${id} fell to ${nowBase}`
        }
      }
      return undefined
    },
  },
  {
    id: 'providers.indexes',
    severity: 'alert',
    doc: 'Both indexes list exactly the members.',
    recount: checkIndexes,
  },
  {
    id: '1 bonds',
    severity: 'halt',
    doc: 'The units of every bond lie in its escrow.',
    recount: checkBonds,
  },
]

/** The sender as a member that may change its keys now. */
function rotatingMember(ctx: ActionContext) {
  const id = providerByOperator(ctx.state, ctx.sender)
  if (id === undefined) return { refused: fail.NotProvider({ sender: ctx.sender }) }
  if (mustExist(getProvider(ctx.state, id), 'an operator has a member').removed) {
    return { refused: fail.Removed({ provider: id }) }
  }
  const { rotationIntervalMs } = providersParams.get(ctx.state)
  const allowedAtMs = rotationAllowedAtMs(ctx.state, id, rotationIntervalMs)
  if (ctx.block.timestampMs < allowedAtMs) {
    return { refused: fail.RotationTooSoon({ notBefore: Math.ceil(allowedAtMs / 1000) }) }
  }
  return { id }
}

export const providersModule = implement(providersSchema, {
  actions: {
    updateProfile(ctx, profile) {
      const id = providerByOperator(ctx.state, ctx.sender)
      if (id === undefined) return fail.NotProvider({ sender: ctx.sender })
      const provider = providersTables.provider.mustGet(ctx.state, { id })
      // Coverage counts groups; leaving one by an edit would split a concentration.
      const { legalGroup } = provider.profile
      if (profile.legalGroup !== legalGroup) return fail.LegalGroupFixed({ legalGroup })
      // After this point the action must succeed.
      providersTables.provider.set(ctx.state, { id }, { ...provider, profile })
      events.ProfileUpdated(ctx, { provider: id, termsHash: profile.termsHash })
      return undefined
    },
    postBond(ctx, { asset, amountBase }) {
      const provider = providerByOperator(ctx.state, ctx.sender)
      if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
      const record = getAsset(ctx.state, asset)
      if (record === undefined) return fail.UnknownAsset({ asset })
      if (amountBase === 0n) return fail.BelowMinimum({ amountBase, minimumBase: 1n })
      const group = providersTables.provider.mustGet(ctx.state, { id: provider }).profile.legalGroup
      const issuer = providerByOperator(ctx.state, record.issuer)
      if (
        issuer !== undefined &&
        providersTables.provider.mustGet(ctx.state, { id: issuer }).profile.legalGroup === group
      ) {
        return fail.OwnAssetAsBond({ asset })
      }
      const assets = providersTables.bondAssets.get(ctx.state, { provider })?.assets ?? []
      if (!assets.includes(asset) && assets.length >= BOND_ASSETS_MAX) {
        return fail.TooManyBondAssets({ maximum: BOND_ASSETS_MAX })
      }
      const balanceBase = getAssetBalance(ctx.state, { asset, owner: ctx.sender })
      if (balanceBase < amountBase)
        return fail.InsufficientAsset({ asset, balanceBase, neededBase: amountBase })
      // After this point the action must succeed.
      assert(
        addBond(ctx, { provider, asset, from: ctx.sender, amountBase }),
        'checked balance covers the bond',
      )
      return undefined
    },
    rotateConsensusKey(ctx, { consensusKey, possessionProof }) {
      const member = rotatingMember(ctx)
      if ('refused' in member) return member.refused
      const refusal = checkConsensusKey(ctx.state, { consensusKey, possessionProof })
      if (refusal?.code === 'KeyTaken') return fail.KeyTaken({ provider: refusal.provider })
      if (refusal !== undefined) return fail.BadPossessionProof({})
      // After this point the action must succeed.
      changeKeys(ctx, member.id, { consensusKey })
      return undefined
    },
    changePeerId(ctx, { peerId }) {
      const member = rotatingMember(ctx)
      if ('refused' in member) return member.refused
      const refusal = checkPeerId(ctx.state, peerId, member.id)
      if (refusal?.code === 'PeerIdTaken') return fail.PeerIdTaken({ provider: refusal.provider })
      if (refusal !== undefined) return fail.MalformedPeerId({})
      // After this point the action must succeed.
      changeKeys(ctx, member.id, { peerId })
      return undefined
    },
  },
  queries: {
    provider: (ctx, { id }) => infoOf(ctx.state, id),
    providers: (ctx) =>
      providerIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed provider exists')),
    bonds: (ctx, { id }) => getBonds(ctx.state, id),
    faults: (ctx, { id }) =>
      FAULT_KINDS.flatMap((kind) => {
        const tally = providersTables.fault.get(ctx.state, { provider: id, kind })
        return tally === undefined ? [] : [{ kind, ...tally }]
      }),
    validators: (ctx) => validatorSet(ctx.state).validators,
    validatorsAt: (ctx, { epoch }) => validatorSetOfEpoch(ctx, epoch),
    frozenBonds: (ctx) =>
      providerIds(ctx.state).flatMap((provider) => {
        const frozen = providersTables.frozenBond.get(ctx.state, { provider })
        return frozen === undefined ? [] : [{ provider, ...frozen }]
      }),
  },
  beginBlock: enterEpoch,
  endBlock: settleSetChange,
  invariants,
})
