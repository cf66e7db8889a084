import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ChainMaker } from '../../bench/chainMaker.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { type RecountSource, recountInvariants, startRecounts } from '../../node/chain/recount.ts'
import { blockContextOf } from '../../state/engine.ts'
import { accountsTables } from '../../state/modules/accounts/tables.ts'
import { RECOUNT_PIECE } from '../../state/recount.ts'
import type { PinnedState } from '../../storage/types.ts'

const ACCOUNTS = 1_500
const WINDOW_MS = 60_000
/** Reads between two pauses: a piece for each of the two invariants over accounts, or the point reads of a few steps. */
const READS_PER_SLICE_MAX = 2 * RECOUNT_PIECE

/** Counts reads between two turns of the event loop. */
class CountedSource implements RecountSource {
  readonly #source: RecountSource
  readonly passes = new Map<string, number>()
  readsMax = 0
  turns = 0
  #reads = 0
  #isCounting = true

  constructor(source: RecountSource) {
    this.#source = source
    void this.#count()
  }

  async #count(): Promise<void> {
    while (this.#isCounting) {
      this.readsMax = Math.max(this.readsMax, this.#reads)
      this.#reads = 0
      this.turns++
      await setImmediate()
    }
  }

  stop(): void {
    this.#isCounting = false
    this.readsMax = Math.max(this.readsMax, this.#reads)
  }

  get(key: string): Uint8Array | undefined {
    this.#reads++
    return this.#source.get(key)
  }

  async entries(...args: Parameters<RecountSource['entries']>): ReturnType<RecountSource['entries']> {
    const found = await this.#source.entries(...args)
    this.#reads += found.length
    const { prefix } = args[0]
    this.passes.set(prefix, (this.passes.get(prefix) ?? 0) + found.length)
    return found
  }
}

describe('node.recount', function () {
  this.timeout(20_000)
  const dir = mkdtempSync(join(tmpdir(), 'suanli-recount-'))
  let maker: ChainMaker
  before(async () => {
    const genesis = developmentGenesis({ validators: 4, blockTimeMs: 250, windowMs: WINDOW_MS })
    maker = await ChainMaker.open({ dir, genesis, validators: 4, blockTimeMs: 250, accounts: ACCOUNTS })
  })
  after(async () => {
    await maker.close()
    rmSync(dir, { recursive: true, force: true })
  })

  function blockOf() {
    const { header, state } = maker.importer.head()
    return blockContextOf(maker.chain, { header, state }, header)
  }

  it('reads a bounded number of records per turn, and the accounts once for all invariants', async () => {
    const pinned = await maker.store.pinState()
    const source = new CountedSource(pinned)
    const options = { block: blockOf(), pause: setImmediate }
    assert.deepEqual(await recountInvariants(maker.chain.modules, source, options), [])
    source.stop()
    await pinned.close()
    const accounts = source.passes.get(accountsTables.account.prefix)!
    assert.ok(accounts > 2 * ACCOUNTS && accounts < 2 * ACCOUNTS + 100, `${accounts} account records read`)
    assert.ok(source.readsMax <= READS_PER_SLICE_MAX, `${source.readsMax} reads in one turn`)
    assert.ok(source.turns > accounts / RECOUNT_PIECE, `${source.turns} turns`)
  })

  it('finds a record that breaks the sum in any piece', async () => {
    const pinned = await maker.store.pinState()
    const { prefix } = accountsTables.account
    let count = 0
    for (const hidden of [0, RECOUNT_PIECE, 2 * ACCOUNTS]) {
      const source: RecountSource = {
        get: (key) => pinned.get(key),
        async entries(request, countMax) {
          const found = await pinned.entries(request, countMax)
          if (request.prefix !== prefix) return found
          // A record that the store returns with another value than the one the supply counts.
          return found.map(([key, value]) => {
            const isHidden = count++ === hidden
            return [
              key,
              isHidden ? accountsTables.account.encode({ nonce: 1, balanceBase: 7n }) : value,
            ] as const
          })
        },
      }
      count = 0
      const findings = await recountInvariants(maker.chain.modules, source, {
        block: blockOf(),
        pause: async () => {},
      })
      assert.equal(findings[0]?.invariant, '1 coins', `record ${hidden}`)
    }
    await pinned.close()
  })

  it('runs at a window’s end on the state of one height while blocks go on, in many turns', async () => {
    const pins: { pinned: PinnedState; source: CountedSource }[] = []
    const findings: unknown[] = []
    let ended: () => void
    const end = new Promise<void>((resolve) => (ended = resolve))
    const stop = startRecounts({
      modules: maker.chain.modules,
      importer: maker.importer,
      store: Object.assign(Object.create(maker.store), {
        pinState: async (): Promise<PinnedState> => {
          const pinned = await maker.store.pinState()
          const source = new CountedSource(pinned)
          pins.push({ pinned, source })
          return Object.assign(source, { height: pinned.height, close: () => pinned.close() })
        },
      }),
      contextOf: () => ({ block: blockOf() }),
      onFinding: (...finding) => void findings.push(finding),
      onSkipped: (reason) => void findings.push(reason),
      onEnd: () => ended(),
    })
    await maker.grow({ blocks: 1, transactionsPerBlock: 20, blockTimeMs: WINDOW_MS })
    await maker.grow({ blocks: 3, transactionsPerBlock: 20 })
    await end
    await stop()
    assert.deepEqual(findings, [])
    assert.equal(pins.length, 1)
    const { source } = pins[0]!
    source.stop()
    assert.ok(source.readsMax <= READS_PER_SLICE_MAX, `${source.readsMax} reads in one turn`)
    assert.ok(source.turns > (2 * ACCOUNTS) / RECOUNT_PIECE, `${source.turns} turns`)
  })

  it('stops within a slice when the node closes', async () => {
    const reported: unknown[] = []
    let hasEnded = false
    let source: CountedSource | undefined
    const stop = startRecounts({
      modules: maker.chain.modules,
      importer: maker.importer,
      store: Object.assign(Object.create(maker.store), {
        pinState: async (): Promise<PinnedState> => {
          const pinned = await maker.store.pinState()
          source = new CountedSource(pinned)
          return Object.assign(source, { height: pinned.height, close: () => pinned.close() })
        },
      }),
      contextOf: () => ({ block: blockOf() }),
      onFinding: (...finding) => void reported.push(finding),
      onSkipped: (reason) => void reported.push(reason),
      onEnd: () => (hasEnded = true),
    })
    await maker.grow({ blocks: 1, blockTimeMs: WINDOW_MS })
    await stop()
    source!.stop()
    assert.ok(hasEnded)
    assert.deepEqual(reported, [])
    assert.ok((source!.passes.get(accountsTables.account.prefix) ?? 0) < ACCOUNTS, 'the rest is not read')
  })
})
