// Who may shake hands, who stays, and what a connection may cost: judged on a clock of the test.
import assert from 'node:assert/strict'
import { diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { addressGroup, groupOfMultiaddr, LOOPBACK } from '../../p2p/addressGroup.ts'
import { Budget } from '../../p2p/budget.ts'
import { Door, PENDING_MAX, PENDING_PER_GROUP_MAX } from '../../p2p/door.ts'
import { FrameScanner, NOISE_FRAMES, YAMUX_FRAMES } from '../../p2p/frameScanner.ts'
import { STREAM_WINDOW_BYTES_MAX } from '../../p2p/limits.ts'
import {
  IDLE_MS,
  judgeStranger,
  SILENT_MS,
  STRANGERS_PER_GROUP_MAX,
  type Stranger,
  TURN_MS,
} from '../../p2p/strangers.ts'
import { agree, type KeyPair } from '../../p2p/x25519.ts'
import { YAMUX, yamuxFrame } from '../support/rawPeer.ts'

describe('p2p.addressGroup', () => {
  it('groups IPv4 addresses singly, IPv6 by 64 bits, and loopback as a whole', () => {
    assert.equal(addressGroup('192.0.2.7'), '192.0.2.7')
    assert.equal(addressGroup('::ffff:192.0.2.7'), '192.0.2.7')
    assert.equal(addressGroup('127.0.0.1'), LOOPBACK)
    assert.equal(addressGroup('::1'), LOOPBACK)
    assert.equal(addressGroup('127.0.0.2'), '127.0.0.2')
    assert.equal(addressGroup('2001:db8::1'), addressGroup('2001:0DB8:0:0:ffff::2'))
    assert.notEqual(addressGroup('2001:db8::1'), addressGroup('2001:db8:0:1::1'))
    assert.equal(addressGroup('fe80::1%eth0'), addressGroup('fe80::2'))
    assert.equal(groupOfMultiaddr('/ip4/192.0.2.7/tcp/1/p2p/x'), '192.0.2.7')
    assert.equal(groupOfMultiaddr('/ip6/2001:db8::1/tcp/1'), '2001:db8:0:0::/64')
    assert.equal(groupOfMultiaddr('/dns4/node.example/tcp/1'), 'node.example')
  })
})

describe('p2p.budget', () => {
  it('saves up to its burst, goes into debt, and says how long that lasts', () => {
    let nowMs = 0
    const budget = new Budget({ perSecond: 1_000, burst: 100 }, () => nowMs)
    nowMs = 60_000
    assert.equal(budget.tryCharge(101), false)
    assert.equal(budget.tryCharge(100), true)
    nowMs += 1
    budget.charge(501)
    assert.equal(budget.hasCredit, false)
    assert.ok(Math.abs(budget.waitMs() - 501) < 2)
    nowMs += 502
    assert.equal(budget.hasCredit, true)
    assert.equal(budget.waitMs(), 0)
    budget.allowance = { perSecond: 1, burst: 1 }
    nowMs += 60_000
    assert.equal(budget.tryCharge(2), false)
  })
})

describe('p2p.door', () => {
  const open = (members: readonly string[] = []) => {
    const clock = { nowMs: 0 }
    const door = new Door({ isMemberGroup: (group) => members.includes(group), nowMs: () => clock.nowMs })
    const ended: unknown[] = []
    const knock = (group: string, key: object = {}): boolean => door.knock(key, group, () => ended.push(key))
    return { clock, door, ended, knock }
  }

  it('ends the oldest handshake of an address that has many', () => {
    const { door, ended, knock } = open()
    const keys = Array.from({ length: PENDING_PER_GROUP_MAX + 2 }, () => ({}))
    for (const key of keys) assert.equal(knock('a', key), true)
    assert.equal(door.pendingCount, PENDING_PER_GROUP_MAX)
    assert.deepEqual(ended.length, 2)
    assert.ok(ended[0] === keys[0] && ended[1] === keys[1])
    for (const key of keys) door.settled(key)
    assert.equal(door.pendingCount, 0)
  })

  it('lets a member in however many strangers knock, and bounds handshakes in all', () => {
    const { clock, door, knock } = open(['member'])
    let admitted = 0
    for (let i = 0; i < 2_000; i++) {
      clock.nowMs += 1
      if (knock(`stranger ${i}`)) admitted++
      assert.ok(door.pendingCount <= PENDING_MAX)
      if (i % 100 === 0) assert.equal(knock('member'), true)
    }
    // 40 saved up and 20 a second.
    assert.ok(admitted >= 75 && admitted <= 85, `${admitted}`)
  })

  it('bounds the handshakes of one address, of a member too', () => {
    for (const [group, max] of [
      ['stranger', 14],
      ['member', 41],
      [LOOPBACK, 81],
    ] as const) {
      const { clock, knock } = open(['member'])
      let admitted = 0
      for (let i = 0; i < 1_000; i++) {
        clock.nowMs += 1
        if (knock(group)) admitted++
      }
      assert.ok(admitted <= max && admitted > max / 2, `${group}: ${admitted}`)
    }
  })
})

describe('p2p.strangers', () => {
  const at = 1_000_000
  const stranger = (n: number, more: Partial<Stranger> = {}): Stranger => ({
    peer: `peer ${n}`,
    group: `address ${n}`,
    connectedAtMs: at - 70_000 + n,
    usedAtMs: at - 100,
    ...more,
  })
  const judge = (present: readonly Stranger[], group = 'new') =>
    judgeStranger({ present, group, countMax: 6, nowMs: at })
  const busy = Array.from({ length: 6 }, (_, n) => stranger(n))

  it('admits while there is room, and refuses when all are busy', () => {
    assert.deepEqual(judge(busy.slice(1)), { kind: 'admit' })
    assert.equal(judge(busy).kind, 'refuse')
    assert.deepEqual(judge(busy.slice(1).map((s) => ({ ...s, usedAtMs: undefined }))), { kind: 'admit' })
  })

  it('lets the one go that has done nothing for longest', () => {
    const silent = stranger(2, { usedAtMs: undefined })
    const idle = stranger(4, { usedAtMs: at - IDLE_MS - 1 })
    assert.deepEqual(judge(busy.with(4, idle)), { kind: 'admit', evict: 'peer 4' })
    assert.deepEqual(judge(busy.with(2, silent).with(4, idle)), { kind: 'admit', evict: 'peer 2' })
    const fresh = stranger(2, { usedAtMs: undefined, connectedAtMs: at - SILENT_MS })
    assert.equal(judge(busy.with(2, fresh)).kind, 'refuse')
  })

  it('gives one address few places, and takes from one that has more', () => {
    const own = (n: number): Stranger => stranger(n, { group: 'many' })
    const many = Array.from({ length: STRANGERS_PER_GROUP_MAX }, (_, n) => own(n))
    assert.equal(judge(many, 'many').kind, 'refuse')
    const idle = many.with(1, { ...own(1), usedAtMs: undefined })
    assert.deepEqual(judge(idle, 'many'), { kind: 'admit', evict: 'peer 1' })
    const full = [...many, stranger(7), stranger(8)]
    assert.deepEqual(judge(full), { kind: 'admit', evict: `peer ${STRANGERS_PER_GROUP_MAX - 1}` })
    // The nodes behind loopback are many, and none gives way to another for its address.
    const local = Array.from({ length: 6 }, (_, n) => stranger(n, { group: LOOPBACK }))
    assert.deepEqual(judge(local.slice(1), LOOPBACK), { kind: 'admit' })
    assert.equal(judge(local).kind, 'refuse')
  })

  it('gives others a turn after a while', () => {
    const old = stranger(3, { connectedAtMs: at - TURN_MS - 1 })
    assert.deepEqual(judge(busy.with(3, old)), { kind: 'admit', evict: 'peer 3' })
  })
})

describe('p2p.frameScanner', () => {
  const frame = (size: number): Uint8Array =>
    yamuxFrame({ type: YAMUX.data, streamId: 1, data: new Uint8Array(size) })

  it('finds the same frames however the bytes are cut, and stops in front of one that may not go', () => {
    const bytes = Buffer.concat([
      frame(0),
      frame(300),
      yamuxFrame({ type: YAMUX.ping, streamId: 0, length: 9 }),
      frame(2),
    ])
    for (const size of [1, 2, 7, 12, 13, 400]) {
      const scanner = new FrameScanner(YAMUX_FRAMES)
      const costs: number[] = []
      let passed = 0
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + size)
        const length = scanner.advance(
          piece,
          () => costs.length < 3,
          (cost) => costs.push(cost),
        )
        passed += length
        at += piece.length
        if (length < piece.length) break
      }
      assert.equal(passed, bytes.length - frame(2).length, `pieces of ${size}`)
      assert.equal(costs.length, 3)
      assert.ok(costs[1]! > costs[0]!)
    }
  })

  it('charges a new stream many times what a frame costs', () => {
    const cost = (bytes: Uint8Array): number => {
      let sum = 0
      new FrameScanner(YAMUX_FRAMES).advance(
        bytes,
        () => true,
        (us) => {
          sum += us
        },
      )
      return sum
    }
    const opening = yamuxFrame({ type: YAMUX.windowUpdate, flags: YAMUX.syn, streamId: 3, length: 0 })
    assert.ok(cost(opening) > 10 * cost(frame(1)))
  })

  it('refuses a frame that the muxer would keep in memory', () => {
    const header = yamuxFrame({ type: YAMUX.data, streamId: 1, length: STREAM_WINDOW_BYTES_MAX + 1 })
    const scanner = new FrameScanner(YAMUX_FRAMES)
    assert.throws(
      () =>
        scanner.advance(
          header,
          () => true,
          () => {},
        ),
      { code: 'FrameError' },
    )
    const noise = new FrameScanner(NOISE_FRAMES)
    assert.equal(
      noise.advance(
        Uint8Array.of(255, 255, 1),
        () => true,
        () => {},
      ),
      3,
    )
  })
})

describe('p2p.x25519', () => {
  it('agrees on what node agrees on', () => {
    const raw = (key: KeyObject): KeyPair => {
      const { d, x } = key.export({ format: 'jwk' })
      return { privateKey: Buffer.from(d!, 'base64url'), publicKey: Buffer.from(x!, 'base64url') }
    }
    const [a, b] = [generateKeyPairSync('x25519'), generateKeyPairSync('x25519')]
    const expected = diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey })
    assert.deepEqual(agree(raw(a.privateKey), raw(b.privateKey).publicKey), expected)
    assert.deepEqual(agree(raw(b.privateKey), raw(a.privateKey).publicKey), expected)
    assert.throws(() => agree(raw(a.privateKey), new Uint8Array(32)))
  })
})
