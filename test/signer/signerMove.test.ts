// Moving a validator: the key as an EIP-2335 file, the record as a separate file, and the mistakes that are refused.
import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import {
  consensusPublicKey,
  createConsensusKey,
  exportConsensusKey,
  importConsensusKey,
  isFreshKey,
  isImportedKey,
  openConsensusKey,
} from '../../signer/keyFiles.ts'
import { KeystoreError } from '../../signer/keystore.ts'
import type { LocalSigner } from '../../signer/localSigner.ts'
import {
  exportFlags,
  importFlags,
  openLocalSigner,
  resumeAfter,
  type SignerOwner,
} from '../../signer/signerDir.ts'
import {
  A,
  B,
  CHAIN,
  finalize,
  GENESIS,
  leadTo,
  notarize,
  nullify,
  PUBLIC,
  SECRET,
} from '../support/signerFixture.ts'

const NOW_MS = 1_800_000_000_000

describe('signer.move', () => {
  let root: string
  const opened: LocalSigner[] = []
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'suanli-move-'))
  })
  afterEach(async () => {
    for (const signer of opened.splice(0)) await signer.close()
    rmSync(root, { recursive: true, force: true })
  })

  const dirOf = (name: string): string => join(root, name)
  const owner = (name: string, more: Partial<SignerOwner> = {}): SignerOwner => ({
    dataDir: dirOf(name),
    genesisHash: GENESIS,
    publicKey: PUBLIC,
    ...more,
  })

  /** A data directory whose key is fresh, imported or used. */
  function directory(name: string, mark: 'fresh' | 'imported' | 'used'): string {
    const keys = join(dirOf(name), 'keys')
    mkdirSync(keys, { recursive: true })
    if (mark !== 'used') writeFileSync(join(keys, `consensus.${mark}`), '')
    return dirOf(name)
  }

  async function open(name: string, forceMoved = false): Promise<LocalSigner> {
    const signer = await openLocalSigner({
      dataDir: dirOf(name),
      genesisHash: GENESIS,
      secretKey: SECRET,
      forceMoved,
      genesisSet: CHAIN.set,
    })
    opened.push(signer)
    return signer
  }

  /** Signs in epoch 3 and closes. */
  async function signIn(name: string, subjects: readonly Subject[], floor = 0): Promise<void> {
    const signer = await open(name)
    await signer.beginEpoch(3, leadTo(3))
    signer.raiseFloor(3, floor)
    for (const vote of await signer.sign(0, subjects)) assert.ok(vote !== undefined)
    await signer.close()
  }

  const send = async (from: string, file = 'flags.json'): Promise<string> => {
    const out = join(root, file)
    await exportFlags(owner(from), out, NOW_MS)
    return out
  }

  it('carries every flag and the floor to another machine, and silences the first', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3), finalize(5, A, 3), nullify(6, 3), notarize(7, B, 3)], 4)
    const file = join(root, 'flags.json')
    const done = await exportFlags(owner('a'), file, NOW_MS)
    assert.deepEqual({ ...done, checksum: '' }, { epoch: 3, floor: 4, votes: 4, checksum: '' })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    await assert.rejects(open('a'), /was exported at 2027-01-15.*signs on another machine now/)
    directory('b', 'imported')
    const imported = await importFlags(owner('b'), file)
    assert.deepEqual(imported, { changed: true, epoch: 3, floor: 4, votes: 4, observing: false })
    assert.equal(isImportedKey(dirOf('b')), false)
    const signer = await open('b')
    await signer.beginEpoch(3, leadTo(3))
    assert.equal(signer.observing, false)
    const refusals = [notarize(7, A, 3), nullify(5, 3), notarize(6, A, 3), nullify(4, 3), finalize(7, A, 3)]
    assert.deepEqual(
      await signer.sign(0, refusals),
      refusals.map(() => undefined),
    )
    assert.ok((await signer.sign(0, [notarize(7, B, 3), finalize(7, B, 3), nullify(8, 3)])).every(Boolean))
  })

  it('moves back with the votes signed meanwhile', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    directory('b', 'imported')
    const there = await send('a')
    await importFlags(owner('b'), there)
    await signIn('b', [nullify(9, 3)], 2)
    const back = await send('b', 'back.json')
    await assert.rejects(importFlags(owner('a'), there), /this directory exported this very record/)
    const merged = await importFlags(owner('a'), back)
    assert.deepEqual(merged, { changed: true, epoch: 3, floor: 2, votes: 2, observing: false })
    const signer = await open('a')
    assert.deepEqual(await signer.sign(0, [notarize(9, A, 3), notarize(5, B, 3)]), [undefined, undefined])
    await assert.rejects(open('b'), /was exported/)
  })

  it('refuses any record older than the exported one, wherever it was made', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const earlier = join(root, 'earlier.json')
    await exportFlags(owner('a'), earlier, NOW_MS - 1)
    directory('b', 'imported')
    await importFlags(owner('b'), await send('a'))
    await assert.rejects(importFlags(owner('a'), earlier), /is older than the one exported from here/)
    await signIn('b', [nullify(9, 3)], 2)
    const back = await send('b', 'back.json')
    await importFlags(owner('a'), back)
    await signIn('a', [nullify(11, 3)])
    await send('a', 'third.json')
    await assert.rejects(importFlags(owner('a'), back), /is older than the one exported from here/)
    await assert.rejects(open('a'), /was exported/)
  })

  it('never lowers anything: an older epoch or a smaller record changes nothing', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const file = await send('a')
    directory('b', 'imported')
    await importFlags(owner('b'), file)
    await signIn('b', [nullify(6, 3), notarize(7, A, 3)], 5)
    assert.deepEqual(await importFlags(owner('b'), file), {
      changed: true,
      epoch: 3,
      floor: 5,
      votes: 2,
      observing: false,
    })
    const later = await open('b')
    await later.beginEpoch(4, leadTo(4))
    await later.sign(0, [nullify(1, 4)])
    await later.close()
    const same = await importFlags(owner('b'), file)
    assert.deepEqual(same, { changed: false, epoch: 4, floor: 0, votes: 1, observing: false })
    assert.deepEqual((await open('b')).signed(), [nullify(1, 4)])
  })

  it('refuses a record that contradicts this one: the key has signed on two machines', async () => {
    directory('a', 'fresh')
    directory('b', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    await signIn('b', [notarize(5, B, 3)])
    const before = readSegments('b')
    await assert.rejects(
      importFlags(owner('b'), await send('a')),
      /doubleNotarize in epoch 3 view 5.*nothing was changed/,
    )
    assert.deepEqual(readSegments('b'), before)
  })

  function readSegments(name: string): string {
    return readFileSync(join(dirOf(name), 'signer', 'signer-00000001.log'), 'hex')
  }

  it("never uses another key's record, even after key files are swapped", async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const secretKey = bls.keygen(new Uint8Array(32).fill(77))
    const other = await openLocalSigner({
      dataDir: dirOf('a'),
      genesisHash: GENESIS,
      secretKey,
      forceMoved: false,
      genesisSet: CHAIN.set,
    })
    opened.push(other)
    await other.beginEpoch(3, leadTo(3))
    assert.equal(other.observing, true)
    assert.deepEqual(await other.sign(0, [nullify(6, 3)]), [undefined])
    await other.close()
    const back = await open('a')
    await back.beginEpoch(3, leadTo(3))
    assert.equal(back.observing, true)
    await back.close()
    const foreign = owner('a', { publicKey: bls.publicKey(secretKey) })
    await assert.rejects(exportFlags(foreign, join(root, 'x.json'), NOW_MS), /has no record/)
  })

  it('refuses to replace a record that was lost here', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const file = await send('a')
    directory('b', 'used')
    await assert.rejects(importFlags(owner('b'), file), /is lost, and an older one must not take its place/)
    directory('c', 'imported')
    await importFlags(owner('c'), file)
    rmSync(join(dirOf('c'), 'signer'), { recursive: true })
    await assert.rejects(importFlags(owner('c'), file), /is lost/)
    const signer = await open('c')
    await signer.beginEpoch(3, leadTo(3))
    assert.equal(signer.observing, true)
  })

  it("resumes a lost record after the epoch that the operator names on the signer's machine", async () => {
    directory('a', 'fresh')
    await assert.rejects(resumeAfter(owner('a'), 4), /is not lost/)
    await signIn('a', [notarize(5, A, 3)])
    await assert.rejects(resumeAfter(owner('a'), 4), /is not lost/)
    rmSync(join(dirOf('a'), 'signer'), { recursive: true })
    const lost = await open('a')
    await lost.beginEpoch(4, leadTo(4))
    await assert.rejects(resumeAfter(owner('a'), 4), /is in use/)
    await lost.close()
    await assert.rejects(resumeAfter(owner('a'), 3), /reaches epoch 4/)
    assert.deepEqual(await resumeAfter(owner('a'), 5), { resumesAfterEpoch: 5 })
    const signer = await open('a')
    for (const epoch of [4, 5]) {
      await signer.beginEpoch(epoch, leadTo(epoch))
      assert.deepEqual(await signer.sign(0, [nullify(1, epoch)]), [undefined])
    }
    await signer.beginEpoch(6, leadTo(6))
    assert.ok((await signer.sign(0, [nullify(1, 6)]))[0] !== undefined)
    await signer.close()
    await assert.rejects(resumeAfter(owner('a'), 9), /is not lost/)
  })

  it('keeps observing when either record was lost', async () => {
    directory('a', 'used')
    const lost = await open('a')
    await lost.beginEpoch(3, leadTo(3))
    await lost.close()
    directory('b', 'imported')
    const { observing } = await importFlags(owner('b'), await send('a'))
    assert.equal(observing, true)
    const signer = await open('b')
    assert.deepEqual(await signer.sign(0, [nullify(9, 3)]), [undefined])
    const [loss] = signer.losses()
    assert.equal(await loss!.prove(loss!.nonce, CHAIN.show(loss!.nonce, 3)), undefined)
    await signer.beginEpoch(4, leadTo(4))
    assert.ok((await signer.sign(0, [nullify(9, 4)]))[0] !== undefined)
  })

  it('refuses another key, another chain, and truncated, changed or foreign files', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const file = await send('a')
    const text = readFileSync(file, 'utf8')
    directory('b', 'imported')
    const otherKey = bls.publicKey(bls.keygen(B))
    await assert.rejects(importFlags(owner('b', { publicKey: otherKey }), file), /record is for the key 0x/)
    await assert.rejects(importFlags(owner('b', { genesisHash: A }), file), /record is for the chain 0x/)
    const json = JSON.parse(text)
    const broken: readonly [string, RegExp][] = [
      [text.slice(0, -20), /not JSON/],
      ['[]', /not a suanli-signer-flags/],
      ['{}', /not a suanli-signer-flags/],
      [JSON.stringify({ ...json, version: 1 }), /has version 1, this build reads version 2/],
      [JSON.stringify({ ...json, record: { ...json.record, floor: 4 } }), /checksum does not match/],
      [JSON.stringify({ ...json, record: { ...json.record, signed: [] } }), /checksum does not match/],
      [JSON.stringify({ ...json, record: { ...json.record, more: 1 } }), /malformed: .*unknown field/],
      [JSON.stringify({ ...json, record: { ...json.record, epoch: -1 } }), /malformed/],
    ]
    for (const [content, reason] of broken) {
      const bad = join(root, 'bad.json')
      writeFileSync(bad, content)
      await assert.rejects(importFlags(owner('b'), bad), (error: Error) => {
        assert.ok(error instanceof OperatorError)
        assert.match(error.message, reason)
        return true
      })
    }
    assert.equal(existsSync(join(dirOf('b'), 'signer', 'signer-00000001.log')), false)
    assert.equal(isImportedKey(dirOf('b')), true)
  })

  it('exports only a sound record of a stopped signer, and never overwrites a file', async () => {
    directory('a', 'fresh')
    const running = await open('a')
    await running.beginEpoch(3, leadTo(3))
    await assert.rejects(exportFlags(owner('a'), join(root, 'x'), NOW_MS), /is in use/)
    await assert.rejects(importFlags(owner('a'), await exported()), /is in use/)
    await assert.rejects(open('a'), /is in use/)
    await running.close()
    writeFileSync(join(root, 'taken'), '')
    await assert.rejects(exportFlags(owner('a'), join(root, 'taken'), NOW_MS), /exists already/)
    await (await open('a')).close()
    directory('none', 'used')
    await assert.rejects(exportFlags(owner('none'), join(root, 'x'), NOW_MS), /has no record/)
    assert.equal(existsSync(join(root, 'x')), false)
  })

  async function exported(): Promise<string> {
    directory('other', 'fresh')
    await signIn('other', [nullify(1, 3)])
    return send('other', 'other.json')
  }

  it('signs again at the source only when forced, or after an interrupted export is repeated', async () => {
    directory('a', 'fresh')
    await signIn('a', [notarize(5, A, 3)])
    const first = await send('a')
    const again = await send('a', 'again.json')
    assert.equal(
      JSON.parse(readFileSync(again, 'utf8')).checksum,
      JSON.parse(readFileSync(first, 'utf8')).checksum,
    )
    const moved = join(dirOf('a'), 'keys', 'consensus.moved.json')
    const sound = readFileSync(moved, 'utf8')
    const movedAt = '"movedAt": "yesterday"'
    for (const text of [
      '{"mov',
      '',
      '{}',
      sound.replace(/"movedAt": "[^"]*"/, movedAt),
      sound.replace('0x', ''),
    ]) {
      writeFileSync(moved, text)
      const damaged = /consensus\.moved\.json is damaged/
      await assert.rejects(open('a'), damaged)
      // An older record must not pass for a newer one.
      await assert.rejects(importFlags(owner('a'), first), damaged)
      await assert.rejects(exportFlags(owner('a'), join(root, 'more.json'), NOW_MS), damaged)
    }
    const forced = await open('a', true)
    assert.deepEqual(await forced.sign(0, [notarize(5, B, 3)]), [undefined])
    await forced.close()
    await (await open('a')).close()
  })

  it('moves a key that has never signed with an empty record, so that it need not observe', async () => {
    directory('a', 'fresh')
    const file = await send('a')
    await send('a', 'again.json')
    await assert.rejects(open('a'), /was exported/)
    const forced = await open('a', true)
    await forced.beginEpoch(3, leadTo(3))
    assert.equal(forced.observing, true)
    directory('b', 'imported')
    const imported = await importFlags(owner('b'), file)
    assert.deepEqual(imported, { changed: true, epoch: 0, floor: 0, votes: 0, observing: false })
    await signIn('b', [notarize(1, A, 3)])
  })

  it('moves the key itself as an EIP-2335 file under a separate password', () => {
    const dataDir = dirOf('keys')
    const publicKey = createConsensusKey(dataDir, 'one', 'light')
    assert.equal(isFreshKey(dataDir), true)
    assert.throws(() => createConsensusKey(dataDir, 'one', 'light'), /exists already/)
    const out = join(root, 'key.json')
    exportConsensusKey(dataDir, { out, password: 'one', filePassword: 'travel', cost: 'light' })
    assert.throws(() => exportConsensusKey(dataDir, { out, password: 'one', filePassword: 'x' }), /EEXIST/)
    const wrong = { file: out, filePassword: 'one', password: 'two', cost: 'light' } as const
    assert.throws(() => importConsensusKey(dirOf('there'), wrong), /password does not open/)
    assert.equal(existsSync(dirOf('there')), false)
    importConsensusKey(dirOf('there'), { ...wrong, filePassword: 'travel' })
    assert.ok(equalBytes(consensusPublicKey(dirOf('there')), publicKey))
    assert.deepEqual(openConsensusKey(dirOf('there'), 'two'), openConsensusKey(dataDir, 'one'))
    assert.deepEqual([isFreshKey(dirOf('there')), isImportedKey(dirOf('there'))], [false, true])
    assert.throws(() => importConsensusKey(dataDir, { ...wrong, filePassword: 'travel' }), /exists already/)
  })

  it('refuses a file whose secret does not match its public key or is not a secret key', () => {
    const dataDir = dirOf('a')
    createKeys({
      dataDir,
      password: 'p',
      isValidator: true,
      given: { peerSeed: new Uint8Array(32).fill(0xff), consensusSecret: SECRET },
      cost: 'light',
    })
    const file = join(root, 'edited.json')
    copyFileSync(join(dataDir, 'keys', 'consensus.json'), file)
    const json = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(
      file,
      JSON.stringify({ ...json, pubkey: Buffer.from(bls.publicKey(bls.keygen(B))).toString('hex') }),
    )
    const code = (run: () => unknown): string => {
      try {
        run()
      } catch (error) {
        if (error instanceof KeystoreError) return error.code
      }
      return 'none'
    }
    const options = { file, filePassword: 'p', password: 'q' }
    assert.equal(
      code(() => importConsensusKey(dirOf('b'), options)),
      'WrongKey',
    )
    copyFileSync(join(dataDir, 'keys', 'peer.json'), file)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"pubkey": "[0-9a-f]+",/, ''))
    assert.equal(
      code(() => importConsensusKey(dirOf('b'), options)),
      'WrongKey',
      'the seed of a peer identity is larger than the group order',
    )
  })
})
