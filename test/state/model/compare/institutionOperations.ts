// Operations of the oracle, of defaults and of exits, as calldata for the chain and as a function call for the model. Not: how often
// they are drawn (institutionDraws.ts).

import { utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../../../../base/ids.ts'
import { reportCommitment } from '../../../../base/protocol/oracleReport.ts'
import { bidCommitment } from '../../../../base/protocol/sealedBid.ts'
import { commitBid, revealBid } from '../auction.ts'
import { convict } from '../defaults.ts'
import {
  acceptNovation,
  beginExit,
  completeExit,
  offerNovation,
  withdrawBond,
  withdrawNovation,
} from '../exits.ts'
import { type GovernanceTerms, propose } from '../governance.ts'
import type { Outcome } from '../issuance.ts'
import { commit, reveal } from '../oracle.ts'
import { setQuote } from '../prices.ts'
import type { World } from '../world.ts'
import { nameOf, walletOf } from './wallets.ts'

interface Prices {
  readonly rating: bigint
  readonly prices: readonly { readonly asset: number; readonly priceBase: bigint }[]
}

/** Wallets stand for accounts; salts are numbers. */
export type InstitutionOperation =
  | ({
      readonly kind: 'commit'
      readonly window: number
      /** Wallet that the commitment is bound to. */
      readonly account: number
      readonly salt: number
    } & Prices)
  | ({ readonly kind: 'reveal'; readonly window: number; readonly salt: number } & Prices)
  | {
      readonly kind: 'proposeReporters'
      readonly appoint: readonly { readonly wallet: number; readonly name: string }[]
      readonly dismiss: readonly number[]
    }
  | {
      readonly kind: 'proposeSpending'
      readonly asset: number
      readonly to: number
      readonly amountBase: bigint
    }
  | {
      readonly kind: 'proposeClass'
      readonly slug: string
      readonly train: bigint
      readonly finetune: bigint
      readonly infer: bigint
      readonly specOnly: boolean
    }
  | {
      readonly kind: 'commitBid'
      readonly provider: number
      /** Member that the commitment is bound to. */
      readonly bidder: number
      readonly amountBase: bigint
      readonly sharePpm: bigint
      readonly salt: number
    }
  | {
      readonly kind: 'revealBid'
      readonly provider: number
      readonly amountBase: bigint
      readonly sharePpm: bigint
      readonly salt: number
    }
  | {
      readonly kind: 'offerNovation'
      readonly to: number
      readonly amountBase: bigint
      readonly asset: number
      readonly paymentBase: bigint
    }
  | { readonly kind: 'withdrawNovation' | 'beginExit' | 'completeExit' }
  | {
      readonly kind: 'acceptNovation'
      readonly from: number
      readonly amountBase: bigint
      readonly asset: number
      readonly paymentBase: bigint
    }
  | { readonly kind: 'withdrawBond'; readonly asset: number; readonly amountBase: bigint }
  | { readonly kind: 'convict'; readonly provider: number }
  /** A price as genesis sets it: only before there are reporters. */
  | { readonly kind: 'price'; readonly asset: number; readonly priceBase: bigint }

export const INSTITUTION_MODULES: Readonly<Record<InstitutionOperation['kind'], string>> = {
  commit: 'oracle',
  reveal: 'oracle',
  proposeReporters: 'governance',
  proposeSpending: 'governance',
  proposeClass: 'governance',
  commitBid: 'default',
  revealBid: 'default',
  offerNovation: 'default',
  withdrawNovation: 'default',
  acceptNovation: 'default',
  beginExit: 'default',
  completeExit: 'default',
  withdrawBond: 'default',
  convict: 'driver',
  price: 'driver',
}

export const isInstitutional = (operation: { readonly kind: string }): operation is InstitutionOperation =>
  operation.kind in INSTITUTION_MODULES

const standing = (priceBase: bigint) => ({
  priceBase,
  bondPriceBase: priceBase,
  lockPriceBase: priceBase,
  renewedWindow: undefined,
})

const saltOf = (salt: number): Hash32 => sha256(utf8(`salt ${salt}`))

/** Arguments as the chain's action takes them. */
export function institutionArgs(genesisHash: Hash32, operation: InstitutionOperation): object {
  switch (operation.kind) {
    case 'commit': {
      const { window, account, salt, rating, prices } = operation
      const report = { rating, prices: [...prices] }
      const hidden = { genesisHash, window, account: walletOf(account), salt: saltOf(salt), report }
      return { window, commitment: reportCommitment(hidden) }
    }
    case 'reveal':
    case 'revealBid':
      return { ...operation, salt: saltOf(operation.salt) }
    case 'proposeReporters': {
      const appoint = operation.appoint.map(({ wallet, name }) => ({ account: walletOf(wallet), name }))
      return { appoint, dismiss: operation.dismiss }
    }
    case 'proposeSpending':
      return { ...operation, to: walletOf(operation.to) }
    case 'proposeClass': {
      const { slug, train, finetune, infer, specOnly } = operation
      const rated = {
        trainPpm: train,
        finetunePpm: finetune,
        inferPpm: infer,
        specOnly,
        evidenceHash: ZERO_HASH,
      }
      return { slug, vendor: 'Vendor', model: 'Model', memoryGb: 80, ...rated }
    }
    case 'commitBid': {
      const commitment = bidCommitment(genesisHash, { ...operation, salt: saltOf(operation.salt) })
      return { provider: operation.provider, commitment }
    }
    default:
      return operation
  }
}

const text = (...parts: readonly unknown[]): string =>
  JSON.stringify(parts, (_, value) => (typeof value === 'bigint' ? `${value}` : value))

const reportText = (
  account: number,
  { window, salt, rating, prices }: Prices & { window: number; salt: number },
) => text(account, window, salt, rating, prices)

export function applyInstitution(
  world: World,
  from: number,
  operation: InstitutionOperation,
  governance: GovernanceTerms,
): Outcome {
  const sender = nameOf(from)
  switch (operation.kind) {
    case 'commit': {
      const commitment = reportText(operation.account, operation)
      return commit(world, sender, { window: operation.window, commitment })
    }
    case 'reveal':
      return reveal(world, sender, { ...operation, opened: reportText(from, operation) })
    case 'proposeReporters': {
      const appoint = operation.appoint.map(({ wallet, name }) => ({ account: nameOf(wallet), name }))
      const reporters = { appoint, dismiss: operation.dismiss }
      return propose(world, governance, sender, { kind: 'reporters', provider: 0, reporters })
    }
    case 'proposeSpending': {
      const { asset, to, amountBase } = operation
      const spending = { asset, to: nameOf(to), amountBase }
      return propose(world, governance, sender, { kind: 'spend', provider: 0, spending })
    }
    case 'proposeClass': {
      const { slug, train, finetune, infer, specOnly } = operation
      const hardware = { slug, ratingsPpm: { train, finetune, infer }, specOnly }
      return propose(world, governance, sender, { kind: 'class', provider: 0, hardware })
    }
    case 'commitBid': {
      const { provider, bidder, amountBase, sharePpm, salt } = operation
      const commitment = text(provider, bidder, amountBase, sharePpm, salt)
      return commitBid(world, sender, { provider, commitment })
    }
    case 'revealBid': {
      const { provider, amountBase, sharePpm, salt } = operation
      const opened = text(provider, from, amountBase, sharePpm, salt)
      return revealBid(world, sender, { provider, opened, amountBase, sharePpm })
    }
    case 'offerNovation':
      return offerNovation(world, sender, operation)
    case 'withdrawNovation':
      return withdrawNovation(world, sender)
    case 'acceptNovation':
      return acceptNovation(world, sender, operation)
    case 'beginExit':
      return beginExit(world, sender)
    case 'completeExit':
      return completeExit(world, governance, sender)
    case 'withdrawBond':
      return withdrawBond(world, sender, operation)
    case 'convict':
      convict(world, operation.provider)
      return undefined
    case 'price':
      setQuote(world, operation.asset, standing(operation.priceBase))
      return undefined
  }
}
