// Which thread checks signatures, and that all give the same answers.
import assert from 'node:assert/strict'
import { bls } from '../../base/crypto/bls.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { voteBytes } from '../../base/protocol/vote.ts'
import { type CheckAnswer, type CheckOrder, Verifier } from '../../node/verifier.ts'
import { VerifierPool } from '../../node/verifierPool.ts'
import { makeValidator } from '../support/simChain.ts'

const GENESIS_HASH = new Uint8Array(32).fill(3)
const made = Array.from({ length: 4 }, (_, i) => makeValidator(i, bls))
const set = { validators: made.map(({ validator }) => validator) }
let lastId = 0

function orderOf(signers: readonly number[], wrong: readonly number[] = []): CheckOrder {
  const subject: Subject = { kind: 'nullify', epoch: 1, view: 1 + lastId }
  const message = voteBytes(GENESIS_HASH, subject)
  const votes = signers.map((signer) => {
    const signature = bls.sign(made[wrong.includes(signer) ? (signer + 1) % 4 : signer]!.secretKey, message)
    return { subject, signer, signature }
  })
  return { kind: 'checkVotes', id: ++lastId, epoch: 1, message, votes }
}

/** Every check takes 10 ms of a clock that nothing else moves. */
function slowBls(): { readonly bls: Bls; readonly nowMs: () => number } {
  let nowMs = 0
  const slow = <T>(value: T): T => {
    nowMs += 10
    return value
  }
  return {
    bls: {
      ...bls,
      verify: (...args) => slow(bls.verify(...args)),
      verifyAggregate: (...args) => slow(bls.verifyAggregate(...args)),
    },
    nowMs: () => nowMs,
  }
}

function answersOf(pool: VerifierPool, orders: readonly CheckOrder[]): Promise<readonly CheckAnswer[]> {
  const answers: CheckAnswer[] = []
  return new Promise((resolve) => {
    for (const order of orders) {
      pool.check(order, (answer) => {
        answers.push(answer)
        if (answers.length === orders.length) resolve(answers)
      })
    }
  })
}

function poolWith(options: Partial<ConstructorParameters<typeof VerifierPool>[0]> = {}): VerifierPool {
  const pool = new VerifierPool({ bls, hasWorker: false, ...options })
  pool.useValidators(1, set)
  return pool
}

describe('node.verifierPool', () => {
  it('answers a lone check within the call', async () => {
    const pool = poolWith({ hasWorker: true })
    let answer: CheckAnswer | undefined
    pool.check(orderOf([0, 1, 2]), (given) => {
      answer = given
    })
    assert.equal(answer?.kind, 'votesChecked')
    assert.equal(pool.hasStarted, false)
    await pool.close()
  })

  it('without a worker does a crowd in short turns, in order, and serves the loop in between', async () => {
    const pool = poolWith(slowBls())
    const orders = Array.from({ length: 30 }, () => orderOf([0]))
    let turns = 0
    let isDone = false
    const count = (): void => {
      turns++
      if (!isDone) setImmediate(count)
    }
    const answered = answersOf(pool, orders)
    setImmediate(count)
    const answers = await answered
    isDone = true
    assert.deepEqual(
      answers.map(({ id }) => id),
      orders.map(({ id }) => id),
    )
    // Six at once, then one a turn: each takes longer than a turn's share.
    assert.ok(turns >= 20, `${turns} turns`)
    await pool.close()
  })

  it('earns the right to check at once again', async () => {
    const slow = slowBls()
    let idleMs = 0
    const pool = poolWith({ bls: slow.bls, nowMs: () => slow.nowMs() + idleMs })
    const isAtOnce = (): boolean => {
      let wasAnswered = false
      pool.check(orderOf([1]), () => {
        wasAnswered = true
      })
      return wasAnswered
    }
    let atOnce = 0
    while (atOnce < 100 && isAtOnce()) atOnce++
    assert.ok(atOnce >= 3 && atOnce < 20, `${atOnce} at once`)
    await answersOf(pool, [orderOf([2])])
    idleMs += 1_000
    assert.ok(isAtOnce())
    await pool.close()
  })

  it('gives a crowd to a worker, which answers as this thread does', async () => {
    const slow = slowBls()
    const pool = poolWith({ ...slow, hasWorker: true })
    const direct = new Verifier(bls)
    direct.useValidators(1, set)
    const orders = Array.from({ length: 40 }, (_, i) => orderOf([0, 1, 2, 3], i % 3 === 0 ? [i % 4] : []))
    const foreign: CheckOrder = { ...orderOf([0]), epoch: 9 }
    const [first] = orders as [CheckOrder & { readonly kind: 'checkVotes' }]
    const { message, votes } = first
    const single: CheckOrder = {
      kind: 'checkSignatures',
      id: ++lastId,
      epoch: 1,
      checks: [{ signers: [1], message, signature: votes[1]!.signature }],
    }
    await answersOf(pool, orders)
    assert.ok(pool.hasStarted)
    while (slow.nowMs() < 20_000) {
      const before = slow.nowMs()
      await answersOf(pool, [orderOf([0])])
      if (slow.nowMs() === before) break
    }
    const all = [...orders, foreign, single]
    const answers = new Map((await answersOf(pool, all)).map((answer) => [answer.id, answer]))
    for (const order of all) assert.deepEqual(answers.get(order.id), direct.answer(order))
    assert.ok(pool.counters.aggregates >= 2 * orders.length)
    await pool.close()
  }).timeout(20_000)

  it('does the work itself when the worker is lost', async () => {
    const lost: Error[] = []
    const entry = new URL('data:text/javascript,throw new Error("no worker")')
    const onWorkerLost = (error: Error): void => void lost.push(error)
    const pool = poolWith({ ...slowBls(), hasWorker: true, entry, onWorkerLost })
    const orders = Array.from({ length: 12 }, () => orderOf([3]))
    assert.equal((await answersOf(pool, orders)).length, 12)
    while (lost.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal((await answersOf(pool, [orderOf([0])])).length, 1)
    assert.equal(lost.length, 1)
    await pool.close()
  })

  it('does what a worker had when it was lost', async () => {
    const lost: Error[] = []
    // Says that it is ready, and ends with the first checks that it is given.
    const entry = new URL(
      `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'
      parentPort.on('message', ({ kind }) => { if (kind === 'check') throw new Error('gone') })
      parentPort.postMessage({ kind: 'ready' })`)}`,
    )
    const onWorkerLost = (error: Error): void => void lost.push(error)
    const pool = poolWith({ ...slowBls(), hasWorker: true, entry, onWorkerLost })
    while (lost.length === 0) {
      const orders = Array.from({ length: 12 }, () => orderOf([3]))
      assert.equal((await answersOf(pool, orders)).length, 12)
    }
    assert.match(lost[0]!.message, /gone/)
    await pool.close()
  }).timeout(20_000)

  it('verifies what is in no hurry one pairing a turn, after the votes, in a worker too', async () => {
    const message = voteBytes(GENESIS_HASH, { kind: 'nullify', epoch: 1, view: 77 })
    const checkOf = (signer: number, by = signer) => ({
      keys: [made[signer]!.validator.consensusKey],
      message,
      signature: bls.sign(made[by]!.secretKey, message),
    })
    for (const hasWorker of [false, true]) {
      const pool = poolWith({ ...slowBls(), hasWorker })
      const order: string[] = []
      const note = (name: string) => (isValid: boolean) => void order.push(`${name} ${isValid}`)
      const all = Promise.all([
        pool.verifyAll([checkOf(0), checkOf(1)]).then(note('good')),
        pool.verifyAll([checkOf(2), checkOf(3, 0)]).then(note('bad')),
        answersOf(
          pool,
          Array.from({ length: 12 }, () => orderOf([0])),
        ).then(() => void order.push('votes')),
      ])
      assert.deepEqual(order, [])
      await all
      if (!hasWorker) assert.equal(order[0], 'votes')
      assert.deepEqual(new Set(order), new Set(['votes', 'good true', 'bad false']))
      await pool.close()
    }
  }).timeout(20_000)

  it('answers nothing after it is closed', async () => {
    const unused = poolWith()
    await unused.close()
    unused.check(orderOf([0]), () => assert.fail('a closed pool answers'))
    const pool = poolWith(slowBls())
    let answers = 0
    for (let i = 0; i < 30; i++) pool.check(orderOf([0]), () => answers++)
    const atClose = answers
    await pool.close()
    pool.check(orderOf([0]), () => answers++)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    assert.equal(answers, atClose)
  })
})
