// Invariants of whole nodes: agreement, no double vote, durability, conservation and backing by full recount.
import { equalBytes, toHex } from '../../../base/bytes.ts'
import type { Subject } from '../../../base/protocol/vote.ts'
import type { FinalizedEvent } from '../../../node/chain/importerTypes.ts'
import { recountInvariants } from '../../../node/chain/recount.ts'
import { findDoubleVotes, type SignedVote } from '../../../signer/voteAudit.ts'
import type { ChainConfig } from '../../../state/chain.ts'
import { blockContextOf } from '../../../state/engine.ts'
import { TreeVersion } from '../../../state/tree/tree.ts'
import type { ChainStore } from '../../../storage/types.ts'
import { Violation } from '../../support/violation.ts'
import type { FullNode } from './fullNode.ts'

export class FullNodeChecks {
  readonly #finalAt = new Map<number, string>()
  readonly #reached: number[]
  readonly #votes = new Map<string, SignedVote[]>()

  constructor(validators: number) {
    this.#reached = Array.from({ length: validators }, () => 0)
  }

  /** Height of the highest final block on any node. */
  get height(): number {
    return this.#finalAt.size
  }

  fail(property: string, detail: string): never {
    throw new Violation(property, detail)
  }

  /** S1: one block per height on all nodes. */
  onFinalized(node: number, event: FinalizedEvent): void {
    const hash = toHex(event.hash)
    const known = this.#finalAt.get(event.height)
    if (known !== undefined && known !== hash)
      this.fail('S1', `node ${node} finalized another block at ${event.height}`)
    this.#finalAt.set(event.height, hash)
    this.#reached[node] = event.height
  }

  /** S3: no honest validator contradicts itself in a round. */
  onSigned(node: number, subject: Subject): void {
    const round = `${node}:${subject.epoch}:${subject.view}`
    const votes = this.#votes.get(round) ?? []
    votes.push({ source: 'signer', subject })
    this.#votes.set(round, votes)
    const [fault] = findDoubleVotes(votes)
    if (fault !== undefined) this.fail('S3', `node ${node}: ${fault.fault} in view ${subject.view}`)
  }

  /** D: blocks that a node reported final are there after its restart. */
  onStart(node: number, store: ChainStore): void {
    const tip = store.tip()?.height ?? 0
    const reached = this.#reached[node]!
    if (tip < reached) this.fail('D', `node ${node} had finalized ${reached} and came back with ${tip}`)
    for (let height = 1; height <= tip; height++) {
      const block = store.blockAt(height)
      const known = this.#finalAt.get(height)
      if (block === undefined || (known !== undefined && known !== toHex(block.hash)))
        this.fail('D', `node ${node} came back with another block at ${height}`)
    }
  }

  /** The state on disk has the header's root, and every invariant holds on a full recount. */
  async atEnd(
    node: number,
    running: Pick<FullNode, 'store' | 'importer'>,
    chain: ChainConfig,
  ): Promise<void> {
    const { store, importer } = running
    const { header, hash } = importer.head()
    let tree = TreeVersion.empty()
    for await (const piece of store.statePieces()) tree = tree.update(piece)
    if (!equalBytes(tree.rootHash, header.stateRoot))
      this.fail('D', `node ${node}: the state on disk is not that of block ${header.height}`)
    tree.release()
    const pinned = await store.pinState()
    const facts = {
      epoch: header.epoch,
      view: header.view + 1,
      timestampMs: header.timestampMs + 1,
      proposer: header.proposer,
      randaoReveal: new Uint8Array(0),
    }
    const block = blockContextOf(chain, { header, state: pinned }, facts)
    const findings = await recountInvariants(chain.modules, pinned, { block, pause: async () => {} })
    await pinned.close()
    if (findings.length > 0) this.fail('invariant', `node ${node}: ${JSON.stringify(findings[0])}`)
    if (store.heightOf(hash) !== header.height) this.fail('D', `node ${node} does not know its own tip`)
  }
}
