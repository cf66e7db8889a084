// Scenario 43 of CONSENSUS §9: one key, its real signer on a real folder, and everything that can happen to the record and
// be said to the signer: losses, cuts, older copies, machines set back, clocks hours off, clients that lie about epochs
// and proofs. Owns: the random story and its check (S3). Not: whole nodes (fullNode/).
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { EpochStep } from '../../base/protocol/epochStep.ts'
import { type Subject, sameSubject, type Vote } from '../../base/protocol/vote.ts'
import type { EpochEvidence } from '../../consensus/ports.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { findDoubleVotes } from '../../signer/voteAudit.ts'
import { EpochChain } from '../support/epochChain.ts'
import { Random } from '../support/random.ts'
import { Violation } from '../support/violation.ts'

const GENESIS = new Uint8Array(32).fill(3)
const secretOf = (name: string): Uint8Array => bls.keygen(sha256(new TextEncoder().encode(name)))
const SECRET = secretOf('the key')
const CHAIN = new EpochChain(GENESIS, [SECRET, secretOf('second'), secretOf('third'), secretOf('fourth')])
/** Keys that a liar holds: a quorum of nothing. */
const FORGED = new EpochChain(GENESIS, [secretOf('liar')])
const DIGESTS = [new Uint8Array(32).fill(0xa), new Uint8Array(32).fill(0xb)] as const
const VIEWS = 3
const CLOCK_HOURS = 7

/** Boundaries never change: signing each once is enough. */
const boundaries = new Map<number, EpochStep>()
function boundaryOf(epoch: number): EpochStep {
  const known = boundaries.get(epoch) ?? CHAIN.boundary(epoch)
  boundaries.set(epoch, known)
  return known
}

export interface LostSignerResult {
  readonly votes: number
  readonly losses: number
  readonly resumed: number
}

export class LostSignerStory {
  readonly #random: Random
  readonly #root = mkdtempSync(join(tmpdir(), 'suanli-lost-'))
  readonly #dir = join(this.#root, 'signer')
  readonly #copy = join(this.#root, 'older')
  readonly #realNow = Date.now
  /** Every vote that ever left the signer. */
  readonly #votes: Vote[] = []
  /** Transactions in final blocks, with their epochs. */
  readonly #final: { readonly transaction: Uint8Array; readonly epoch: number }[] = []
  /** The chain's epoch. */
  #epoch = 0
  #signer: LocalSigner | undefined
  #hasCopy = false
  #losses = 0
  #resumed = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  async play(steps: number): Promise<LostSignerResult> {
    try {
      await this.#open(true)
      await this.#begin()
      for (let step = 0; step < steps; step++) await this.#step()
      await this.#comeBack()
      return { votes: this.#votes.length, losses: this.#losses, resumed: this.#resumed }
    } finally {
      Date.now = this.#realNow
      await this.#signer?.close()
      rmSync(this.#root, { recursive: true, force: true })
    }
  }

  get #current(): LocalSigner {
    return this.#signer!
  }

  async #open(create: boolean): Promise<void> {
    const hours = this.#random.pick([-CLOCK_HOURS, 0, CLOCK_HOURS])
    Date.now = () => this.#realNow() + hours * 3_600_000
    const owner = { genesisHash: GENESIS, genesisSet: CHAIN.set, secretKey: SECRET, bls }
    const onLost = (): void => void this.#losses++
    this.#signer = await LocalSigner.open({ ...owner, dir: this.#dir, create, segmentBytes: 2_000, onLost })
  }

  async #step(): Promise<void> {
    const acts: readonly [number, () => Promise<void>][] = [
      [10, () => this.#ask()],
      [2, async () => void this.#epoch++],
      [2, () => this.#begin()],
      [2, () => this.#lie()],
      [3, () => this.#damage()],
      [3, () => this.#show()],
      [3, () => this.#prove()],
      [1, async () => this.#keepCopy()],
    ]
    let at = this.#random.between(
      1,
      acts.reduce((sum, [weight]) => sum + weight, 0),
    )
    for (const [weight, act] of acts) {
      at -= weight
      if (at <= 0) return act()
    }
  }

  /** A client asks for any votes, contradictory ones too. */
  async #ask(): Promise<void> {
    const signer = this.#current
    for (let i = 0; i < 3; i++) {
      const epoch = this.#random.chance(0.8) ? signer.epoch : this.#random.between(0, this.#epoch + 1)
      const view = this.#random.between(1, VIEWS)
      const kind = this.#random.pick(['notarize', 'nullify', 'finalize'] as const)
      const block = { parentView: 0, digest: this.#random.pick(DIGESTS) }
      const subject: Subject = { kind, epoch, view, ...(kind === 'nullify' ? {} : block) }
      const [vote] = await signer.sign(0, [subject])
      if (vote !== undefined && !this.#votes.some((known) => sameSubject(known.subject, subject))) {
        this.#votes.push(vote)
      }
    }
    const [fault] = findDoubleVotes(this.#votes.map(({ subject }) => ({ source: 'signer', subject })))
    if (fault !== undefined) {
      const { first } = fault
      throw new Violation('S3', `${fault.fault} in epoch ${first.epoch} view ${first.view}`)
    }
  }

  /** The honest node: every boundary that exists. */
  #evidence(): EpochEvidence {
    const epoch = this.#epoch
    return async (from) => Array.from({ length: Math.max(0, epoch - from) }, (_, i) => boundaryOf(from + i))
  }

  async #begin(): Promise<void> {
    const signer = this.#current
    const before = signer.observing
    await signer.beginEpoch(this.#epoch, this.#evidence())
    if (signer.epoch < this.#epoch) throw new Violation('L', `epoch ${this.#epoch} was proven and refused`)
    if (before && !signer.observing) this.#resumed++
  }

  /** Epochs that have not begun, were skipped or come from keys of nobody. */
  async #lie(): Promise<void> {
    const signer = this.#current
    const claimed = this.#random.pick([this.#epoch + 1, this.#epoch + 2, Number.MAX_SAFE_INTEGER])
    const answers: readonly EpochEvidence[] = [
      async () => [],
      async () => [FORGED.boundary(this.#epoch)],
      async (from) => (from < this.#epoch ? [boundaryOf(this.#epoch - 1)] : []),
      async () => (this.#epoch > 0 ? [boundaryOf(0)] : []),
    ]
    await signer.beginEpoch(claimed, this.#random.pick(answers))
    await signer.beginProven(claimed)
    if (signer.epoch > this.#epoch)
      throw new Violation('S3', `began epoch ${signer.epoch} before the chain did`)
  }

  /** Something happens to the folder while the signer is down. */
  async #damage(): Promise<void> {
    await this.#current.close()
    const what = this.#random.pick(['remove', 'cut', 'older', 'back', 'none'] as const)
    const logs = readdirSync(this.#dir)
      .filter((name) => name.endsWith('.log'))
      .sort()
    const last = join(this.#dir, logs.at(-1) ?? 'none')
    if (what === 'remove') rmSync(this.#dir, { recursive: true })
    else if (what === 'cut') {
      const bytes = readFileSync(last)
      writeFileSync(last, bytes.subarray(0, Math.floor(bytes.length * 0.6)))
    } else if (what === 'older' && this.#hasCopy) {
      for (const name of readdirSync(this.#copy)) {
        if (name.endsWith('.log')) cpSync(join(this.#copy, name), join(this.#dir, name))
      }
    } else if (what === 'back' && this.#hasCopy) {
      rmSync(this.#dir, { recursive: true })
      cpSync(this.#copy, this.#dir, { recursive: true })
    }
    await this.#open(false)
    // Before it signs after a start, the node asks its peers for its own votes.
    await this.#current.noteHeld(this.#votes.slice(-64))
  }

  async #keepCopy(): Promise<void> {
    rmSync(this.#copy, { recursive: true, force: true })
    cpSync(this.#dir, this.#copy, { recursive: true })
    this.#hasCopy = true
  }

  /** Somebody puts the number into a transaction of the present epoch. */
  async #show(): Promise<void> {
    const [loss] = this.#current.losses()
    if (loss !== undefined) this.#final.push({ transaction: loss.nonce, epoch: this.#epoch })
  }

  /** A proof that exists, or one that does not: the signer must be able to tell. */
  async #prove(): Promise<void> {
    const signer = this.#current
    const shown = this.#final.length === 0 ? undefined : this.#random.pick(this.#final)
    const [loss] = signer.losses()
    if (loss === undefined) return
    if (this.#random.chance(0.3)) {
      await signer.proveLoss(loss.nonce, FORGED.show(loss.nonce, signer.trustedEpoch))
    } else if (shown !== undefined) {
      const proof = CHAIN.show(shown.transaction, shown.epoch)
      await signer.proveLoss(this.#random.pick([shown.transaction, loss.nonce]), proof)
    }
  }

  /** L: with an honest node the key signs again in the next epoch. */
  async #comeBack(): Promise<void> {
    const signer = this.#current
    await this.#begin()
    const [loss] = signer.losses()
    if (loss !== undefined) {
      const refusal = await signer.proveLoss(loss.nonce, CHAIN.show(loss.nonce, this.#epoch))
      if (refusal !== undefined) throw new Violation('L', `an honest proof is refused: ${refusal}`)
    }
    this.#epoch++
    await this.#begin()
    const [vote] = await signer.sign(0, [{ kind: 'nullify', epoch: this.#epoch, view: VIEWS + 1 }])
    if (vote === undefined) throw new Violation('L', `signs nothing in epoch ${this.#epoch} after a proof`)
  }
}
