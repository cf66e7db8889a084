// Rules of providers: membership, profiles, bonds, fault records. Not: the validator set's changes (validatorSet.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { InferFields } from '../../../base/field.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { eventsOf, failuresOf, type Invariant, implement } from '../../module.ts'
import type { FullState, StateReader } from '../../view.ts'
import { escrowAddress } from '../accounts/module.ts'
import { getAsset, getAssetBalance, transferAsset } from '../assets/module.ts'
import {
  BOND_ASSETS_MAX,
  FAULT_KINDS,
  type FaultKind,
  PROVIDERS_MAX,
  type ProviderStatus,
  providersSchema,
} from './schema.ts'
import {
  enterEpoch,
  joinValidators,
  markSetChange,
  providersTables,
  settleSetChange,
  validates,
  validatorSet,
} from './validatorSet.ts'

export { providersParams, providersTables, validatorSet } from './validatorSet.ts'

export type Provider = InferFields<(typeof providersSchema)['records']['provider']['value']>
export type Profile = Provider['profile']

const fail = failuresOf(providersSchema)
const events = eventsOf(providersSchema)

export function getProvider(state: StateReader, id: number): Provider | undefined {
  return providersTables.provider.get(state, { id })
}

/** Ids of all members ever admitted, ascending; at most `PROVIDERS_MAX`. */
export function providerIds(state: StateReader): readonly number[] {
  return providersTables.index.get(state, {})?.providers ?? []
}

/** The member whose operator account this is. */
export function providerByOperator(state: StateReader, operator: Address): number | undefined {
  return providersTables.operator.get(state, { operator })?.provider
}

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

/**
 * Admits a member; genesis and governance call it, after the proof of possession of the key was verified.
 * In genesis it joins the validator set at once, later at the next boundary. Asserts that id, operator and key are new.
 */
export function addProvider(
  ctx: WriteContext,
  admitted: {
    readonly id: number
    readonly operator: Address
    readonly consensusKey: Uint8Array
    readonly peerId: Uint8Array
    readonly profile: Profile
  },
): void {
  const { id, operator, consensusKey, peerId, profile } = admitted
  const ids = providerIds(ctx.state)
  assert(!ids.includes(id) && ids.length < PROVIDERS_MAX, 'the provider id is new and within the bound')
  assert(providerByOperator(ctx.state, operator) === undefined, 'the operator is new')
  for (const other of ids) {
    const { consensusKey: taken } = providersTables.provider.mustGet(ctx.state, { id: other })
    assert(!equalBytes(taken, consensusKey), 'the consensus key is new')
  }
  const provider: Provider = { operator, consensusKey, peerId, status: 'active', profile }
  providersTables.provider.set(ctx.state, { id }, provider)
  providersTables.operator.set(ctx.state, { operator }, { provider: id })
  providersTables.index.set(ctx.state, {}, { providers: [...ids, id].sort((a, b) => a - b) })
  joinValidators(ctx, { id, operator, consensusKey, peerId })
}

/** Changes a member's status; one that gains or loses the vote changes the set at a boundary. */
export function setProviderStatus(ctx: WriteContext, id: number, status: ProviderStatus): void {
  const provider = mustExist(getProvider(ctx.state, id), 'the provider exists')
  if (provider.status === status) return
  providersTables.provider.set(ctx.state, { id }, { ...provider, status })
  if (validates(provider.status) !== validates(status)) markSetChange(ctx.state)
}

/**
 * Counts a fault and logs it; `amountBase` is the coins it concerned, 0 when none.
 * The tally is what penalties are computed from (ECONOMY §9); it is bounded by members × kinds.
 */
export function recordFault(
  ctx: WriteContext,
  fault: { readonly provider: number; readonly kind: FaultKind; readonly amountBase: bigint },
): void {
  const { provider, kind, amountBase } = fault
  assert(providersTables.provider.has(ctx.state, { id: provider }), 'the faulty provider exists')
  const known = providersTables.fault.get(ctx.state, { provider, kind })
  providersTables.fault.set(
    ctx.state,
    { provider, kind },
    {
      count: (known?.count ?? 0) + 1,
      amountBase: (known?.amountBase ?? 0n) + amountBase,
      firstHeight: known?.firstHeight ?? ctx.block.height,
      lastHeight: ctx.block.height,
    },
  )
  events.FaultRecorded(ctx, { provider, kind, amountBase })
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
    const id = providerByOperator(full, provider.operator)
    if (id === undefined || !ids.includes(id)) return 'a provider is missing in an index'
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

const invariants: readonly Invariant[] = [
  {
    id: '15',
    severity: 'stopMinting',
    doc: 'The validator set is sorted by id, has no duplicate and at least one member.',
    check(ctx) {
      const { validators } = validatorSet(ctx.state)
      if (validators.length === 0) return 'the validator set is empty'
      for (let i = 1; i < validators.length; i++) {
        if (validators[i - 1]!.id >= validators[i]!.id) return 'the validator set is not sorted by id'
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
  },
  beginBlock: enterEpoch,
  endBlock: settleSetChange,
  invariants,
})
