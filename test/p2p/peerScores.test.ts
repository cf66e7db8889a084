import assert from 'node:assert/strict'
import { PeerScores } from '../../p2p/peerScores.ts'

describe('p2p.peerScores', () => {
  it('lets a peer that failed rest, and a success ends the rest', () => {
    let nowMs = 0
    const scores = new PeerScores(() => nowMs)
    scores.fail('a')
    assert.deepEqual(scores.usable(['a', 'b']), ['b'])
    scores.succeed('a')
    assert.deepEqual(scores.usable(['a', 'b']), ['a', 'b'])
    scores.fail('a')
    assert.deepEqual(scores.usable(['a']), [])
    nowMs += 500
    assert.deepEqual(scores.usable(['a']), ['a'])
  })

  it('does not make good a lie with an answer that was on its way', () => {
    let nowMs = 0
    const scores = new PeerScores(() => nowMs)
    scores.lied('liar')
    scores.succeed('liar')
    scores.fail('liar')
    scores.succeed('liar')
    nowMs += 29_999
    assert.deepEqual(scores.usable(['liar']), [], 'not even when no other peer is left')
    nowMs += 1
    assert.deepEqual(scores.usable(['liar']), ['liar'])
    scores.succeed('liar')
    scores.fail('liar')
    nowMs += 500
    assert.deepEqual(scores.usable(['liar']), ['liar'])
  })
})
