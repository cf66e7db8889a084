// Evidence in a node: what the pool keeps and for how long, and when the submitter pays for it.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { EVIDENCE_HELD_MAX, EvidencePool, type HeldEvidence } from '../../node/evidence/evidencePool.ts'
import { EvidenceSubmitter } from '../../node/evidence/evidenceSubmitter.ts'
import type { SubmitResult } from '../../rpc/backend.ts'
import { evidenceCalldata } from '../../state/modules/evidence/calldata.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import { decodeTransaction, recoverSender } from '../../state/transaction.ts'
import { digestOf, encodeEvidence, genesisKeys, statementOf } from '../support/memberChain.ts'

const genesisHash = digestOf('a genesis')
const validators = [0, 1, 2, 3].map((i) => ({
  id: i + 1,
  operator: new Uint8Array(20).fill(i),
  consensusKey: genesisKeys(i).consensusKey,
  peerId: genesisKeys(i).peerId,
}))
const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Two notarize votes of one validator for different blocks. */
function doubleVote(index: number, epoch: number, view = 5, secret = genesisKeys(index).secret): Uint8Array {
  const side = (name: string) => {
    const subject: Subject = { kind: 'notarize', epoch, view, parentView: view - 1, digest: digestOf(name) }
    return statementOf(genesisHash, subject, [{ index, secret }], validators.length)
  }
  return encodeEvidence({ first: side('a'), second: side('b') })
}

describe('node.evidencePool', () => {
  let dir: string
  let checks = 0
  let convicted: Set<string>
  let epochNow: number
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'evidence-'))
    checks = 0
    convicted = new Set()
    epochNow = 3
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const open = (verifyAggregate = bls.verifyAggregate): EvidencePool =>
    EvidencePool.open({
      dir,
      genesisHash,
      verifyAll: async (all) => {
        checks += all.length
        return all.every(({ keys, message, signature }) => verifyAggregate(keys, message, signature))
      },
      setOf: (epoch) => (epoch > epochNow || epoch < epochNow - 2 ? undefined : { validators }),
      isConvicted: (provider, epoch) => convicted.has(`${provider}:${epoch}`),
      onFault: (error) => assert.fail(String(error)),
    })

  it('keeps one item per offender and epoch, and verifies no second one', async () => {
    const pool = open()
    assert.equal(await pool.add(doubleVote(1, 3)), 'added')
    assert.deepEqual(
      pool.held().map(({ kind, epoch, view, providers }) => [kind, epoch, view, providers]),
      [['doubleNotarize', 3, 5, [2]]],
    )
    assert.equal(checks, 2)
    assert.equal(await pool.add(doubleVote(1, 3)), 'known')
    assert.equal(await pool.add(doubleVote(1, 3, 9)), 'known')
    assert.equal(checks, 2)
    assert.equal(await pool.add(doubleVote(1, 2)), 'added')
    assert.equal(await pool.add(doubleVote(2, 3)), 'added')
    await pool.close()
  })

  it('refuses evidence that proves nothing, and skips what it cannot judge', async () => {
    const pool = open()
    assert.equal(await pool.add(doubleVote(1, 3, 5, genesisKeys(2).secret)), 'refused')
    assert.equal(await pool.add(new Uint8Array(40)), 'refused')
    assert.equal(await pool.add(doubleVote(1, 4)), 'unjudged')
    assert.equal(await pool.add(doubleVote(1, 0)), 'unjudged')
    convicted.add('2:3')
    assert.equal(await pool.add(doubleVote(1, 3)), 'known')
    assert.deepEqual(pool.held(), [])
    await pool.close()
    assert.deepEqual(readdirSync(dir), [])
  })

  it('survives a restart, without judged or old evidence and foreign files', async () => {
    const pool = open()
    for (const index of [0, 1, 2]) assert.equal(await pool.add(doubleVote(index, 3)), 'added')
    await pool.close()
    assert.equal(readdirSync(dir).length, 3)
    writeFileSync(join(dir, 'note.txt'), 'not evidence')
    writeFileSync(join(dir, `${'0'.repeat(64)}.evidence`), 'nor is this')
    convicted.add('1:3')
    const again = open()
    // Not while the node starts: whatever lies there costs pairings.
    assert.deepEqual(again.held(), [])
    await again.loaded
    assert.deepEqual(new Set(again.held().flatMap(({ providers }) => providers)), new Set([2, 3]))
    assert.equal(readdirSync(dir).length, 2)
    convicted.add('2:3')
    again.prune()
    assert.deepEqual(
      again.held().map(({ providers }) => providers),
      [[3]],
    )
    epochNow = 9
    again.prune()
    assert.deepEqual(again.held(), [])
    await again.close()
    assert.deepEqual(readdirSync(dir), [])
  })

  it('is bounded', async () => {
    epochNow = 2
    const pool = open(() => true)
    const wide = (epoch: number, view: number) => doubleVote(view % 4, epoch, view)
    for (let epoch = 0; epoch <= 2; epoch++)
      for (let view = 5; view < 9; view++) await pool.add(wide(epoch, view))
    assert.equal(pool.held().length, 12)
    assert.ok(pool.held().length <= EVIDENCE_HELD_MAX)
    await pool.close()
  })
})

describe('node.evidenceSubmitter', () => {
  const secretKey = sha256(new Uint8Array([1]))
  const item: HeldEvidence = {
    bytes: doubleVote(1, 3),
    kind: 'doubleNotarize',
    epoch: 3,
    view: 5,
    providers: [2],
  }

  function bench(turn: number) {
    let nowMs = 1_000_000
    const timers: { atMs: number; callback: () => void }[] = []
    const state = {
      held: [item] as HeldEvidence[],
      sent: [] as Uint8Array[],
      pending: true,
      answer: { ok: true, id: new Uint8Array(32) } as SubmitResult,
    }
    const submitter = new EvidenceSubmitter({
      chainId: 7,
      secretKey,
      held: () => state.held,
      turn: () => turn,
      gasOf: () => 1_030_000,
      nextBaseFee: () => 5n,
      pendingNonce: () => 4,
      isPending: () => state.pending,
      submit: async (raw) => {
        state.sent.push(raw)
        return state.answer
      },
      clock: {
        nowMs: () => 0,
        monotonicMs: () => nowMs,
        after: (delayMs, callback) => {
          const timer = { atMs: nowMs + delayMs, callback }
          timers.push(timer)
          return () => void timers.splice(timers.indexOf(timer), 1)
        },
      },
      logger,
    })
    const pass = async (ms: number): Promise<void> => {
      const end = nowMs + ms
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        timers.splice(timers.indexOf(next), 1)
        nowMs = next.atMs
        next.callback()
        await Promise.resolve()
      }
      nowMs = end
    }
    return { state, submitter, pass }
  }

  it('signs a call of the module from its account, with the next nonce', async () => {
    const { state, submitter, pass } = bench(0)
    submitter.wake()
    await pass(0)
    const decoded = decodeTransaction(state.sent[0]!, 7)
    assert.ok('transaction' in decoded)
    const { to, data, nonce, gasLimit, maxFeePerGas } = decoded.transaction
    assert.deepEqual(
      [toHex(to), toHex(data)],
      [toHex(moduleAddress(evidenceSchema)), toHex(evidenceCalldata(item.bytes))],
    )
    assert.deepEqual([nonce, gasLimit, maxFeePerGas], [4, 1_030_000, 1_000_000_010n])
    assert.deepEqual(recoverSender(decoded.transaction), secretKeyAddress(secretKey))
    submitter.close()
  })

  it('waits for its turn, and does nothing when another node was faster', async () => {
    const { state, submitter, pass } = bench(3)
    submitter.start()
    await pass(7_000)
    assert.equal(state.sent.length, 0)
    await pass(2_000)
    assert.equal(state.sent.length, 1)
    submitter.close()
    const other = bench(3)
    other.submitter.wake()
    other.state.held = []
    await other.pass(60_000)
    assert.equal(other.state.sent.length, 0)
  })

  it('retries when the transaction was lost, not while it waits', async () => {
    const { state, submitter, pass } = bench(0)
    submitter.wake()
    await pass(120_000)
    assert.equal(state.sent.length, 1)
    state.pending = false
    await pass(2_000)
    assert.equal(state.sent.length, 2)
    state.answer = { ok: false, rejection: { code: 'insufficientFunds', message: 'no coins' } }
    await pass(30_000)
    assert.equal(state.sent.length, 3)
    submitter.close()
    await pass(120_000)
    assert.equal(state.sent.length, 3)
  })
})
