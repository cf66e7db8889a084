// A bench for single rules: one core, synthetic certificates and votes of the stand-in scheme, real blocks.
import assert from 'node:assert/strict'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import {
  type Certificate,
  randaoBytes,
  type Subject,
  signersBitmap,
  type Vote,
  voteBytes,
} from '../../base/protocol/vote.ts'
import { Core } from '../../consensus/core.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import type { EpochState } from '../../consensus/state.ts'
import type { ConsensusParameters, Input, Output, Sender } from '../../consensus/types.ts'
import { Verifier } from '../../node/verifier.ts'
import { PARAMETERS } from './coreParameters.ts'
import { buildBlock, type ChainRules, makeRules, makeValidator, verifyBlock } from './simChain.ts'
import { standInBls as bls } from './standInBls.ts'

export const T0 = 1_700_000_000_000

export interface BenchOptions {
  readonly validators?: number
  /** Own position in the leader order: 1 leads view 1, and so on; undefined = observer. */
  readonly leads?: number | undefined
  readonly journal?: readonly JournalRecord[]
  readonly signed?: readonly Subject[]
  readonly epochBlocks?: number
  readonly parameters?: Partial<ConsensusParameters>
  /** Signs at once, without disk or signer delay. */
  readonly autoSign?: boolean
}

/** Answers that one input may cause: no test needs a thousand. */
const STEPS_MAX = 10_000

/** Drives a core like the driver, and answers everything except sign requests at once. */
export class Bench {
  readonly rules: ChainRules
  readonly core: Core
  readonly keys: readonly Uint8Array[]
  readonly verifier = new Verifier(bls)
  readonly outputs: Output[] = []
  nowMs = T0 + 1_000
  /** Wall clock minus `nowMs`, which is monotonic. */
  wallAheadMs = 0
  readonly #autoSign: boolean
  /** Leaves checks of single signatures pending. */
  holdChecks = false
  /** Leaves vote checks pending. */
  holdVotes = false
  /** Answers `verify`; valid by default. */
  verdict: (block: SealedBlock, parent: SealedBlock) => 'valid' | 'invalid' | 'mismatch' | undefined

  constructor(options: BenchOptions = {}) {
    const n = options.validators ?? 4
    const made = Array.from({ length: n }, (_, i) => makeValidator(i, bls))
    const set = { validators: made.map((m) => m.validator) }
    this.keys = made.map((m) => m.secretKey)
    this.rules = makeRules({
      setOf: () => set,
      epochBlocks: options.epochBlocks ?? 1_000_000,
      timestampMs: T0,
    })
    this.#autoSign = options.autoSign ?? true
    this.verdict = (block, parent) => verifyBlock(this.rules, block, parent)
    const start = { epoch: 1, validators: set, floor: this.rules.genesis }
    this.verifier.useValidators(1, set)
    const make = (consensusKey: Uint8Array | undefined): Core =>
      new Core(
        {
          genesisHash: this.rules.genesisHash,
          parameters: { ...PARAMETERS, ...options.parameters },
          consensusKey,
          epoch: start,
          tip: this.rules.genesis,
          journal: options.journal ?? [],
          signed: options.signed ?? [],
          jitterSeed: 1,
        },
        this.nowMs,
      )
    const leads = 'leads' in options ? options.leads : 3
    const order = make(undefined).state
    const self = leads === undefined ? undefined : order.leaderOf(leads)
    this.core = make(self === undefined ? undefined : made[self]!.validator.consensusKey)
  }

  get state(): EpochState {
    return this.core.state
  }

  get self(): number {
    return this.state.self!
  }

  /** Validators other than this one. */
  get others(): readonly number[] {
    return this.keys.map((_, i) => i).filter((i) => i !== this.state.self)
  }

  /** Steps, answering checks and verdicts until none is pending; returns the new outputs. */
  feed(input: Input): readonly Output[] {
    const from = this.outputs.length
    const queue: Input[] = [input]
    let steps = 0
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      assert.ok(++steps <= STEPS_MAX, 'the core asks without end')
      for (const output of this.core.step(
        { monotonicMs: this.nowMs, wallMs: this.nowMs + this.wallAheadMs },
        next,
      )) {
        this.outputs.push(output)
        const answer = this.#answer(output)
        if (answer !== undefined) queue.push(answer)
      }
    }
    return this.outputs.slice(from)
  }

  #answer(output: Output): Input | undefined {
    switch (output.kind) {
      case 'checkVotes':
        if (this.holdVotes) return undefined
        return {
          kind: 'votesChecked',
          id: output.id,
          ...this.verifier.checkVotes(1, output.message, output.votes),
        }
      case 'checkSignatures':
        if (this.holdChecks) return undefined
        return {
          kind: 'signaturesChecked',
          id: output.id,
          valid: this.verifier.checkSignatures(1, output.checks),
        }
      case 'verify': {
        const verdict = this.verdict(output.block, output.parent)
        return verdict === undefined ? undefined : { kind: 'verdict', digest: output.block.hash, verdict }
      }
      case 'sign':
        return this.#autoSign ? { kind: 'signed', vote: this.vote(this.self, output.subject) } : undefined
      default:
        return undefined
    }
  }

  tick(afterMs = 0): readonly Output[] {
    this.nowMs += afterMs
    return this.feed({ kind: 'tick' })
  }

  sender(validator: number | undefined): Sender {
    return { peer: `peer${validator ?? 'x'}`, validator }
  }

  receive(from: number | undefined, message: ConsensusMessage): readonly Output[] {
    return this.feed({ kind: 'message', from: this.sender(from), message })
  }

  vote(signer: number, subject: Subject): Vote {
    const signature = bls.sign(this.keys[signer]!, voteBytes(this.rules.genesisHash, subject))
    return { subject, signer, signature }
  }

  receiveVote(signer: number, subject: Subject): readonly Output[] {
    return this.receive(signer, { kind: 'vote', body: this.vote(signer, subject) })
  }

  certificate(
    subject: Subject,
    signers: readonly number[] = this.keys.map((_, i) => i).slice(0, this.state.quorum),
  ) {
    const message = voteBytes(this.rules.genesisHash, subject)
    const signature = bls.aggregate(signers.map((i) => bls.sign(this.keys[i]!, message)))!
    return { subject, bitmap: signersBitmap(signers, this.keys.length), signature } satisfies Certificate
  }

  receiveCertificate(subject: Subject): readonly Output[] {
    return this.receive(this.others[0], { kind: 'certificate', body: this.certificate(subject) })
  }

  nullify(view: number): Subject {
    return { kind: 'nullify', epoch: 1, view }
  }

  on(kind: 'notarize' | 'finalize', view: number, parentView: number, block: SealedBlock): Subject {
    return { kind, epoch: 1, view, parentView, digest: block.hash }
  }

  /** A valid block of the leader of `view` on `parent`. */
  block(
    view: number,
    parent: SealedBlock,
    changes: { timestampMs?: number; txs?: readonly Uint8Array[] } = {},
  ) {
    const leader = this.state.leaderOf(view)
    const { height } = parent.header
    const randaoReveal = bls.sign(this.keys[leader]!, randaoBytes(this.rules.genesisHash, 1, height + 1))
    const proposer = this.state.validators[leader]?.operator ?? ZERO_ADDRESS
    const timestampMs = changes.timestampMs ?? this.nowMs
    const order = {
      epoch: 1,
      view,
      parent,
      timestampMs,
      halvings: 0,
      emptyOnly: false,
      proposer,
      randaoReveal,
    }
    return buildBlock(this.rules, order, changes.txs ?? [])
  }

  proposal(options: {
    view: number
    parentView: number
    block: SealedBlock
    justification?: readonly Certificate[]
  }): ConsensusMessage {
    const { view, parentView, block } = options
    const vote = this.vote(this.state.leaderOf(view), this.on('notarize', view, parentView, block))
    return {
      kind: 'proposal',
      body: { vote, block: block.bytes, justification: options.justification ?? [] },
    }
  }

  /** The leader of `view` proposes over its own connection. */
  propose(options: Parameters<Bench['proposal']>[0]): readonly Output[] {
    return this.receive(this.state.leaderOf(options.view), this.proposal(options))
  }
}

/** Subjects to sign, in order. */
export function signs(outputs: readonly Output[]): readonly Subject[] {
  return outputs.flatMap((o) => (o.kind === 'sign' ? [o.subject] : []))
}

export function kindsSigned(outputs: readonly Output[]): readonly string[] {
  return signs(outputs).map((s) => `${s.kind} ${s.view}`)
}

export function sent<K extends ConsensusMessage['kind']>(outputs: readonly Output[], kind: K) {
  return outputs.flatMap((o) =>
    o.kind === 'send' && o.message.kind === kind
      ? [{ to: o.to, body: o.message.body as Extract<ConsensusMessage, { kind: K }>['body'] }]
      : [],
  )
}

export function ofKind<K extends Output['kind']>(outputs: readonly Output[], kind: K) {
  return outputs.filter((o): o is Extract<Output, { kind: K }> => o.kind === kind)
}

/** Journal records so far, as a restart reads them. */
export function journalOf(outputs: readonly Output[]): readonly JournalRecord[] {
  return ofKind(outputs, 'journal').map((o) => o.record)
}
