// The signer of a devnet's lone validator in this process: a local signer that forgets its votes when the chain goes back. With
// other validators beside it that would be a double vote. Owns: forgetting. Not: what may be signed (signer/localSigner.ts).
import { mkdir } from 'node:fs/promises'
import { bls } from '../base/crypto/bls.ts'
import type { Subject, Vote } from '../base/protocol/vote.ts'
import type { EpochEvidence, Signer, SignerLoss } from '../consensus/ports.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { type Genesis, genesisHash, genesisValidators } from '../genesis/schema.ts'
import { isFreshKey, markKeyUsed } from '../signer/keyFiles.ts'
import { LocalSigner } from '../signer/localSigner.ts'
import { signerFolder } from '../signer/signerDir.ts'
import { SIGNER_PREFIX } from '../signer/signerFile.ts'
import { lockSigner } from '../signer/signerLock.ts'
import { listSegments, removeSegment } from '../storage/segments.ts'
import type { DevnetMember } from './member.ts'

type Open = (isForgetting: boolean) => Promise<LocalSigner>

export class DevSigner implements Signer {
  readonly publicKey: Uint8Array
  readonly #dir: string
  readonly #open: Open
  readonly #release: () => Promise<void>
  #inner: LocalSigner

  private constructor(options: {
    readonly dir: string
    readonly open: Open
    readonly release: () => Promise<void>
    readonly inner: LocalSigner
  }) {
    this.#dir = options.dir
    this.#open = options.open
    this.#release = options.release
    this.#inner = options.inner
    this.publicKey = options.inner.publicKey
  }

  /** Opens the record in the member's folder. Throws OperatorError while another process has it. */
  static async open(member: DevnetMember, genesis: Genesis): Promise<DevSigner> {
    const dataDir = member.dir
    const dir = signerFolder(dataDir)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const release = await lockSigner(dir)
    // Once: it takes as long as the document is.
    const chain = { genesisHash: genesisHash(genesis), genesisSet: genesisValidators(genesis) }
    const open: Open = (isForgetting) =>
      LocalSigner.open({
        dir,
        ...chain,
        secretKey: developmentValidator(member.index).consensusSecret,
        bls,
        create: isForgetting || isFreshKey(dataDir),
        // As for a key that comes in another's place: a new record begins above the old one, and at no time there is none.
        isForeign: isForgetting,
        onRecorded: () => markKeyUsed(dataDir),
      })
    try {
      return new DevSigner({ dir, open, release, inner: await open(false) })
    } catch (error) {
      await release()
      throw error
    }
  }

  /**
   * Forgets what was signed. Call it after the chain was taken back and before anyone asks for a vote: the blocks that the
   * forgotten votes were for are gone from this devnet, and nobody else ever had its votes.
   */
  async forget(): Promise<void> {
    await this.#inner.close()
    this.#inner = await this.#open(true)
  }

  get observing(): boolean {
    return this.#inner.observing
  }

  losses(): readonly SignerLoss[] {
    return this.#inner.losses()
  }

  noteHeld(votes: readonly Vote[]): Promise<void> {
    return this.#inner.noteHeld(votes)
  }

  /** Once there is a new record, the one of forgotten votes goes: an audit would find contradictions. */
  async beginEpoch(epoch: number, evidence: EpochEvidence): Promise<void> {
    await this.#inner.beginEpoch(epoch, evidence)
    if (this.#inner.epoch < epoch) return
    const old = (await listSegments(this.#dir, SIGNER_PREFIX)).slice(0, -1)
    for (const { path } of old) await removeSegment(path)
  }

  signed(): readonly Subject[] {
    return this.#inner.signed()
  }

  sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    return this.#inner.sign(signer, subjects)
  }

  signRandao(epoch: number, height: number): Promise<Uint8Array> {
    return this.#inner.signRandao(epoch, height)
  }

  raiseFloor(epoch: number, view: number): void {
    this.#inner.raiseFloor(epoch, view)
  }

  async close(): Promise<void> {
    await this.#inner.close()
    await this.#release()
  }
}
