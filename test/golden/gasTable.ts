// `npm run bench:gas`: what each action of the recorded chain costs per gas, compared with a transfer, and what it leaves to
// the ends of blocks with it. Within one process and alternating, so that a busy or throttled machine slows both alike.
// Not: costs that grow with the chain (bench/).
import { gunzipSync } from 'node:zlib'
import { decodeAbi } from '../../base/abi.ts'
import { utf8 } from '../../base/bytes.ts'
import { nativeBls } from '../../base/crypto/blsNative.ts'
import { nobleBls } from '../../base/crypto/blsNoble.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Fields } from '../../base/field.ts'
import { openBlock } from '../../base/protocol/header.ts'
import { VALIDATORS_MAX } from '../../base/protocol/limits.ts'
import { percentile } from '../../bench/statistics.ts'
import { buildGenesis, type GenesisBlock } from '../../genesis/build.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import { newBlockWork, Walk } from '../../state/blockWork.ts'
import { BlockRun } from '../../state/engine.ts'
import { executeBlock, type ParentView } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { ACT_STEPS, getCursors } from '../../state/modules/redemption/cursors.ts'
import { settleVouchered } from '../../state/modules/redemption/vouchers.ts'
import { ACT_STEPS as SERIES_STEPS } from '../../state/modules/series/steps.ts'
import { MemoryState } from '../../state/overlay.ts'
import {
  decodeTransaction,
  recoverSender,
  signTransaction,
  TRANSFER_GAS,
  type Transaction,
} from '../../state/transaction.ts'
import { readGolden } from './files.ts'
import { actionOf, cutFrames } from './replay.ts'
import { MEASURED, SeriesWork } from './seriesWork.ts'

/** Runs of each block after the first few, which warm up; the fastest counts, since other work shares the machine. */
const RUNS = 15
const WARM_UP_RUNS = 5
/** Actions above this ratio, or below the other one, fail the program. */
const RATIO_MAX = 2
const RATIO_MIN = 0.3
/**
 * Below it for a reason: a request and a purchase pay by the steps that a block has, not by their time; the others cost more than on the
 * recorded chain where there is more in them, and have one price.
 */
const CHEAP = new Set([
  'redemption.request',
  'series.buy',
  'accounts.batch',
  'capacity.giveNotice',
  'evidence.submitEvidence',
])
/** Longer than any walk of the recorded chain. */
const ALL_STEPS = 1_000_000_000
const SETTLE = 'redemption.settle'
const BUY = 'series.buy'
/** What actions leave to the ends of later blocks, in steps of the block's budget, where it is not measured itself. */
const LATER_STEPS = new Map([
  ['redemption.request', ACT_STEPS.place + ACT_STEPS.assign],
  ['redemption.reject', ACT_STEPS.assign],
  ['redemption.cancel', ACT_STEPS.remove],
  // A look in each of some ten windows, coins for its receipts, and its removal.
  ['series.open', 10 * SERIES_STEPS.look + SERIES_STEPS.convert + SERIES_STEPS.remove],
])
const PAYER = developmentAccounts()[9]!

interface Sample {
  readonly gas: number
  readonly microseconds: number
}

const medianOf = (values: readonly number[]): number => percentile(values, 50)

const now = (): number => performance.now() * 1_000

/** Time of one call, and its result. */
function timed<T>(run: () => T): readonly [number, T] {
  const start = now()
  const result = run()
  return [now() - start, result]
}

/** As `timed`, for calls so long that other processes interrupt them: of the processor's time, if that is less. */
function timedLong<T>(run: () => T): readonly [number, T] {
  const before = process.cpuUsage()
  const [microseconds, result] = timed(run)
  const { user, system } = process.cpuUsage(before)
  return [Math.min(microseconds, user + system), result]
}

function mustDecode(raw: Uint8Array, chainId: number): Transaction {
  const decoded = decodeTransaction(raw, chainId)
  if ('failure' in decoded) throw new Error(decoded.failure.message)
  return decoded.transaction
}

/** The backend below the memory of proofs: each is verified once, and then costs nothing. */
const backend = nativeBls ?? nobleBls

/** Actions with a proof of possession, whose verification the repeated runs do not have. */
const PROVING = new Map<string, Fields>([
  ['governance.proposeAdmission', governanceSchema.actions.proposeAdmission.args],
  ['providers.rotateConsensusKey', providersSchema.actions.rotateConsensusKey.args],
])

/** Microseconds that an action costs only the first time. */
function firstTime(name: string, data: Uint8Array): number {
  const args = PROVING.get(name)
  if (args === undefined) return 0
  const types = Object.values(args).map((field) => field.abi!)
  const values = decodeAbi(types, data.subarray(4))
  const at = (field: string): Uint8Array => values[Object.keys(args).indexOf(field)] as Uint8Array
  // Not the very first either, which compiles the code: what counts is whoever sends many.
  const times = Array.from({ length: RUNS }, () => {
    const [microseconds, isValid] = timedLong(() =>
      backend.verifyProof(at('consensusKey'), at('possessionProof')),
    )
    if (!isValid) throw new Error(`${name}: its proof is not valid`)
    return microseconds
  })
  return Math.min(...times)
}

/** Microseconds for both sides of evidence that names the largest set, whose keys nobody has decoded yet. */
function largestEvidence(): number {
  const message = sha256(utf8('statement'))
  const times = Array.from({ length: 5 }, (_, round) => {
    const secrets = Array.from({ length: VALIDATORS_MAX }, (_, i) =>
      backend.keygen(sha256(utf8(`gas table ${round} ${i}`))),
    )
    const keys = secrets.map((secret) => backend.publicKey(secret))
    const signature = backend.aggregate(secrets.map((secret) => backend.sign(secret, message)))!
    const [microseconds, isValid] = timedLong(
      () =>
        backend.verifyAggregate(keys, message, signature) &&
        backend.verifyAggregate(keys, message, signature),
    )
    if (!isValid) throw new Error('the aggregate is valid')
    return microseconds
  })
  return Math.min(...times)
}

class GasTable {
  readonly #genesis: GenesisBlock
  readonly #samples = new Map<string, Sample[]>()
  readonly #transfers: number[] = []
  readonly #series = new SeriesWork(treeTime)
  /** Microseconds of settling one voucher at a block's end. */
  readonly #settlements: number[] = []

  constructor(genesis: GenesisBlock) {
    this.#genesis = genesis
  }

  /** Measures the transactions of one block several times on its parent, a transfer after each run. */
  measure(parent: ParentView, bytes: Uint8Array): void {
    const block = openBlock(bytes)
    const { chain } = this.#genesis
    this.#series.measure(parent, () => new BlockRun(chain, parent, block.header))
    if (block.transactions.length === 0) return
    const times: number[][] = block.transactions.map(() => [])
    const transfers: number[] = []
    const names: string[] = []
    const gas: number[] = []
    const settled: number[] = []
    for (let round = -WARM_UP_RUNS; round < RUNS; round++) {
      const run = new BlockRun(chain, parent, block.header)
      run.begin()
      block.transactions.forEach((raw, i) => {
        const before = run.gasUsed
        const [microseconds, transaction] = this.#apply(run, parent, raw)
        if (round >= 0) times[i]!.push(microseconds)
        gas[i] = run.gasUsed - before
        const { succeeded } = run.receipts[i]!
        names[i] = succeeded ? actionOf(transaction.to, transaction.data) : 'failed'
        if (names[i] === SETTLE && round >= 0) settled.push(this.#settleNow(run, parent))
      })
      const [microseconds] = this.#apply(run, parent, this.#transfer(run))
      if (round >= 0) transfers.push(microseconds)
    }
    this.#transfers.push(Math.min(...transfers))
    if (settled.length > 0) this.#settlements.push(Math.min(...settled))
    names.forEach((name, i) => {
      if (name === 'failed') return
      const { data } = mustDecode(block.transactions[i]!, chain.chainId)
      const sample = { gas: gas[i]!, microseconds: Math.min(...times[i]!) + firstTime(name, data) }
      this.#add(name, sample)
      if (name === 'evidence.submitEvidence') {
        const ofAll = { ...sample, microseconds: sample.microseconds + largestEvidence() }
        this.#add(`${name}, ${VALIDATORS_MAX} keys`, ofAll)
      }
    })
  }

  #add(name: string, sample: Sample): void {
    this.#samples.set(name, [...(this.#samples.get(name) ?? []), sample])
  }

  /** Microseconds a voucher of settling those of this block, and their keys of the tree; leaves no trace. */
  #settleNow(run: BlockRun, parent: ParentView): number {
    const { overlay, block } = run
    const { settleHead, settleTail } = getCursors(overlay)
    if (settleHead === settleTail) return 0
    const mark = overlay.savepoint()
    const keysBefore = new Set(overlay.changes().keys())
    const budget = { left: ALL_STEPS, walk: new Walk(newBlockWork(), ALL_STEPS) }
    const [microseconds] = timed(() => settleVouchered({ state: overlay, block, emit: () => {} }, budget))
    const all = microseconds + treeTime(run, parent, keysBefore)
    overlay.rollback(mark)
    return all / (settleTail - settleHead)
  }

  /** Microseconds of what an action leaves to the ends of blocks. */
  #laterOf(name: string): number {
    const settlement = medianOf(this.#settlements)
    if (name === SETTLE) return settlement
    if (name === BUY) return this.#series.of('settle')?.microseconds ?? 0
    return ((LATER_STEPS.get(name) ?? 0) * settlement) / ACT_STEPS.settle
  }

  /** Everything that one transaction makes a node do: decoding, its signature, its call, and its keys of the tree. */
  #apply(run: BlockRun, parent: ParentView, raw: Uint8Array): readonly [number, Transaction] {
    const keysBefore = new Set(run.overlay.changes().keys())
    const [microseconds, transaction] = timed(() => {
      const decoded = mustDecode(raw, this.#genesis.chain.chainId)
      const sender = recoverSender(decoded)
      const refusal = sender === undefined ? undefined : run.apply(decoded, sender)
      if (sender === undefined || refusal !== undefined) throw new Error(refusal?.detail ?? 'no sender')
      return decoded
    })
    return [microseconds + treeTime(run, parent, keysBefore), transaction]
  }

  #transfer(run: BlockRun): Uint8Array {
    const { nonce } = getAccount(run.overlay, PAYER.address)
    const { chainId } = this.#genesis.chain
    const price = { maxPriorityFeePerGas: 1n, maxFeePerGas: 10n ** 12n }
    const fields = { type: 2 as const, chainId, nonce, ...price, gasLimit: TRANSFER_GAS, accessList: [] }
    // A receiver without an account: a transfer that creates it is the dearest.
    const to = new Uint8Array(20).fill(1)
    return signTransaction({ ...fields, to, valueBase: 1n, data: new Uint8Array(0) }, PAYER.secretKey)
  }

  /** Prints the table; returns the actions beyond the bounds. */
  print(): readonly string[] {
    const transfer = medianOf(this.#transfers)
    const perGas = transfer / TRANSFER_GAS
    console.log(
      `action                          samples      gas       µs    later  ratio to a transfer of ${transfer.toFixed(0)} µs`,
    )
    const beyond: string[] = []
    for (const [name, samples] of [...this.#samples].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const later = this.#laterOf(name)
      const ratio = medianOf(samples.map(({ gas, microseconds }) => (microseconds + later) / gas / perGas))
      if (ratio > RATIO_MAX || (ratio < RATIO_MIN && !CHEAP.has(name))) beyond.push(name)
      const cells = [
        String(samples.length).padStart(7),
        String(medianOf(samples.map(({ gas }) => gas))).padStart(8),
        medianOf(samples.map(({ microseconds }) => microseconds))
          .toFixed(0)
          .padStart(8),
        later.toFixed(0).padStart(8),
      ]
      console.log(`${name.padEnd(31)} ${cells.join(' ')} ${ratio.toFixed(2).padStart(6)}`)
    }
    this.#printSeries()
    return beyond
  }

  /** What primary sales leave to blocks, in µs and in steps, of which a voucher's settlement is so many. */
  #printSeries(): void {
    const step = medianOf(this.#settlements) / ACT_STEPS.settle
    for (const act of MEASURED) {
      const found = this.#series.of(act)
      if (found === undefined) continue
      const { samples, microseconds } = found
      const cells = [String(samples).padStart(7), microseconds.toFixed(0).padStart(17)]
      console.log(`series, ${act.padEnd(23)} ${cells.join(' ')} ${Math.ceil(microseconds / step)} steps`)
    }
  }
}

/** Microseconds of the tree for the keys that were not among these. */
function treeTime(run: BlockRun, parent: ParentView, keysBefore: ReadonlySet<string>): number {
  const written = new Map([...run.overlay.changes()].filter(([key]) => !keysBefore.has(key)))
  const [microseconds, tree] = timed(() => parent.tree.update(written))
  tree.release()
  return microseconds
}

function measureAll(): readonly string[] {
  const [document, ...blocks] = cutFrames(new Uint8Array(gunzipSync(readGolden('chain.bin.gz'))))
  const genesis = buildGenesis(genesisSchema.decode(document!))
  const state = new MemoryState()
  state.apply(genesis.changes)
  const { header, hash } = genesis.block
  let parent: ParentView = { header, hash, state, tree: genesis.tree }
  const table = new GasTable(genesis)
  for (const bytes of blocks) {
    table.measure(parent, bytes)
    const verdict = executeBlock(parent, openBlock(bytes), { chain: genesis.chain, senderOf: recoverSender })
    if ('rejected' in verdict)
      throw new Error(`the recorded chain is another build's: ${verdict.rejected.detail}`)
    const { block, overlay, tree } = verdict.executed
    state.apply(overlay.changes())
    parent.tree.release()
    parent = { header: block.header, hash: block.hash, state, tree }
  }
  return table.print()
}

const beyond = measureAll()
if (beyond.length > 0) {
  console.error(`not ${RATIO_MIN} to ${RATIO_MAX} times a transfer per gas: ${beyond.join(', ')}`)
  process.exitCode = 1
}
