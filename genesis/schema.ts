// The genesis document: one message that gives its JSON form, its canonical bytes and the genesis hash.
// Owns: the shape. Not: its rules and the resulting state (build.ts).
import { sha256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import { sectionsMessage } from '../base/moduleDefinition.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { message, t } from '../base/schema.ts'
import { REFERENCES_MAX, referenceSchema } from '../state/modules/catalogue/schema.ts'
import { REPORTERS_MAX } from '../state/modules/oracle/schema.ts'
import { profileSchema } from '../state/modules/providers/schema.ts'
import { schemas } from '../state/schemas.ts'

const CLASSES_MAX = 1024
const PROVIDERS_MAX = 256
const ASSETS_MAX = 64
const LOTS_MAX = 256
const BALANCES_MAX = 100_000

/** Timing of consensus; every validator must use the same, so it is part of genesis. */
export const consensusTimingSchema = message('ConsensusTiming', {
  /** Assumed bound on one network hop, ms (Δ of CONSENSUS §2). */
  networkDelayMs: t.u32,
  /** Maximum time without a block on an idle chain, ms; at most a quarter of a capacity window. */
  heartbeatMs: t.u32,
  /** Assumed clock precision between validators, ms. */
  precisionMs: t.u32,
  /** Oldest acceptable proposal timestamp at arrival, ms; at least buildMs + 2 networkDelayMs. */
  messageDelayMs: t.u32,
  /** Budget for building a block, ms. */
  buildMs: t.u32,
  /** Budget for verifying a block, ms. */
  verifyMs: t.u32,
})
export type ConsensusTiming = ReturnType<typeof consensusTimingSchema.decode>

export const genesisClassSchema = message('GenesisClass', {
  slug: t.text(32),
  vendor: t.text(32),
  model: t.text(64),
  memoryGb: t.u32,
  trainPpm: t.ppm,
  finetunePpm: t.ppm,
  inferPpm: t.ppm,
  /** No rating is backed by a benchmark. */
  specOnly: t.bool,
  evidenceHash: t.hash,
  /** Published throughputs, which tariffs are compared with. */
  references: t.list(referenceSchema, REFERENCES_MAX),
})

export const genesisAssetSchema = message('GenesisAsset', {
  id: t.u32,
  name: t.text(64),
  symbol: t.text(16),
  decimals: t.u8,
  issuer: t.address,
  /** Price of one SCU-hour (one coin) in base units of this asset. */
  coinPriceBase: t.amount,
})

export const genesisLotSchema = message('GenesisLot', {
  /** Slug of a class in `classes`. */
  class: t.text(32),
  devices: t.u32,
  /** Merkle root of the registered device nullifiers; unique. */
  deviceRoot: t.hash,
  region: t.text(16),
})

export const genesisBondSchema = message('GenesisBond', { assetId: t.u32, amountBase: t.amount })

export const genesisProviderSchema = message('GenesisProvider', {
  operator: t.address,
  consensusKey: t.fixed(48),
  /** Proof that the provider holds the secret of `consensusKey`. */
  possessionProof: t.fixed(96),
  peerId: t.bytes(64),
  profile: profileSchema,
  bonds: t.list(genesisBondSchema, ASSETS_MAX),
  lots: t.list(genesisLotSchema, LOTS_MAX),
})

/** A balance is a mint: it names the provider whose capacity backs it (index in `providers`). */
export const genesisBalanceSchema = message('GenesisBalance', {
  account: t.address,
  amountBase: t.amount,
  backedBy: t.u32,
})

export const genesisAssetBalanceSchema = message('GenesisAssetBalance', {
  assetId: t.u32,
  account: t.address,
  amountBase: t.amount,
})

export const genesisReporterSchema = message('GenesisReporter', { account: t.address, name: t.text(64) })

export const genesisOracleSchema = message('GenesisOracle', {
  /** The independent reporters, who report from the first window on. */
  reporters: t.list(genesisReporterSchema, REPORTERS_MAX),
})

export const genesisSchema = message('Genesis', {
  name: t.text(64),
  chainId: t.u64,
  timestampMs: t.u64,
  /** Base fee of every lane in block 0, wei per gas. */
  baseFeePerGas: t.amount,
  /** Rating that one SCU delivers, ppm of the reference device. */
  anchor: t.ppm,
  consensus: consensusTimingSchema,
  /** A section for each module that has parameters. */
  params: sectionsMessage('GenesisParams', schemas),
  assets: t.list(genesisAssetSchema, ASSETS_MAX),
  classes: t.list(genesisClassSchema, CLASSES_MAX),
  providers: t.list(genesisProviderSchema, PROVIDERS_MAX),
  balances: t.list(genesisBalanceSchema, BALANCES_MAX),
  assetBalances: t.list(genesisAssetBalanceSchema, BALANCES_MAX),
  /** Absent when nobody reports yet: then the anchor holds, and the prices of `assets` stand. */
  oracle: t.optional(genesisOracleSchema),
})
export type Genesis = ReturnType<typeof genesisSchema.decode>

/** SHA-256 of the canonical bytes; the chain's identity in every signed message. */
export function genesisHash(genesis: Genesis): Hash32 {
  return sha256(genesisSchema.encode(genesis))
}

/** The genesis set: the providers in order, with ids from 1. */
export function genesisValidators(genesis: Genesis): ValidatorSet {
  return {
    validators: genesis.providers.map(({ operator, consensusKey, peerId }, i) => ({
      id: i + 1,
      operator,
      consensusKey,
      peerId,
    })),
  }
}
