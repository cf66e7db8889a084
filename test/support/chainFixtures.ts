// Blocks with plausible headers and synthetic changes, for tests of storage.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesKey, concatBytes, u32be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { evenFees, NO_LANE_GAS, type SealedBlock, sealBlock } from '../../base/protocol/header.ts'
import type { Receipt } from '../../base/protocol/receipt.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import { MemoryState } from '../../state/overlay.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import type { StateChanges } from '../../state/view.ts'
import type { CommitBlock } from '../../storage/types.ts'

export async function withDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'suanli-test-'))
  try {
    await run(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export function keyOf(i: number): string {
  return bytesKey(concatBytes(Uint8Array.of(3, 1), u32be(i)))
}

export function certificateOf(block: SealedBlock): Certificate {
  const { epoch, view } = block.header
  return {
    subject: { kind: 'finalize', epoch, view, parentView: view - 1, digest: block.hash },
    bitmap: Uint8Array.of(0b111),
    signature: new Uint8Array(96).fill(view & 0xff),
  }
}

function receiptOf(index: number): Receipt {
  return {
    type: 2,
    succeeded: index % 2 === 0,
    cumulativeGasUsed: 21_000 * (index + 1),
    gasUsed: 21_000,
    effectiveGasPrice: 7n,
    logs: [{ address: ZERO_ADDRESS, topics: [sha256(u32be(index))], data: utf8(`log ${index}`) }],
    failure: new Uint8Array(0),
    lane: 'general',
  }
}

/** A chain that grows by synthetic changes and keeps every state. */
export class FakeChain {
  readonly blocks: SealedBlock[] = []
  /** Post-state by height. */
  readonly states: MemoryState[] = []
  tree = TreeVersion.empty()
  readonly #state = new MemoryState()

  /** The next block, with these changes and this many transactions. */
  next(
    changes: StateChanges,
    options: { transactions?: number; endsEpoch?: boolean; epoch?: number } = {},
  ): CommitBlock {
    const height = this.blocks.length
    const grown = this.tree.update(changes)
    this.tree.release()
    this.tree = grown
    this.#state.apply(changes)
    const frozen = new MemoryState()
    for (const [key, value] of this.#state.entries('')) frozen.set(key, value)
    this.states.push(frozen)
    const transactions = Array.from({ length: options.transactions ?? 0 }, (_, i) =>
      utf8(`tx ${height}/${i}`),
    )
    const endsEpoch = options.endsEpoch ?? false
    const block = sealBlock({
      header: {
        version: 1,
        epoch: options.epoch ?? 0,
        view: height,
        height,
        parentHash: this.blocks.at(-1)?.hash ?? ZERO_HASH,
        timestampMs: 1000 * height,
        proposer: ZERO_ADDRESS,
        randaoReveal: new Uint8Array(0),
        mix: ZERO_HASH,
        stateRoot: this.tree.rootHash,
        receiptsRoot: ZERO_HASH,
        transactionsRoot: ZERO_HASH,
        gasUsed: 0,
        gasLimit: 1,
        ...evenFees(1n),
        laneGas: NO_LANE_GAS,
        reserve: {
          supplyBase: 0n,
          liabilitiesBase: 0n,
          capacityBase: 0n,
          lockedInRedemptionBase: 0n,
          anchor: 0n,
          shortfallBase: 0n,
        },
        setHash: ZERO_HASH,
        endsEpoch,
        ...(endsEpoch ? { nextSetHash: ZERO_HASH } : {}),
      },
      transactions,
    })
    this.blocks.push(block)
    return {
      block,
      receipts: transactions.map((_, i) => receiptOf(i)),
      senders: transactions.map(() => ZERO_ADDRESS),
      systemLogs: [{ address: ZERO_ADDRESS, topics: [], data: u32be(height) }],
      changes,
    }
  }

  /** Changes `count` of `range` keys, chosen by the height: some new, some changed, some deleted. */
  step(
    options: {
      count?: number
      range?: number
      transactions?: number
      endsEpoch?: boolean
      epoch?: number
    } = {},
  ): CommitBlock {
    const height = this.blocks.length
    const changes = new Map<string, Uint8Array | undefined>()
    for (let i = 0; i < (options.count ?? 10); i++) {
      const pick = (height * 7919 + i * 104_729) % (options.range ?? 50)
      const key = keyOf(pick)
      const isDeleted = (height + pick) % 5 === 0 && height > 0
      changes.set(key, isDeleted ? undefined : utf8(`value of ${pick} at ${height}`))
    }
    return this.next(changes, options)
  }
}
