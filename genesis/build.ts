// Builds block 0 and its state from a genesis document; refuses one that breaks a rule.
// Owns: the order in which modules are initialised. Not: the rules (state/modules).
import { AssertionFailed } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../base/ids.ts'
import type { Failure } from '../base/moduleDefinition.ts'
import { evenFees, type Header, NO_LANE_GAS, type SealedBlock, sealBlock } from '../base/protocol/header.ts'
import { merkleRoot } from '../base/protocol/merkle.ts'
import { validatorSetHash } from '../base/protocol/validators.ts'
import { PPM } from '../base/units.ts'
import type { ChainConfig } from '../state/chain.ts'
import type { WriteContext } from '../state/context.ts'
import { issueAsset, registerAsset } from '../state/modules/assets/ledger.ts'
import { attestLot, pledgeLot } from '../state/modules/capacity/pledges.ts'
import { countAll } from '../state/modules/capacity/recount.ts'
import { ALL_SERVICES } from '../state/modules/capacity/schema.ts'
import { openWindows } from '../state/modules/capacity/windows.ts'
import { addClass, setReferences } from '../state/modules/catalogue/classes.ts'
import { mintAtGenesis } from '../state/modules/issuance/minting.ts'
import { settleCoverage } from '../state/modules/issuance/settle.ts'
import { openOracle } from '../state/modules/oracle/anchor.ts'
import { openReporters } from '../state/modules/oracle/appointments.ts'
import { setPrice } from '../state/modules/oracle/prices.ts'
import { addBond } from '../state/modules/providers/bonds.ts'
import { addProvider } from '../state/modules/providers/members.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../state/overlay.ts'
import { writeParameters } from '../state/parameters.ts'
import { receiptsRoot } from '../state/receipt.ts'
import { recountNow } from '../state/recount.ts'
import { MODULES } from '../state/registry.ts'
import { readReserve } from '../state/reserve.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import { openVersion } from '../state/upgrade.ts'
import { modulesAt } from '../state/versions.ts'
import type { StateChanges } from '../state/view.ts'
import { checkDocument } from './check.ts'
import { GenesisError } from './error.ts'
import { type Genesis, genesisHash } from './schema.ts'

/** Ids of classes and providers start at 1, in document order. */
const idOf = (index: number): number => index + 1

export interface GenesisBlock {
  readonly chain: ChainConfig
  readonly block: SealedBlock
  readonly hash: Hash32
  readonly state: MemoryState
  /** The whole state, written by the first commit. */
  readonly changes: StateChanges
  /** The caller must release it. */
  readonly tree: TreeVersion
}

function describeFailure(failure: Failure): string {
  const fields = Object.entries(failure.fields).map(([name, value]) => {
    return `${name}=${value instanceof Uint8Array ? toHex(value) : String(value)}`
  })
  return `${failure.code}(${fields.join(', ')})`
}

/** Runs one item; turns a module's failed assertion into a GenesisError for this path. */
function at<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof AssertionFailed) {
      throw new GenesisError(path, error.message.replace('assertion failed: ', 'broken rule: '))
    }
    throw error
  }
}

function writeCatalogue(ctx: WriteContext, genesis: Genesis): void {
  genesis.classes.forEach((entry, i) => {
    at(`classes[${i}]`, () => {
      addClass(ctx, idOf(i), entry)
      setReferences(ctx, idOf(i), entry.references)
    })
  })
}

function writeAssets(ctx: WriteContext, genesis: Genesis): void {
  genesis.assets.forEach((asset, i) => {
    at(`assets[${i}]`, () => {
      registerAsset(ctx, asset)
      setPrice(ctx.state, { asset: asset.id, priceBase: asset.coinPriceBase })
    })
  })
  genesis.assetBalances.forEach((balance, i) => {
    const path = `assetBalances[${i}]`
    at(path, () =>
      issueAsset(ctx, { asset: balance.assetId, to: balance.account, amountBase: balance.amountBase }),
    )
  })
}

function writeProvider(ctx: WriteContext, genesis: Genesis, i: number, options: BuildOptions): void {
  const provider = genesis.providers[i]!
  const path = `providers[${i}]`
  const id = idOf(i)
  if (
    options.areProofsChecked !== true &&
    !bls.verifyProof(provider.consensusKey, provider.possessionProof)
  ) {
    throw new GenesisError(`${path}.possessionProof`, 'does not prove possession of consensusKey')
  }
  at(path, () => addProvider(ctx, { id, ...provider }))
  provider.bonds.forEach(({ assetId, amountBase }, b) => {
    const from = provider.operator
    at(`${path}.bonds[${b}]`, () => {
      issueAsset(ctx, { asset: assetId, to: from, amountBase })
      addBond(ctx, { provider: id, asset: assetId, from, amountBase })
    })
  })
  for (const [l, lot] of provider.lots.entries()) {
    writeLot(ctx, genesis, { provider: id, lot, path: `${path}.lots[${l}]` })
  }
}

function writeLot(
  ctx: WriteContext,
  genesis: Genesis,
  entry: {
    readonly provider: number
    readonly lot: Genesis['providers'][number]['lots'][number]
    readonly path: string
  },
): void {
  const { provider, lot, path } = entry
  const classIndex = genesis.classes.findIndex((c) => c.slug === lot.class)
  if (classIndex < 0) throw new GenesisError(`${path}.class`, `${lot.class} is not in the catalogue`)
  const pledged = at(path, () =>
    pledgeLot(ctx, {
      provider,
      classId: idOf(classIndex),
      devices: lot.devices,
      deviceRoot: lot.deviceRoot,
      region: lot.region,
      services: ALL_SERVICES,
      firstWindow: 0,
    }),
  )
  if (pledged.refusal !== undefined) throw new GenesisError(path, describeFailure(pledged.refusal))
  // Genesis lots count at once, attested by the consortium until their first audit (ECONOMY §2).
  at(path, () => attestLot(ctx, { lot: pledged.lot, auditPpm: PPM, countsFrom: 0 }))
}

function writeBalances(ctx: WriteContext, genesis: Genesis): void {
  genesis.balances.forEach((balance, i) => {
    const path = `balances[${i}]`
    if (genesis.providers[balance.backedBy] === undefined) {
      throw new GenesisError(
        `${path}.backedBy`,
        `${balance.backedBy}, expected the index of a provider, 0 to ${genesis.providers.length - 1}`,
      )
    }
    const refusal = at(path, () =>
      mintAtGenesis(ctx, {
        provider: idOf(balance.backedBy),
        to: balance.account,
        amountBase: balance.amountBase,
      }),
    )
    if (refusal !== undefined) throw new GenesisError(path, describeFailure(refusal))
  })
}

function checkInvariants(ctx: WriteContext, state: MemoryState): void {
  for (const module of modulesAt(MODULES, ctx.block.protocolVersion)) {
    for (const invariant of module.rules.invariants ?? []) {
      const reason = invariant.check?.(ctx) ?? recountNow(invariant, state, ctx)
      if (reason !== undefined) throw new GenesisError('state', `invariant ${invariant.id}: ${reason}`)
    }
  }
}

export interface BuildOptions {
  /** Skips the proofs of possession, already checked for this document; each costs 50 to 150 ms. */
  readonly areProofsChecked?: boolean
}

/** Builds block 0; throws GenesisError naming the field and the reason. */
export function buildGenesis(genesis: Genesis, options: BuildOptions = {}): GenesisBlock {
  checkDocument(genesis)
  const hash = genesisHash(genesis)
  const state = new MemoryState()
  const ctx: WriteContext = {
    state,
    block: {
      chainId: genesis.chainId,
      genesisHash: hash,
      protocolVersion: genesis.params.accounts.protocolVersion,
      epoch: 0,
      view: 0,
      height: 0,
      timestampMs: genesis.timestampMs,
      parentTimestampMs: genesis.timestampMs,
      proposer: ZERO_ADDRESS,
      mix: hash,
      baseFeePerGas: genesis.baseFeePerGas,
      modules: modulesAt(MODULES, genesis.params.accounts.protocolVersion),
    },
    // Block 0 has no receipts; the document records its content.
    emit: () => {},
  }
  writeParameters(state, MODULES, genesis.params)
  openVersion(state, ctx.block.protocolVersion)
  openOracle(state, genesis.anchor)
  openWindows(state, genesis.timestampMs)
  writeCatalogue(ctx, genesis)
  writeAssets(ctx, genesis)
  genesis.providers.forEach((_, i) => {
    writeProvider(ctx, genesis, i, options)
  })
  at('oracle.reporters', () => openReporters(ctx, genesis.oracle?.reporters ?? []))
  countAll(ctx)
  settleCoverage(ctx)
  writeBalances(ctx, genesis)
  settleCoverage(ctx)
  checkInvariants(ctx, state)
  const changes = new Map(state.entries(''))
  const tree = TreeVersion.empty().update(changes)
  const header: Header = {
    version: ctx.block.protocolVersion,
    epoch: 0,
    view: 0,
    height: 0,
    parentHash: ZERO_HASH,
    timestampMs: genesis.timestampMs,
    proposer: ZERO_ADDRESS,
    randaoReveal: new Uint8Array(0),
    mix: hash,
    stateRoot: tree.rootHash,
    receiptsRoot: receiptsRoot([], []),
    transactionsRoot: merkleRoot([]),
    gasUsed: 0,
    laneGas: NO_LANE_GAS,
    gasLimit: genesis.params.accounts.blockGasLimit,
    ...evenFees(genesis.baseFeePerGas),
    reserve: readReserve(modulesAt(MODULES, ctx.block.protocolVersion), state),
    setHash: validatorSetHash(validatorSet(state)),
    endsEpoch: false,
  }
  const chain: ChainConfig = { chainId: genesis.chainId, genesisHash: hash, modules: MODULES }
  return { chain, block: sealBlock({ header, transactions: [] }), hash, state, changes, tree }
}
