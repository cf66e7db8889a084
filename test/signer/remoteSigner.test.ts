// A signer in another process, from both sides: outages, repeated requests, a second node, mistakes, malformed bytes.
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { concatBytes, u32be } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { SchemaError } from '../../base/field.ts'
import { randaoBytes, type Vote, voteBytes } from '../../base/protocol/vote.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { askHealth } from '../../signer/signerHealth.ts'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  FrameReader,
  REQUEST_BYTES_MAX,
  SIGNER_PROTOCOL_VERSION,
} from '../../signer/signerProtocol.ts'
import { listenSigner } from '../../signer/signerTransport.ts'
import {
  A,
  B,
  CHAIN,
  eventually,
  finalize,
  GENESIS,
  HASTY,
  leadTo,
  notarize,
  nullify,
  PUBLIC,
  RawClient,
  SignerRig,
} from '../support/signerFixture.ts'

const isGenuine = (vote: Vote | undefined): boolean =>
  vote !== undefined && bls.verify(PUBLIC, voteBytes(GENESIS, vote.subject), vote.signature)

describe('remoteSigner', () => {
  let rig: SignerRig
  beforeEach(() => {
    rig = new SignerRig()
  })
  afterEach(() => rig.close())

  it('signs, refuses by its own flags, and answers a repeated request with the same bytes', async () => {
    await rig.serve()
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.deepEqual(client.signed(), [])
    const [first, second] = await client.sign(2, [notarize(1, A), nullify(2)])
    assert.ok(isGenuine(first) && isGenuine(second))
    assert.equal(first!.signer, 2)
    assert.deepEqual(await client.sign(2, [notarize(1, A), notarize(1, B), finalize(2, A)]), [
      first,
      undefined,
      undefined,
    ])
    client.raiseFloor(1, 2)
    assert.deepEqual(await client.sign(2, [finalize(1, A)]), [undefined])
    assert.deepEqual(
      rig.log.filter(({ text }) => text === 'refused to sign').map(({ fields }) => fields.refusal),
      ['notarized', 'nullified'],
    )
    const reveal = await client.signRandao(1, 7)
    assert.ok(bls.verify(PUBLIC, randaoBytes(GENESIS, 1, 7), reveal))
  })

  it('keeps its flags when a node connects, and raises the epoch', async () => {
    await rig.serve()
    const before = rig.client()
    await before.beginEpoch(1, leadTo(1))
    await before.sign(0, [notarize(1, A), finalize(1, A), nullify(2)])
    await before.close()
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.deepEqual(client.signed(), [notarize(1, A), finalize(1, A), nullify(2)])
    await client.beginEpoch(2, leadTo(2))
    assert.equal(rig.signer!.epoch, 2)
    assert.deepEqual(await client.sign(0, [nullify(3, 1)]), [undefined])
    assert.ok(isGenuine((await client.sign(0, [nullify(3, 2)]))[0]))
  })

  it('ends in the last of several epochs begun at once', async () => {
    await rig.serve()
    const client = rig.client()
    await Promise.all([
      client.beginEpoch(1, leadTo(1)),
      client.beginEpoch(2, leadTo(2)),
      client.beginEpoch(3, leadTo(3)),
    ])
    assert.ok(isGenuine((await client.sign(0, [nullify(1, 3)]))[0]))
    await Promise.all([client.beginEpoch(4, leadTo(4)), client.beginEpoch(5, leadTo(5))])
    assert.deepEqual(await client.sign(0, [nullify(2, 3)]), [undefined])
    assert.ok(isGenuine((await client.sign(0, [nullify(2, 5)]))[0]))
    assert.equal(rig.signer!.epoch, 5)
  })

  it('queues requests while the signer is away and gets answers when it returns', async () => {
    await rig.serve()
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.ok(isGenuine((await client.sign(0, [notarize(1, A)]))[0]))
    await rig.stopServing()
    await eventually(() => !client.isReady, 'the loss')
    const waiting = client.sign(0, [nullify(1), notarize(1, B)])
    await assert.rejects(client.signRandao(1, 5), /cannot be reached/)
    const told = rig.nodeLog.filter(({ text }) => /cannot be reached: this node follows/.test(text))
    assert.deepEqual(
      told.map(({ level }) => level),
      ['warn'],
    )
    await rig.serve(false)
    const [vote, refused] = await waiting
    assert.ok(isGenuine(vote))
    assert.equal(refused, undefined)
    assert.ok(rig.nodeLog.some(({ text }) => /answers: this node can sign again/.test(text)))
  })

  it('follows when the signer is away at the start, and sends the epoch later', async () => {
    const client = rig.client({ patience: HASTY })
    await client.beginEpoch(4, leadTo(4))
    assert.equal(client.isReady, false)
    const waiting = client.sign(0, [nullify(1, 4)])
    await rig.serve()
    assert.ok(isGenuine((await waiting)[0]))
    assert.equal(rig.signer!.epoch, 4)
  })

  it('raises the epoch although the request for the previous one is unanswered', async () => {
    await rig.serve()
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    const second = client.beginEpoch(2, leadTo(2))
    await client.beginEpoch(3, leadTo(3))
    await second
    assert.ok(isGenuine((await client.sign(0, [nullify(1, 3)]))[0]))
    assert.equal(rig.signer!.epoch, 3)
  })

  it('drops the oldest requests when too many wait, and those of an ended epoch', async () => {
    const client = rig.client({ patience: HASTY })
    void client.beginEpoch(1, leadTo(1))
    const oldest = client.sign(0, [nullify(1)])
    const later = Array.from({ length: 512 }, (_, i) => client.sign(0, [nullify(i + 2)]))
    assert.deepEqual(await oldest, [undefined])
    await client.beginEpoch(2, leadTo(2))
    for (const votes of await Promise.all(later)) assert.deepEqual(votes, [undefined])
  })

  it('signs the same vote again after the signer died between recording and answering', async () => {
    const died = await rig.openSigner()
    await died.beginEpoch(1, leadTo(1))
    const [lost] = await died.sign(3, [notarize(5, A)])
    await died.close()
    await rig.serve(false)
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.deepEqual(await client.sign(3, [notarize(5, A)]), [lost])
    assert.deepEqual(await client.sign(3, [notarize(5, B)]), [undefined])
    assert.ok(isGenuine((await client.sign(3, [nullify(5)]))[0]))
  })

  it('serves one node at a time: a second waits until the first is gone', async () => {
    await rig.serve()
    const first = rig.client({ client: 'first' })
    await first.beginEpoch(1, leadTo(1))
    const second = new RawClient(join(rig.dir, 's.sock'))
    second.hello({ client: 'second' })
    const refused = await second.reply('refused')
    assert.equal(refused.code, 'held')
    assert.match(refused.reason, /^first holds this signer/)
    await eventually(() => second.isClosed, 'the end of the second')
    assert.ok(isGenuine((await first.sign(0, [notarize(1, A)]))[0]))
    await first.close()
    await eventually(() => rig.log.some(({ text }) => /no node holds/.test(text)), 'the release')
    const third = rig.client({ client: 'third' })
    await third.beginEpoch(1, leadTo(1))
    assert.deepEqual(await third.sign(0, [notarize(1, B)]), [undefined])
  })

  it('is taken over only on request, and the node that lost it does not take it back', async () => {
    await rig.serve()
    const first = rig.client({ client: 'first' })
    await first.beginEpoch(1, leadTo(1))
    await first.sign(0, [notarize(1, A)])
    const second = rig.client({ client: 'second', takeOver: true })
    await second.beginEpoch(1, leadTo(1))
    assert.deepEqual(await second.sign(0, [notarize(1, B)]), [undefined])
    assert.ok(isGenuine((await second.sign(0, [nullify(2)]))[0]))
    await eventually(() => !first.isReady, 'the loss')
    assert.deepEqual(await first.sign(0, [nullify(3)]), [undefined])
    const said = rig.nodeLog.filter(({ level }) => level === 'error')
    assert.deepEqual(
      said.map(({ fields }) => fields.code),
      ['takenOver'],
    )
    assert.ok(second.isReady)
  })

  it('lets a new connection of the same node replace the old one', async () => {
    await rig.serve()
    const old = new RawClient(join(rig.dir, 's.sock'))
    old.hello()
    await old.reply('welcome')
    const fresh = new RawClient(join(rig.dir, 's.sock'))
    fresh.hello()
    await fresh.reply('welcome')
    await eventually(() => old.isClosed, 'the end of the old one')
    fresh.send({ kind: 'ping', body: { id: 1 } })
    assert.deepEqual(await fresh.reply('pong'), { id: 1, observing: false })
    fresh.destroy()
  })

  it('refuses a wrong version, chain or key by name', async () => {
    await rig.serve()
    const cases = [
      ['version', { version: SIGNER_PROTOCOL_VERSION - 1 }],
      ['chain', { genesisHash: A }],
      ['key', { publicKey: bls.publicKey(bls.keygen(A)) }],
    ] as const
    for (const [code, change] of cases) {
      const raw = new RawClient(join(rig.dir, 's.sock'))
      raw.hello(change)
      assert.equal((await raw.reply('refused')).code, code)
    }
    const client = rig.client({ publicKey: bls.publicKey(bls.keygen(B)) })
    await eventually(() => rig.nodeLog.some(({ fields }) => fields.code === 'key'), 'the refusal')
    assert.equal(client.isReady, false)
  })

  it('disconnects a client that sends invalid messages, and serves the next', async () => {
    await rig.serve()
    const path = join(rig.dir, 's.sock')
    const bytes: readonly Uint8Array[] = [
      u32be(0),
      u32be(REQUEST_BYTES_MAX + 1),
      concatBytes(u32be(2), new Uint8Array([99, 0])),
      concatBytes(u32be(3), new Uint8Array([5, 8, 128])),
      encodeRequest({ kind: 'ping', body: { id: 1 } }),
    ]
    for (const sent of bytes) {
      const raw = new RawClient(path)
      raw.write(sent)
      assert.equal((await raw.reply('refused')).code, 'malformed')
      await eventually(() => raw.isClosed, 'the end')
    }
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.ok(isGenuine((await client.sign(0, [notarize(1, A)]))[0]))
  })

  it('answers many requests in one write, in order', async () => {
    await rig.serve()
    const raw = new RawClient(join(rig.dir, 's.sock'))
    raw.hello()
    const pings = Array.from({ length: 100 }, (_, i) => encodeRequest({ kind: 'ping', body: { id: i + 1 } }))
    raw.write(concatBytes(...pings))
    await eventually(() => raw.replies.length === 101, 'all answers')
    assert.deepEqual(
      raw.replies.slice(1).map((reply) => (reply.kind === 'pong' ? reply.body.id : undefined)),
      Array.from({ length: 100 }, (_, i) => i + 1),
    )
    raw.destroy()
  })

  it('drops a signer that does not answer or answers nonsense, and says so', async () => {
    const answers = [
      undefined,
      encodeReply({ kind: 'pong', body: { id: 1, observing: false } }),
      concatBytes(u32be(1), new Uint8Array([77])),
    ]
    let count = 0
    const listening = await listenSigner(rig.address, {
      onSocket: (socket) => {
        const answer = answers[count++ % answers.length]
        socket.on('error', () => {})
        socket.on('data', () => answer !== undefined && socket.write(answer))
      },
      onRefused: () => {},
    })
    const client = rig.client({ patience: HASTY })
    await eventually(() => count >= 3, 'three attempts')
    await client.close()
    await listening.close()
    assert.equal(client.isReady, false)
    assert.match(String(rig.nodeLog[0]?.fields.reason), /no answer within/)
  })

  it('drops a connection to a hanging signer, and asks again over a new one', async () => {
    let connections = 0
    const hanging = await listenSigner(rig.address, {
      onSocket: (socket) => {
        connections++
        socket.on('error', () => {})
        const body = { version: SIGNER_PROTOCOL_VERSION, software: 'hangs' }
        socket.once('data', () => socket.write(encodeReply({ kind: 'welcome', body })))
      },
      onRefused: () => {},
    })
    const client = rig.client({ patience: HASTY })
    await client.beginEpoch(1, leadTo(1))
    const waiting = client.sign(0, [nullify(1)])
    await eventually(() => connections >= 2, 'a second connection')
    assert.match(String(rig.nodeLog[0]?.fields.reason), /no answer within 500 ms/)
    await hanging.close()
    await eventually(() => !client.isReady, 'the end of the second connection')
    await rig.serve()
    assert.ok(isGenuine((await waiting)[0]))
  })

  it('detects a signer that signs with a different key than it claims', async () => {
    await rig.serve()
    const other = await LocalSigner.open({
      dir: join(rig.dir, 'other'),
      genesisHash: GENESIS,
      genesisSet: CHAIN.set,
      secretKey: bls.keygen(B),
      bls,
      create: true,
    })
    await other.beginEpoch(1, leadTo(1))
    rig.signer!.decide = (signer, subjects) => other.decide(signer, subjects)
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    const waiting = client.sign(0, [nullify(1)])
    await eventually(
      () => rig.nodeLog.some(({ text }) => /different key than it claims/.test(text)),
      'the find',
    )
    await client.close()
    assert.deepEqual(await waiting, [undefined])
    await other.close()
  })

  it('stops when a disk write fails, and reports it to its owner', async () => {
    await rig.serve()
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    rig.signer!.decide = () => Promise.reject(new Error('ENOSPC'))
    const waiting = client.sign(0, [nullify(1)])
    await eventually(() => rig.failures.length > 0, 'the failure')
    await client.close()
    assert.deepEqual(await waiting, [undefined])
  })

  it('warns that nothing is signed while its record is lost', async () => {
    await rig.serve(false)
    const client = rig.client()
    await client.beginEpoch(1, leadTo(1))
    assert.equal(client.observing, true)
    const told = rig.nodeLog.filter(({ text }) => /record of the remote signer is lost/.test(text))
    assert.equal(told.length, 1)
    assert.deepEqual(await client.sign(0, [nullify(1)]), [undefined])
    await client.beginEpoch(2, leadTo(2))
    assert.equal(client.observing, true)
    const [loss] = client.losses()
    assert.match((await loss!.prove(A, CHAIN.show(A, 2))) ?? '', /does not contain/)
    assert.equal(await loss!.prove(loss!.nonce, CHAIN.show(loss!.nonce, 2)), undefined)
    assert.deepEqual(client.losses(), [])
    assert.deepEqual(await client.sign(0, [nullify(1, 2)]), [undefined])
    await client.beginEpoch(3, leadTo(3))
    assert.equal(client.observing, false)
    assert.ok(isGenuine((await client.sign(0, [nullify(1, 3)]))[0]))
  })

  it('reports its health to any client without being held', async () => {
    await rig.serve()
    const client = rig.client({ client: 'me' })
    await client.beginEpoch(1, leadTo(1))
    await client.sign(0, [notarize(1, A), notarize(1, B)])
    const { epoch, signedCount, refusedCount, holder, publicKey } = await askHealth(rig.address)
    assert.deepEqual(
      { epoch, signedCount, refusedCount, holder },
      { epoch: 1, signedCount: 1, refusedCount: 1, holder: 'me' },
    )
    assert.deepEqual(publicKey, PUBLIC)
    assert.ok(client.isReady)
    await rig.stopServing()
    await assert.rejects(askHealth(rig.address), /does not answer/)
  })

  it('opens its socket to its own user only, and replaces only the socket of a dead signer', async () => {
    const path = join(rig.dir, 's.sock')
    await rig.serve()
    assert.equal(statSync(path).mode & 0o777, 0o600)
    await assert.rejects(
      listenSigner(rig.address, { onSocket: () => {}, onRefused: () => {} }),
      /another program listens there/,
    )
    const file = join(rig.dir, 'file')
    writeFileSync(file, '')
    await assert.rejects(
      listenSigner({ kind: 'unix', path: file }, { onSocket: () => {}, onRefused: () => {} }),
      /exists and is not a socket/,
    )
    await assert.rejects(
      listenSigner(
        { kind: 'unix', path: `/tmp/${'x'.repeat(120)}` },
        { onSocket: () => {}, onRefused: () => {} },
      ),
      /at most 107 bytes/,
    )
  })
})

describe('signerProtocol.frames', () => {
  it('are reassembled from any chunks', () => {
    const frames = [1, 2, 3].map((id) => encodeRequest({ kind: 'ping', body: { id } }))
    const bytes = concatBytes(...frames)
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new FrameReader(REQUEST_BYTES_MAX)
      const found: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += size)
        found.push(...reader.push(bytes.subarray(at, at + size)))
      assert.deepEqual(
        found,
        frames.map((frame) => frame.slice(4)),
      )
    }
    assert.throws(() => new FrameReader(10).push(u32be(11)), SchemaError)
  })

  it('decode to what was encoded, and reject all other bytes with a reason', () => {
    const view = fc.integer({ min: 1, max: 9 })
    const subject = fc.oneof(
      view.map((v) => nullify(v)),
      view.map((v) => notarize(v, A)),
      view.map((v) => finalize(v, B)),
    )
    fc.assert(
      fc.property(
        fc.array(subject, { maxLength: 5 }),
        fc.nat(),
        fc.nat(65_535),
        (subjects, floor, signer) => {
          const body = { id: 1, epoch: 1, floor, signer, subjects }
          const request = { kind: 'sign', body } as const
          assert.deepEqual(decodeRequest(encodeRequest(request).slice(4)), request)
        },
      ),
    )
    const refuses = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void => {
      try {
        decode(bytes)
      } catch (error) {
        assert.ok(error instanceof SchemaError)
      }
    }
    const sound = encodeRequest({
      kind: 'sign',
      body: { id: 1, epoch: 1, floor: 0, signer: 2, subjects: [nullify(3)] },
    })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), fc.nat(255), (bytes, at, value) => {
        for (const decode of [decodeRequest, decodeReply]) refuses(decode, bytes)
        const changed = sound.slice(4)
        changed[at % changed.length] = value
        refuses(decodeRequest, changed)
        refuses(decodeRequest, changed.subarray(0, at % changed.length))
      }),
      { numRuns: 500 },
    )
  })

  it('drops a connection that sends nothing', async () => {
    const rig = new SignerRig()
    try {
      await rig.serve(true, 200)
      const socket = connect({ path: join(rig.dir, 's.sock') })
      await new Promise((resolve) => socket.once('close', resolve))
      const { holder } = await askHealth(rig.address)
      assert.equal(holder, undefined)
    } finally {
      await rig.close()
    }
  })
})
