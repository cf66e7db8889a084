// Blocks with the same work on chains of any size, and how long a validator takes to verify each.
// Owns: the work of a block and the measurement. Not: the chains (economyChain.ts), the table (economyBench.ts).
import { assert } from '../base/assert.ts'
import { bytesKey } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import { moduleAddress } from '../base/moduleDefinition.ts'
import { epochAbove, sealBlock } from '../base/protocol/header.ts'
import { COIN } from '../base/units.ts'
import type { WriteContext } from '../state/context.ts'
import { buildBlock, type ExecutedBlock, executeBlock } from '../state/execute.ts'
import { getAccount } from '../state/modules/accounts/ledger.ts'
import { isRecounting } from '../state/modules/capacity/sums.ts'
import { currentWindow, getClock } from '../state/modules/capacity/windows.ts'
import { hasWork as hasDefaultWork } from '../state/modules/default/work.ts'
import { hasWork as isHandlingMembers } from '../state/modules/issuance/blockEnd.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import { hasWork as hasRedemptionWork } from '../state/modules/redemption/blockEnd.ts'
import { redemptionSchema } from '../state/modules/redemption/schema.ts'
import { redemptionTables } from '../state/modules/redemption/tables.ts'
import { purchasesWaiting } from '../state/modules/series/purchases.ts'
import { isSweepDue } from '../state/modules/series/sweep.ts'
import { decodeTransaction, signTransaction, TRANSFER_GAS, type Transaction } from '../state/transaction.ts'
import type { StateReader } from '../state/view.ts'
import type { LoadAccount } from './accounts.ts'
import type { BlockSample } from './blockSample.ts'
import { calldata } from './calldata.ts'
import { type EconomyStart, LISTED_REGION, operatorAccount, WORKERS } from './economyChain.ts'
import { treeOf } from './manyAccounts.ts'
import { type Calibration, type Figures, figuresOf, type Timing, timed } from './threadTime.ts'

const TRANSFERS = 20
const REQUESTS = 5
const GRANTS = 5
const BLOCK_MS = 200
const CALL_GAS = 1_000_000
/** Executions of each block that is measured. */
const RUNS = 5
/** Most blocks that go by before what is listed is assigned. */
const SEARCH_BLOCKS_MAX = 2_000
/** Above what any block of a bench asks for as its least request. */
const REQUEST_BASE = 4n * COIN
/** The provider that lists a service, and so is assigned and grants. */
const LISTED = 1

/** Whether the end of a window is still being dealt with: capacity, the turns of the members, series, or defaults. */
function isEnding(state: StateReader): boolean {
  const isHandling = isRecounting(state) || isHandlingMembers(state) || isSweepDue(state)
  return isHandling || hasDefaultWork(state)
}

interface Candidate {
  readonly transaction: Transaction
  readonly sender: Address
}

/** The next blocks of a chain, each with the same transactions. */
export class EconomyBlocks {
  readonly #start: EconomyStart
  #parent: EconomyStart['parent']
  readonly #nonces = new Map<string, number>()
  /** The next assignment to look at for a grant: its window, and its place in the provider's book. */
  #grantWindow = 0
  #grantIndex = 0
  #turn = 0
  readonly #calibration: Calibration

  constructor(start: EconomyStart, calibration: Calibration) {
    this.#start = start
    this.#parent = start.parent
    this.#calibration = calibration
  }

  get #state() {
    return this.#parent.state
  }

  /** Whether the end of a window is still being dealt with. */
  get isEnding(): boolean {
    return isEnding(this.#state)
  }

  /** Makes a block with the usual work and offers it to a sample. */
  work(sample: BlockSample, pauseMs = BLOCK_MS): void {
    const candidates: Candidate[] = []
    for (let i = 0; i < TRANSFERS; i++) {
      const to = WORKERS[(this.#turn + i + 1) % WORKERS.length]!.address
      candidates.push(this.#envelope(WORKERS[i]!, { to, valueBase: 1n, gasLimit: TRANSFER_GAS }))
    }
    // In turn, since neither the coins nor the seats of one account last for a long recount.
    const others = WORKERS.slice(TRANSFERS)
    for (let i = 0; i < REQUESTS; i++)
      candidates.push(this.#request(others[(this.#turn * REQUESTS + i) % others.length]!))
    for (const at of this.#toGrant(GRANTS)) candidates.push(this.#grant(at))
    this.#turn++
    this.#next(candidates, { pauseMs, sample })
  }

  /** The first provider offers its smallest lot; then blocks go by until its hours are assigned. */
  open(): void {
    const listing = {
      service: 'train',
      classId: 1,
      region: LISTED_REGION,
      endpoint: '',
      bonusPpm: 0n,
      runtimeHash: new Uint8Array(32),
      tariffHash: new Uint8Array(32),
    }
    const data = calldata(redemptionSchema, 'list', listing)
    this.#next([this.#call(operatorAccount(LISTED - 1), data)])
    // Telling the queue of many lots and searching through them takes many blocks.
    for (let blocks = 0; blocks < SEARCH_BLOCKS_MAX && hasRedemptionWork(this.#state); blocks++)
      this.#next([])
  }

  /** Grants what is assigned in the window that begins next, without measuring. */
  grantNext(): void {
    const next = currentWindow(this.#state) + 1
    for (;;) {
      const at = this.#toGrant(50)
      this.#next(at.map((assignment) => this.#grant(assignment)))
      if (at.length === 0 || this.#grantWindow > next) return
    }
  }

  /** Blocks without work of their own until no purchase waits. */
  settle(): void {
    do this.#next([])
    while (purchasesWaiting(this.#state) > 0)
  }

  /** Ends the running window and lets the chain do all that this brings, without measuring. */
  passWindow(): void {
    this.#next([], { pauseMs: this.untilEndMs })
    while (this.isEnding) this.#next([])
  }

  /** Time until the second half of the running window, milliseconds. */
  get untilHalfMs(): number {
    const { startedAtMs, endsAtMs } = getClock(this.#state)
    return Math.max(
      0,
      startedAtMs + Math.ceil((endsAtMs - startedAtMs) / 2) - this.#parent.header.timestampMs,
    )
  }

  /** Time until the running window ends, milliseconds. */
  get untilEndMs(): number {
    return getClock(this.#state).endsAtMs - this.#parent.header.timestampMs
  }

  /** Writes into the state, as the rules of the next block would, so many milliseconds after the newest; what follows builds on it. */
  fill(change: (ctx: WriteContext) => void, pauseMs = 0): void {
    const { header, state, tree } = this.#parent
    const { genesis } = this.#start
    const timestampMs = header.timestampMs + pauseMs
    change({
      state,
      block: {
        ...{ chainId: genesis.chain.chainId, genesisHash: genesis.chain.genesisHash },
        ...{ protocolVersion: header.version, epoch: header.epoch, view: header.view },
        ...{ height: header.height, timestampMs, parentTimestampMs: header.timestampMs },
        ...{ proposer: header.proposer, mix: genesis.chain.genesisHash },
        baseFeePerGas: header.baseFeePerGas,
        modules: genesis.chain.modules,
      },
      emit: () => {},
    })
    tree.release()
    const grown = treeOf(state.entries(''))
    const sealed = sealBlock({
      header: { ...header, timestampMs, stateRoot: grown.rootHash },
      transactions: [],
    })
    this.#parent = { header: sealed.header, hash: sealed.hash, state, tree: grown }
  }

  #toGrant(count: number): { readonly id: number; readonly assignment: number }[] {
    const found: { readonly id: number; readonly assignment: number }[] = []
    const current = currentWindow(this.#state)
    if (this.#grantWindow <= current) {
      this.#grantWindow = current + 1
      this.#grantIndex = 0
    }
    while (found.length < count) {
      const at = { provider: LISTED, window: this.#grantWindow }
      const booked = redemptionTables.book.get(this.#state, at)?.count ?? 0
      if (this.#grantIndex >= booked) {
        if (this.#grantWindow > current + 16) break
        this.#grantWindow++
        this.#grantIndex = 0
        continue
      }
      const key = redemptionTables.booked.get(this.#state, { ...at, index: this.#grantIndex++ })
      if (key === undefined) continue
      if (redemptionTables.assignment.get(this.#state, key)?.grantedAtMs === 0) found.push(key)
    }
    return found
  }

  #grant(at: { readonly id: number; readonly assignment: number }): Candidate {
    const ciphertext = new Uint8Array(256).fill(1)
    return this.#call(operatorAccount(LISTED - 1), calldata(redemptionSchema, 'grant', { ...at, ciphertext }))
  }

  #request(from: LoadAccount): Candidate {
    const args = {
      amountBase: REQUEST_BASE,
      service: 'train',
      provider: 0,
      ratingMin: 0n,
      region: '',
      startBy: 0,
      finishBy: 0,
      jobHash: new Uint8Array(32),
      clientKey: new Uint8Array(65),
      voucherKey: from.address,
    }
    return this.#call(from, calldata(redemptionSchema, 'request', args))
  }

  #call(from: LoadAccount, data: Uint8Array): Candidate {
    return this.#envelope(from, {
      to: moduleAddress(redemptionSchema),
      valueBase: 0n,
      gasLimit: CALL_GAS,
      data,
    })
  }

  #envelope(
    from: LoadAccount,
    call: {
      readonly to: Uint8Array
      readonly valueBase: bigint
      readonly gasLimit: number
      readonly data?: Uint8Array
    },
  ): Candidate {
    const { chainId } = this.#start.genesis.chain
    const sender = from.address as Address
    const key = bytesKey(sender)
    const nonce = this.#nonces.get(key) ?? getAccount(this.#state, sender).nonce
    this.#nonces.set(key, nonce + 1)
    const prices = { maxPriorityFeePerGas: 1n, maxFeePerGas: 100_000_000_000n }
    const raw = signTransaction(
      {
        type: 2,
        chainId,
        nonce,
        ...prices,
        accessList: [],
        data: new Uint8Array(0),
        ...call,
        to: call.to as Address,
      },
      from.secretKey,
    )
    const decoded = decodeTransaction(raw, chainId)
    if ('failure' in decoded) throw new Error(decoded.failure.message)
    return { transaction: decoded.transaction, sender }
  }

  #next(
    candidates: readonly Candidate[],
    { pauseMs = BLOCK_MS, sample }: { readonly pauseMs?: number; readonly sample?: BlockSample } = {},
  ): void {
    const { chain } = this.#start.genesis
    const parent = this.#parent
    const above = parent.header
    const { validators } = validatorSet(parent.state)
    const template = {
      epoch: epochAbove(above),
      view: above.endsEpoch ? 1 : above.view + 1,
      timestampMs: above.timestampMs + pauseMs,
      proposer: validators[above.height % validators.length]!.operator,
      randaoReveal: new Uint8Array(96).fill(above.height & 255),
      candidates,
      gasBudget: above.gasLimit,
      bytesBudget: 2 ** 22,
    }
    const {
      result: { executed, skipped },
      timing,
    } = timed(() => buildBlock(parent, template, { chain }))
    assert(skipped.length === 0, `all fit: ${skipped[0]?.detail}`)
    const failed = executed.receipts.findIndex((receipt) => !receipt.succeeded)
    assert(failed < 0, `transaction ${failed} succeeds`)
    assert(executed.findings.length === 0, `no invariant is broken: ${executed.findings[0]?.reason}`)
    sample?.add(timing.cpuMs, {
      isLast: isEnding(parent.state) && !isEnding(executed.overlay),
      measure: (enoughMs) => this.#measure(executed, { candidates, enoughMs }),
    })
    this.#commit(executed)
  }

  /** Executes a block several times; no more than needed to know that it is cheap enough. */
  #measure(
    { block }: ExecutedBlock,
    options: { readonly candidates: readonly Candidate[]; readonly enoughMs: number },
  ): Figures {
    const { candidates, enoughMs } = options
    const { chain } = this.#start.genesis
    const parent = this.#parent
    const senders = new Map(candidates.map(({ transaction, sender }) => [transaction.key, sender]))
    const timings: Timing[] = []
    this.#calibration.take()
    for (let run = 0; run < RUNS; run++) {
      const { result: verdict, timing } = timed(() =>
        executeBlock(parent, block, { chain, senderOf: ({ key }) => senders.get(key) }),
      )
      assert('executed' in verdict, 'an own block is valid')
      verdict.executed.tree.release()
      timings.push(timing)
      if (timing.cpuMs <= enoughMs) break
    }
    return figuresOf(timings)
  }

  #commit(executed: ExecutedBlock): void {
    const { state, tree } = this.#parent
    state.apply(executed.overlay.changes())
    tree.release()
    const { header, hash } = executed.block
    this.#parent = { header, hash, state, tree: executed.tree }
  }

  close(): void {
    this.#parent.tree.release()
  }
}
