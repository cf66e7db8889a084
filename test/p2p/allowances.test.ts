// What peers may ask for, and that neither a new channel nor a new identity renews it.
import assert from 'node:assert/strict'
import { type AllowanceRules, Allowances } from '../../p2p/allowances.ts'
import { frameHeader } from '../../p2p/frames.ts'
import type { PeerInfo } from '../../p2p/protocol.ts'
import { createRequestResponse, type RequestResponse } from '../../p2p/requestResponse.ts'
import { closeAll, GENESIS, makeNode, seedOf, until } from '../support/hostHarness.ts'
import { greet, rawPeer } from '../support/rawPeer.ts'

const RULES: AllowanceRules = {
  peer: { perSecond: 10, burst: 10 },
  address: { perSecond: 15, burst: 15 },
  strangers: { perSecond: 30, burst: 30 },
}

/** Peers by name: the part before the colon is the address, `member` is known. */
function open() {
  const clock = { nowMs: 0 }
  const getPeer = (peer: string): PeerInfo | undefined => {
    const [address] = peer.split(':')
    return { known: address === 'member', remoteAddress: `/ip4/${address}/tcp/1` } as PeerInfo
  }
  const allowances = new Allowances({ getPeer }, RULES, () => clock.nowMs)
  const takeMany = (peer: string, count: number): number => {
    let taken = 0
    for (let i = 0; i < count; i++) if (allowances.take(peer, 1) === 'taken') taken++
    return taken
  }
  return { clock, allowances, takeMany }
}

describe('p2p.allowances', () => {
  it('bounds an identity, its address and all strangers, and members alone', () => {
    const { clock, takeMany } = open()
    assert.equal(takeMany('192.0.2.1:a', 20), 10)
    assert.equal(takeMany('192.0.2.1:b', 20), 5)
    assert.equal(takeMany('192.0.2.1:c', 20), 0)
    assert.equal(takeMany('192.0.2.2:d', 20), 10)
    assert.equal(takeMany('127.0.0.1:e', 20), 5)
    assert.equal(takeMany('192.0.2.3:f', 20), 0)
    assert.equal(takeMany('member:g', 20), 10)
    clock.nowMs += 500
    assert.equal(takeMany('192.0.2.1:a', 20), 5)
  })

  it('calls it a flood only when one peer itself goes on', () => {
    const { allowances, takeMany } = open()
    assert.equal(takeMany('192.0.2.1:a', 20), 10)
    assert.equal(allowances.take('192.0.2.1:a', 1), 'flood')
    assert.equal(allowances.take('192.0.2.1:a', 1), 'over')
    takeMany('192.0.2.1:b', 5)
    for (let i = 0; i < 50; i++) assert.equal(allowances.take('192.0.2.1:c', 1), 'crowded')
  })

  it('charges what was done, and says how long to wait', () => {
    const { allowances } = open()
    allowances.charge('192.0.2.1:a', 12)
    assert.ok(allowances.waitMs('192.0.2.1:a') > 200)
    assert.equal(allowances.waitMs('192.0.2.1:b'), 0)
    allowances.charge('192.0.2.1:b', 20)
    // The strangers' own account is empty.
    assert.ok(allowances.waitMs('192.0.2.9:c') > 0)
    assert.equal(allowances.waitMs('member:d'), 0)
  })
})

describe('p2p.requestResponse allowance', () => {
  const ID = '/suanli/test/1'
  const PER_SECOND = 20

  it('is not renewed by another channel or connection', async () => {
    let served = 0
    let requests: RequestResponse | undefined
    const target = await makeNode({
      seed: seedOf(200),
      prepare: (host) => {
        requests = createRequestResponse(host, {
          id: ID,
          requestBytesMax: 16,
          responseBytesMax: 16,
          inFlightPerPeerMax: 64,
          servedPerSecondMax: PER_SECOND,
          timeoutMs: 1_000,
          consensusOnly: false,
          // Time stands still: nothing is earned again.
          clock: {
            monotonicMs: () => 0,
            after: (_, call) => {
              setTimeout(call)
              return () => {}
            },
          },
          serve: () => {
            served++
            return Uint8Array.of(1)
          },
        })
      },
    })
    await target.host.start()
    const stranger = await rawPeer(seedOf(201))
    try {
      for (let round = 0; round < 4; round++) {
        const raw = await stranger.dial(target.host.listenAddresses[0]!)
        let answers = 0
        const stream = await greet(raw, ID, GENESIS)
        stream.addEventListener('message', () => answers++)
        const request = Uint8Array.of(0, 0, 0, 0, 1, 9)
        for (let i = 0; i < PER_SECOND - 8; i++) {
          stream.send(frameHeader(request.length))
          stream.send(request)
        }
        await until('there is an answer', () => answers > 1)
        await until(
          'all that is served is',
          () => served >= Math.min(PER_SECOND, (round + 1) * (PER_SECOND - 8)),
        )
        if (round % 2 === 1) await raw.connection.close()
        else stream.abort(new Error('again'))
      }
      assert.equal(served, PER_SECOND)
    } finally {
      requests?.close()
      await stranger.stop()
      await closeAll([target])
    }
  })
})
