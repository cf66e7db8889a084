// The disk of a simulated whole node: the chain in an ordered in-memory store, the journal as bytes, the signer's flags.
// Owns: what survives a crash, and the delays and crash points around every write. Not: the content.
import { MemoryLevel } from 'memory-level'
import { equalBytes } from '../../../base/bytes.ts'
import type { Bls } from '../../../base/crypto/types.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { followStep } from '../../../base/protocol/epochStep.ts'
import { trustedSet } from '../../../base/protocol/finalityProof.ts'
import type { ValidatorSet } from '../../../base/protocol/validators.ts'
import { randaoBytes, type Subject, type Vote, voteBytes } from '../../../base/protocol/vote.ts'
import type { EpochEvidence, JournalStore, Signer } from '../../../consensus/ports.ts'
import type { JournalRecord } from '../../../consensus/records.ts'
import type { Database } from '../../../storage/database.ts'
import type { ChainStore, CommitBlock } from '../../../storage/types.ts'
import { Violation } from '../../support/violation.ts'
import { SimDisk } from '../simDisk.ts'
import { SimSigner } from '../simSigner.ts'

/** One life of a node, from a start to a crash; work of an ended life never resumes. */
export interface Life {
  readonly isAlive: boolean
  /** Resolves after virtual time, or never if the node has crashed by then. */
  delay(lowMs: number, highMs: number): Promise<void>
  /** A critical moment for a crash; after a crash the promise never settles. */
  crashPoint(): Promise<void>
}

const NEVER = new Promise<never>(() => {})

/** The disk contents of one validator across crashes. */
export class SimStorage {
  readonly database: Database
  readonly journal = new SimDisk()
  readonly flags = new SimSigner()

  constructor() {
    // The same interface as LevelDB's; only its declared options differ.
    this.database = new MemoryLevel<Uint8Array, Uint8Array>({
      keyEncoding: 'view',
      valueEncoding: 'view',
      storeEncoding: 'view',
    }) as unknown as Database
  }
}

/** The journal's file in virtual time. */
export function simJournal(disk: SimDisk, life: Life): JournalStore {
  const { records } = disk.replay()
  return {
    replayed: records,
    forgetReplayed: () => {},
    append: (record: JournalRecord) => disk.append(record),
    async sync() {
      const mark = disk.mark()
      await life.delay(0, 3)
      await life.crashPoint()
      if (!disk.sync(mark)) throw new Error('no space left on the disk')
      await life.crashPoint()
    },
    async prune(epoch, view) {
      if (!life.isAlive) return NEVER
      disk.prune(epoch, view)
    },
    close: () => Promise.resolve(),
  }
}

/** A signer over durable flags; calls `onSigned` for every signature it returns. */
export function simSigner(options: {
  flags: SimSigner
  /** Must be durable before anything is signed. */
  journal: SimDisk
  life: Life
  bls: Bls
  secretKey: Uint8Array
  genesisHash: Hash32
  /** The set of epoch 0. */
  genesisSet: ValidatorSet
  onSigned: (subject: Subject) => void
}): Signer {
  const { flags, journal, life, bls, secretKey, genesisHash, onSigned } = options
  const publicKey = bls.publicKey(secretKey)
  flags.restart()
  let trusted = trustedSet({ genesisHash, epoch: 0, height: 0, set: options.genesisSet })
  /** Every epoch that a node begins must be proven to its signer, from genesis after each restart. */
  const follow = async (epoch: number, evidence: EpochEvidence): Promise<void> => {
    while (trusted.epoch < epoch) {
      const steps = await evidence(trusted.epoch)
      if (steps.length === 0)
        throw new Violation('epochProof', `nothing leads from ${trusted.epoch} to ${epoch}`)
      for (const step of steps) {
        const followed = followStep(trusted, step, { ownKey: publicKey, bls })
        if (!followed.ok) throw new Violation('epochProof', followed.reason)
        trusted = followed.value
      }
    }
    if (trusted.epoch !== epoch)
      throw new Violation('epochProof', `led to ${trusted.epoch} instead of ${epoch}`)
  }
  const signOne = async (signer: number, subject: Subject): Promise<Vote | undefined> => {
    if (!journal.hasIntent(subject) && !flags.holdsDurably(subject)) {
      throw new Violation('journal', `${subject.kind} ${subject.view} before its record is durable`)
    }
    if (!flags.accept(subject)) return undefined
    await life.delay(0, 2)
    await life.crashPoint()
    if (!flags.makeDurable(subject)) return undefined
    await life.crashPoint()
    onSigned(subject)
    return { subject, signer, signature: bls.sign(secretKey, voteBytes(genesisHash, subject)) }
  }
  return {
    publicKey,
    get observing() {
      return flags.observing
    },
    losses: () => [],
    noteHeld: async () => {},
    beginEpoch: async (epoch, evidence) => {
      await follow(epoch, evidence)
      flags.beginEpoch(epoch)
    },
    signed: () => flags.signed(),
    async sign(signer, subjects) {
      const votes: (Vote | undefined)[] = []
      for (const subject of subjects) votes.push(await signOne(signer, subject))
      return votes
    },
    async signRandao(epoch, height) {
      await life.delay(0, 1)
      return bls.sign(secretKey, randaoBytes(genesisHash, epoch, height))
    },
    raiseFloor: (epoch, view) => flags.raiseFloor(epoch, view),
    close: () => Promise.resolve(),
  }
}

/** A chain store whose commits take virtual time; a crash may hit before or after they reach the disk. */
export function simStore(store: ChainStore, life: Life): ChainStore {
  const commit = async (blocks: readonly CommitBlock[]): Promise<void> => {
    // Genesis is written during the start, which takes no virtual time.
    if (store.tip() === undefined) return store.commit(blocks)
    await life.delay(0, 4)
    await life.crashPoint()
    await store.commit(blocks)
    if (!life.isAlive) return NEVER
    await life.crashPoint()
  }
  return new Proxy(store, {
    get(target, name) {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The first height at which two stores differ, up to the lower tip; undefined when they hold the same chain. */
export function firstDifference(a: ChainStore, b: ChainStore): number | undefined {
  const top = Math.min(a.tip()?.height ?? 0, b.tip()?.height ?? 0)
  for (let height = 0; height <= top; height++) {
    const [one, other] = [a.blockAt(height), b.blockAt(height)]
    if (one === undefined || other === undefined || !equalBytes(one.hash, other.hash)) return height
  }
  return undefined
}
