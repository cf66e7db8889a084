import assert from 'node:assert/strict'
import { startFollower } from '../../node/sync/follower.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

describe('follower', () => {
  it('asks again after a round, and closes only when the current round has ended', async () => {
    let rounds = 0
    let ended = false
    let second: () => void = () => {}
    const secondBegan = new Promise<void>((resolve) => {
      second = resolve
    })
    const follower = startFollower({
      blockSync: {
        follow: (signal) =>
          new Promise<void>((resolve) => {
            rounds++
            if (rounds === 1) return resolve()
            second()
            signal.addEventListener('abort', () => {
              ended = true
              resolve()
            })
          }),
      },
      role: () => 'follower',
      onFault: (reason) => assert.fail(reason),
      logger,
    })
    await secondBegan
    await follower.close()
    assert.deepEqual([rounds, ended], [2, true])
  })

  it('asks no peers once consensus has halted', async () => {
    const follow = () => Promise.reject(new Error('asked'))
    const follower = startFollower({
      blockSync: { follow },
      role: () => 'none',
      onFault: (reason) => assert.fail(reason),
      logger,
    })
    await follower.close()
  })

  it('stops for good and reports it when a rule is violated', async () => {
    const reason = await new Promise<string>((resolve) => {
      startFollower({
        blockSync: { follow: () => Promise.reject(new Error('invariant 1 is broken')) },
        role: () => 'follower',
        onFault: resolve,
        logger,
      })
    })
    assert.equal(reason, 'following the chain failed: invariant 1 is broken')
  })
})
