// The genesis of a devnet: the usual one with what its starter wants otherwise, or one from a file. Owns: both, and their checks.
// Not: the usual document (genesis/devnet.ts), the folders (directories.ts).
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { errorText, OperatorError } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { buildGenesis } from '../genesis/build.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_VALIDATORS, devnetGenesis } from '../genesis/devnet.ts'
import { type Genesis, genesisSchema } from '../genesis/schema.ts'
import { readGenesis } from '../node/nodeDir.ts'
import { peerIdBytesFromSeed } from '../p2p/identity.ts'

/** Index whose operator issues the settlement asset. */
const ASSET_ISSUER_INDEX = 99
/** A window's end creates work that the next window's blocks must finish (genesis/build.ts). */
const BLOCKS_PER_WINDOW_MIN = 10

/** Funded accounts of a devnet. */
export const ACCOUNTS_MAX = 100

/** By path, as `redemption.assignAhead`; values in the form of the genesis document. */
export type ParameterOverrides = Readonly<Record<string, Json>>

export interface GenesisOptions {
  readonly validators: number
  readonly blockTimeMs: number
  readonly windowMs: number
  readonly chainId?: number
  /** How many funded accounts; default ten. */
  readonly accounts?: number
  /** Whole coins of each; default 10,000. */
  readonly balanceCoins?: number
  readonly params?: ParameterOverrides
}

/** The devnet's genesis with the published keys. Throws OperatorError naming what a rule forbids. */
export function developmentGenesis(options: GenesisOptions): Genesis {
  const windowMin = BLOCKS_PER_WINDOW_MIN * options.blockTimeMs
  if (options.windowMs < windowMin) {
    throw new OperatorError(
      `window: expected at least ${BLOCKS_PER_WINDOW_MIN} times the block time, here ${windowMin} ms`,
    )
  }
  const members = Array.from({ length: options.validators }, (_, i) => {
    const { operator, consensusSecret, peerSeed, possessionProof } = developmentValidator(i)
    return {
      operator: operator.address,
      consensusKey: bls.publicKey(consensusSecret),
      possessionProof: possessionProof(),
      peerId: peerIdBytesFromSeed(peerSeed),
    }
  })
  const genesis = devnetGenesis({
    members,
    accounts: developmentAccounts(options.accounts).map((account) => account.address),
    assetIssuer: developmentValidator(ASSET_ISSUER_INDEX).operator.address,
    minBlockIntervalMs: options.blockTimeMs,
    windowMs: options.windowMs,
    ...(options.chainId === undefined ? {} : { chainId: options.chainId }),
    ...(options.balanceCoins === undefined ? {} : { accountCoins: BigInt(options.balanceCoins) }),
  })
  return checked(withParameters(genesis, options.params ?? {}), options)
}

/** Every rule of genesis holds for the usual document; with other figures it is tried. */
function checked(genesis: Genesis, { accounts, balanceCoins, params, validators }: GenesisOptions): Genesis {
  const isUsual = accounts === undefined && balanceCoins === undefined && params === undefined
  if (isUsual && validators >= DEVNET_VALIDATORS.usual) return genesis
  try {
    // The proofs of possession were just made.
    buildGenesis(genesis, { areProofsChecked: true }).tree.release()
  } catch (error) {
    throw new OperatorError(errorText(error))
  }
  return genesis
}

function withParameters(genesis: Genesis, overrides: ParameterOverrides): Genesis {
  const entries = Object.entries(overrides)
  if (entries.length === 0) return genesis
  const document = structuredClone(genesisSchema.toJson(genesis)) as {
    readonly params: { readonly [module: string]: { [name: string]: Json } }
  }
  for (const [path, value] of entries) {
    const [module = '', name = '', ...more] = path.split('.')
    const known = Object.hasOwn(document.params, module) ? document.params[module]! : undefined
    if (known === undefined || more.length > 0 || !Object.hasOwn(known, name)) {
      throw new OperatorError(
        `there is no parameter ${path.slice(0, 100)}: expected MODULE.NAME as in the genesis document`,
      )
    }
    known[name] = value
  }
  try {
    return genesisSchema.fromJson(document as never)
  } catch (error) {
    throw new OperatorError(errorText(error))
  }
}

/**
 * A genesis document whose members have the published keys of development, in their order: no devnet has others. Throws
 * OperatorError naming the field.
 */
export function readDevelopmentGenesis(file: string): Genesis {
  const genesis = readGenesis(file)
  checkDevelopmentGenesis(genesis, file)
  return genesis
}

/**
 * Throws OperatorError naming the first member that does not have the published keys. `file`: where the document is from.
 * `areOperatorsFree`: those of a forked chain stay who they are.
 */
export function checkDevelopmentGenesis(
  genesis: Genesis,
  file: string,
  { areOperatorsFree = false }: { readonly areOperatorsFree?: boolean } = {},
): void {
  const { max } = DEVNET_VALIDATORS
  if (genesis.providers.length > max) {
    throw new OperatorError(`${file}: providers: ${genesis.providers.length}, a devnet has ${max} at most`)
  }
  for (const [i, { operator, consensusKey, peerId }] of genesis.providers.entries()) {
    const own = developmentValidator(i)
    const operatorField = ['operator', operator, own.operator.address] as const
    const fields = [
      ...(areOperatorsFree ? [] : [operatorField]),
      ['consensusKey', consensusKey, bls.publicKey(own.consensusSecret)],
      ['peerId', peerId, peerIdBytesFromSeed(own.peerSeed)],
    ] as const
    for (const [name, given, wanted] of fields) {
      if (toHex(given) === toHex(wanted)) continue
      throw new OperatorError(
        `${file}: providers[${i}].${name}: expected the public development key ${toHex(wanted)}; \`suanli genesis devnet\` writes all of them`,
      )
    }
  }
}

/** The development accounts that a genesis gives coins to. */
export function fundedAccounts(genesis: Genesis): readonly DevelopmentAccount[] {
  const funded = new Set(genesis.balances.map(({ account }) => toHex(account)))
  const isFunded = ({ address }: DevelopmentAccount): boolean => funded.has(toHex(address))
  let found: readonly DevelopmentAccount[] = developmentAccounts().filter(isFunded)
  // Each costs milliseconds to derive: no more than there are.
  for (let count = found.length + 1; count <= ACCOUNTS_MAX; count++) {
    const more = developmentAccounts(count)
    if (more.length <= found.length || !isFunded(more.at(-1)!)) break
    found = [...more.filter(isFunded)]
  }
  return found
}
