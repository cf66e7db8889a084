import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { personalMessageHash, type RecoveryFile, recoveryHash } from '../../base/protocol/recovery.ts'
import { validatorSetHash } from '../../base/protocol/validators.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import { type OfflineNode, openOffline } from '../../cli/offlineNode.ts'
import { attest, bestFloor } from '../../cli/recovery/evidence.ts'
import {
  applyRecoveryFile,
  checkHere,
  mergeRecoveries,
  type OfferedReplacement,
  type ProposalOptions,
  propose,
  signRecovery,
} from '../../cli/recovery/proposal.ts'
import { textToSign } from '../../cli/recovery/replacement.ts'
import { planDevnet } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { genesisValidators } from '../../genesis/schema.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { RecoveryBook } from '../../node/recovery/recoveries.ts'
import { reachFloor } from '../../node/recovery/recoveryStart.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { buildBlock, executeBlock, type ParentView } from '../../state/execute.ts'
import { getSummary } from '../../state/modules/capacity/sums.ts'
import { getCoverage } from '../../state/modules/issuance/limits.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { recoveryOfEpoch } from '../../state/recovery.ts'
import { recoverSender } from '../../state/transaction.ts'
import { Journal } from '../../storage/journal.ts'
import { withDirectory } from '../support/chainFixtures.ts'
import { prepareFolders } from '../support/devnetFolders.ts'

const secretOf = (index: number): Uint8Array => developmentValidator(index).consensusSecret
const VALIDATORS = 4

/** A certificate by the first three validators. */
function certified(genesisHash: Uint8Array, subject: Subject): Certificate {
  const signers = [0, 1, 2]
  const bytes = voteBytes(genesisHash, subject)
  const signature = bls.aggregate(signers.map((i) => bls.sign(secretOf(i), bytes)))!
  return { subject, bitmap: signersBitmap(signers, VALIDATORS), signature }
}

/** An empty block of epoch 0 (or of a recovery's epoch) on `parent`. */
function emptyBlock(node: OfflineNode, parent: ParentView, round: { epoch: number; view: number }) {
  const template = {
    ...round,
    timestampMs: parent.header.timestampMs + 1_000,
    proposer: developmentValidator(0).operator.address,
    randaoReveal: new Uint8Array(96).fill(round.view),
    candidates: [],
    gasBudget: 1_000_000,
    bytesBudget: 1_000_000,
  }
  return buildBlock(parent, template, { chain: node.chain }).executed
}

interface Story {
  readonly members: readonly DevnetMember[]
  readonly final: SealedBlock
  /** Notarized in view 2; validator 0 voted to finalize it, and only it has body and certificate. */
  readonly open: SealedBlock
}

/** Four directories: all have block 1 final, validator 0 voted to finalize block 2. */
async function prepare(dataDir: string): Promise<Story> {
  const members = planDevnet({ validators: VALIDATORS, port: 25_900, dataDir })
  prepareFolders(
    { validators: VALIDATORS, dataDir, blockTimeMs: 20, windowMs: 10_000, isFresh: true, logLevel: 'info' },
    members,
  )
  let story: Story | undefined
  for (const member of members.slice(0, 2)) {
    const node = await openOffline(member.dir)
    const { genesisHash } = node.chain
    const parent = node.importer.parentView(node.importer.head().hash)!
    const first = emptyBlock(node, parent, { epoch: 0, view: 1 })
    const f = { kind: 'finalize', epoch: 0, view: 1, parentView: 0, digest: first.block.hash } as const
    node.importer.adopt(first)
    await node.importer.finalize([first.block.hash], certified(genesisHash, f))
    const second = emptyBlock(node, node.importer.parentView(first.block.hash)!, { epoch: 0, view: 2 })
    story ??= { members, final: first.block, open: second.block }
    await node.close()
    await writeVotes(member, genesisHash, { open: second.block, hasVoted: member.index === 0 })
  }
  return story!
}

async function writeVotes(
  { dir, index }: DevnetMember,
  genesisHash: Uint8Array,
  { open, hasVoted }: { open: SealedBlock; hasVoted: boolean },
): Promise<void> {
  const paths = nodePaths(dir)
  const block = { epoch: 0, view: 2, parentView: 1, digest: open.hash }
  const vote: Subject = hasVoted ? { kind: 'finalize', ...block } : { kind: 'nullify', epoch: 0, view: 2 }
  const genesisSet = genesisValidators(parseGenesis(genesisFile(dir)))
  const signer = await LocalSigner.open({
    dir: paths.signer,
    genesisHash,
    genesisSet,
    secretKey: secretOf(index),
    bls,
    create: true,
  })
  await signer.beginEpoch(0, async () => [])
  assert.ok((await signer.sign(index, [vote]))[0] !== undefined)
  await signer.close()
  const journal = await Journal.open({ dir: paths.journal, genesisHash })
  if (hasVoted) {
    journal.append({ kind: 'block', body: { epoch: 0, view: 2, block: open.bytes } })
    const certificate = certified(genesisHash, { kind: 'notarize', ...block })
    journal.append({ kind: 'certificate', body: { epoch: 0, certificate } })
  }
  journal.append({ kind: 'intent', body: { epoch: 0, subject: vote } })
  await journal.close()
}

/** Replaces the key of validator `index` with development key `key`. */
function replacement(
  node: OfflineNode,
  index: number,
  key: number,
  peerOf: number | undefined = undefined,
): OfferedReplacement {
  const { validators } = validatorSet(node.importer.head().state)
  const consensusSecret = secretOf(key)
  const peerId =
    peerOf === undefined
      ? new Uint8Array(validators[index]!.peerId).fill(key, 30)
      : validators[peerOf]!.peerId
  const keys = {
    genesisHash: node.chain.genesisHash,
    provider: index + 1,
    oldKey: validators[index]!.consensusKey,
    consensusSecret,
    peerId,
  }
  const digest = personalMessageHash(textToSign(keys))
  return {
    provider: index + 1,
    consensusKey: bls.publicKey(consensusSecret),
    peerId,
    possessionProof: bls.prove(consensusSecret),
    operatorSignature: signHash(digest, developmentValidator(index).operator.secretKey),
  }
}

/** Opening a node is slow: each stays open until the test changes its files or ends. */
const opened = new Map<string, OfflineNode>()

async function offline<T>(member: DevnetMember, run: (node: OfflineNode) => Promise<T>): Promise<T> {
  const node = opened.get(member.dir) ?? (await openOffline(member.dir))
  opened.set(member.dir, node)
  return run(node)
}

async function closeNodes(): Promise<void> {
  for (const node of opened.values()) await node.close()
  opened.clear()
}

const PLAN = { reason: 'a test', leaveOut: [], abandoned: [] }
const NEW_KEYS = [0, 1, 12, 13]

/** Proposes new keys for validators 2 and 3, with overrides `over`. */
const proposeOn = (member: DevnetMember, over: Partial<ProposalOptions> = {}): Promise<RecoveryFile> =>
  offline(member, (node) => {
    const replacements = [replacement(node, 2, 12), replacement(node, 3, 13)]
    return propose(node, bls.publicKey(secretOf(member.index)), { ...PLAN, replacements, ...over })
  })

const signOn = (member: DevnetMember, file: RecoveryFile) =>
  offline(member, (node) => signRecovery(node, file, secretOf(NEW_KEYS[member.index]!)))

async function signedByAll(members: readonly DevnetMember[], file: RecoveryFile): Promise<RecoveryFile> {
  const copies: RecoveryFile[] = []
  for (const member of members) copies.push((await signOn(member, file)).file)
  return mergeRecoveries(copies)
}

describe('cli.recovery', function () {
  this.timeout(60_000)
  const shared = mkdtempSync(join(tmpdir(), 'suanli-test-'))
  let origin: Story

  /** A copy of the four directories as `prepare` left them. */
  const withStory = (run: (story: Story, dir: string) => Promise<void>): Promise<void> =>
    withDirectory(async (dir) => {
      cpSync(shared, dir, { recursive: true })
      const members = origin.members.map((member) => ({ ...member, dir: member.dir.replace(shared, dir) }))
      try {
        await run({ ...origin, members }, dir)
      } finally {
        await closeNodes()
      }
    })

  before(async () => {
    origin = await prepare(shared)
  })
  after(() => rmSync(shared, { recursive: true, force: true }))

  it('continues from a block that only one survivor voted to finalize, and refuses any lower floor', () =>
    withStory(async ({ members, open, final }) => {
      const best = await offline(members[0]!, async (node) => bestFloor(node).point)
      assert.deepEqual(best, { height: 2, hash: open.hash, epoch: 0, view: 2 })
      const attested = await offline(members[0]!, async (node) => attest(node, 1, true))
      assert.equal(attested.finalized.height, 1)
      assert.deepEqual(attested.finalizeVotes, [{ epoch: 0, view: 2, digest: open.hash }])
      assert.ok(attested.votesKnown)
      // The other survivor knows only block 1 and must not succeed with a floor there.
      const lower = await proposeOn(members[1]!)
      assert.deepEqual(lower.recovery.floor.hash, final.hash)
      await assert.rejects(signOn(members[0]!, lower), {
        rule: 'votes',
        message: /provider 1 voted to finalize view 2/,
      })
      const file = await proposeOn(members[0]!)
      assert.deepEqual(file.recovery.floor, best)
      assert.equal(file.recovery.epoch, 1000)
      const { unknown } = await signOn(members[1]!, file)
      assert.match(unknown[0]!, /blocks 2 to 2 are missing here/)
      const complete = await signedByAll(members, file)
      await offline(members[0]!, (node) => checkHere(node, complete))
    }))

  it('is applied once, and takes effect in its first block on every node', () =>
    withStory(async ({ members, open }) => {
      const file = await signedByAll(members, await proposeOn(members[0]!))
      const { epoch } = file.recovery
      assert.equal(
        await offline(members[0]!, async (node) => (await applyRecoveryFile(node, file)).isNew),
        true,
      )
      // The node as seen by the next start.
      await closeNodes()
      await offline(members[0]!, async (node) => {
        assert.equal((await applyRecoveryFile(node, file)).isNew, false)
        assert.equal(node.signer?.epoch, epoch)
        assert.deepEqual(node.signer?.votes.subjects(), [])
        assert.ok(await reachFloor(node.importer, node.book, node.journal))
        const { header, hash } = node.importer.head()
        assert.deepEqual([header.height, hash], [2, open.hash])
        const parent = node.importer.parentView(hash)!
        const first = emptyBlock(node, parent, { epoch, view: 1 })
        const set = { validators: file.recovery.members.map(({ validator }) => validator) }
        assert.deepEqual(first.block.header.setHash, validatorSetHash(set))
        assert.deepEqual(validatorSet(first.overlay), set)
        assert.deepEqual(recoveryOfEpoch(first.overlay, epoch), recoveryHash(file.recovery))
        assert.equal(first.systemLogs.length > 0, true)
        const third = providersTables.provider.mustGet(first.overlay, { id: 3 })
        assert.deepEqual(third.consensusKey, bls.publicKey(secretOf(12)))
        const again = executeBlock(parent, first.block, { chain: node.chain, senderOf: recoverSender })
        assert.ok('executed' in again)
        // The old epoch does not continue, and without the file the new one does not begin.
        const { recoveryOn: _, ...bare } = node.chain
        const old = emptyBlock({ ...node, chain: bare }, parent, { epoch: 0, view: 3 })
        const refused = executeBlock(parent, old.block, { chain: node.chain, senderOf: recoverSender })
        assert.match('rejected' in refused ? refused.rejected.detail : '', /epoch is 0, expected 1000/)
        const unknown = executeBlock(parent, first.block, { chain: bare, senderOf: recoverSender })
        assert.match('rejected' in unknown ? unknown.rejected.detail : '', /epoch is 1000, expected 0/)
      })
    }))

  it('jails the providers it leaves out and drops their capacity, in the first block', () =>
    withStory(async ({ members }) => {
      const survivors = members.slice(0, 2)
      const plan = { replacements: [], leaveOut: [3, 4] }
      const file = await signedByAll(survivors, await proposeOn(members[0]!, plan))
      await offline(members[0]!, (node) => applyRecoveryFile(node, file))
      await closeNodes()
      await offline(members[0]!, async (node) => {
        assert.ok(await reachFloor(node.importer, node.book, node.journal))
        const parent = node.importer.parentView(node.importer.head().hash)!
        const { overlay } = emptyBlock(node, parent, { epoch: file.recovery.epoch, view: 1 })
        const counting = [1, 2, 3, 4].map((id) => getSummary(overlay, id).counts)
        assert.deepEqual(counting, [true, true, false, false])
        const sum = [1, 2].reduce((total, id) => total + getSummary(overlay, id).capacityBase, 0n)
        assert.equal(getCoverage(overlay).capacityBase, sum)
      })
    }))

  it('never reuses an epoch begun by a recovery, even if all its votes are lost', () =>
    withStory(async ({ members }) => {
      const file = await signedByAll(members, await proposeOn(members[0]!))
      await offline(members[1]!, (node) => applyRecoveryFile(node, file))
      await closeNodes()
      const { journal, signer } = nodePaths(members[1]!.dir)
      for (const path of [journal, signer]) rmSync(path, { recursive: true })
      const { epoch } = await offline(members[1]!, async (node) => attest(node, 2, true))
      assert.equal(epoch, file.recovery.epoch)
    }))

  it('can be replaced by another on the same floor if its epoch decides nothing', () =>
    withStory(async ({ members, open }) => {
      const first = await signedByAll(members, await proposeOn(members[0]!))
      await offline(members[0]!, (node) => applyRecoveryFile(node, first))
      await closeNodes()
      // For the validator that voted for the floor, it is final now.
      await offline(members[0]!, async (node) => {
        assert.ok(await reachFloor(node.importer, node.book, node.journal))
      })
      const second = await signedByAll(members, await proposeOn(members[0]!))
      assert.deepEqual(second.recovery.floor.hash, open.hash)
      assert.ok(second.recovery.epoch > first.recovery.epoch)
      await offline(members[0]!, async (node) => {
        assert.ok((await applyRecoveryFile(node, second)).isNew)
        assert.equal(node.book.on(open.hash)?.epoch, second.recovery.epoch)
      })
    }))

  it('abandons a vote whose block is missing only if named', () =>
    withStory(async ({ members, open }) => {
      rmSync(nodePaths(members[0]!.dir).journal, { recursive: true })
      await assert.rejects(proposeOn(members[0]!), {
        rule: 'votes',
        message: /make that block the floor, or give it up/,
      })
      const abandoned = [{ epoch: 0, view: 2, digest: open.hash }]
      const file = await proposeOn(members[0]!, { abandoned })
      assert.equal(file.recovery.floor.height, 1)
      const complete = await signedByAll(members, file)
      for (const member of members) await offline(member, (node) => applyRecoveryFile(node, complete))
    }))

  it('lets a member that lost its record vote again in the new epoch, once', () =>
    withStory(async ({ members }) => {
      const { signer: signerDir, recovery } = nodePaths(members[1]!.dir)
      rmSync(signerDir, { recursive: true })
      const file = await signedByAll(members, await proposeOn(members[0]!))
      const word = file.signatures.find(({ attestation }) => attestation.provider === 2)!.attestation
      assert.equal(word.votesKnown, false)
      await offline(members[1]!, (node) => applyRecoveryFile(node, file))
      await closeNodes()
      const { genesisHash, epoch } = file.recovery
      const genesisSet = genesisValidators(parseGenesis(genesisFile(members[1]!.dir)))
      const options = {
        dir: signerDir,
        genesisHash,
        genesisSet,
        secretKey: secretOf(1),
        bls,
        create: false,
      }
      const signer = await LocalSigner.open(options)
      assert.equal(signer.observing, false)
      const [vote] = await signer.sign(1, [{ kind: 'nullify', epoch, view: 1 }])
      assert.ok(vote !== undefined)
      assert.deepEqual(await signer.sign(1, [{ kind: 'nullify', epoch: 0, view: 9 }]), [undefined])
      await signer.close()
      // A record lost after that stays lost.
      rmSync(signerDir, { recursive: true })
      await offline(members[1]!, (node) => applyRecoveryFile(node, file))
      const lost = await LocalSigner.open(options)
      assert.equal(lost.observing, true)
      await lost.close()
      assert.equal(RecoveryBook.open({ dir: recovery, genesisHash }).latest?.recovery.epoch, epoch)
    }))

  it("refuses a floor that this node's chain contradicts or has passed, and a set from another state", () =>
    withStory(async ({ members, open, final }) => {
      const file = await proposeOn(members[0]!)
      const body = file.recovery
      const withBody = (over: object): RecoveryFile => ({ recovery: { ...body, ...over }, signatures: [] })
      const other = { ...body.floor, height: 1 }
      await assert.rejects(signOn(members[1]!, withBody({ floor: other })), {
        rule: 'floor',
        message: /as block 1, not/,
      })
      const small = { validators: body.previous.validators.slice(0, 3) }
      const fewer = withBody({ previous: small, members: body.members.slice(0, 3) })
      await assert.rejects(signOn(members[0]!, fewer), { rule: 'previousSet' })
      const forged = {
        ...body.certificate!,
        signature: certified(body.genesisHash, { kind: 'nullify', epoch: 0, view: 2 }).signature,
      }
      await assert.rejects(signOn(members[0]!, withBody({ certificate: forged })), { rule: 'certificate' })
      const stranger = offline(members[0]!, (node) => signRecovery(node, file, secretOf(30)))
      const reused = offline(members[0]!, (node) =>
        propose(node, undefined, {
          ...PLAN,
          leaveOut: [2],
          replacements: [replacement(node, 2, 1), replacement(node, 3, 13)],
        }),
      )
      await assert.rejects(reused, {
        rule: 'replacement',
        message: /provider 3: the new key is or was that of provider 2/,
      })
      const neighbour = offline(members[0]!, (node) =>
        propose(node, undefined, {
          ...PLAN,
          leaveOut: [2],
          replacements: [replacement(node, 2, 12, 1), replacement(node, 3, 13)],
        }),
      )
      await assert.rejects(neighbour, {
        rule: 'replacement',
        message: /provider 3: the peer id is or was that of provider 2/,
      })
      await assert.rejects(stranger, { rule: 'members', message: /does not name this node's consensus key/ })
      await offline(members[1]!, async (node) => {
        const parent = node.importer.parentView(node.importer.head().hash)!
        const next = emptyBlock(node, parent, { epoch: 0, view: 2 })
        assert.deepEqual(next.block.hash, open.hash)
        node.importer.adopt(next)
        const f = { kind: 'finalize', epoch: 0, view: 2, parentView: 1, digest: open.hash } as const
        await node.importer.finalize([open.hash], certified(body.genesisHash, f))
      })
      const below = await proposeOn(members[1]!)
      assert.equal(below.recovery.floor.height, 2)
      const subject = { kind: 'finalize', epoch: 0, view: 1, parentView: 0, digest: final.hash } as const
      const passed = withBody({
        floor: { height: 1, hash: final.hash, epoch: 0, view: 1 },
        certificate: certified(body.genesisHash, subject),
      })
      await assert.rejects(signOn(members[1]!, passed), {
        rule: 'floor',
        message: /block 2 is final on this node: the floor at 1/,
      })
    }))

  it('stores accepted files intact, and accepts from peers only trusted files', () =>
    withStory(async ({ members }, dir) => {
      const file = await signedByAll(members, await proposeOn(members[0]!))
      const { genesisHash } = file.recovery
      const hash = recoveryHash(file.recovery)
      await offline(members[0]!, (node) => applyRecoveryFile(node, file))
      const { bytes } = RecoveryBook.open({ dir: nodePaths(members[0]!.dir).recovery, genesisHash }).latest!
      const folder = join(dir, 'peer')
      const fits = (): undefined => undefined
      const strict = RecoveryBook.open({ dir: folder, genesisHash })
      assert.equal((await strict.offer(bytes, fits)).kind, 'untrusted')
      assert.equal(strict.latest, undefined)
      const trusting = RecoveryBook.open({ dir: folder, genesisHash, trusted: [hash] })
      assert.equal((await trusting.offer(bytes, () => 'another floor')).kind, 'refused')
      assert.equal((await trusting.offer(bytes.subarray(1), fits)).kind, 'refused')
      assert.equal((await trusting.offer(bytes, fits)).kind, 'accepted')
      assert.equal((await trusting.offer(bytes, fits)).kind, 'known')
      const kept = RecoveryBook.open({ dir: folder, genesisHash })
      assert.deepEqual(kept.on(file.recovery.floor.hash), file.recovery)
      assert.equal(kept.above(3)?.recovery.epoch, 1000)
      assert.equal(kept.above(2), undefined)
    }))
})
