// The driver's promise to the core: effects leave in order, and none before the journal has what it depends on.
import assert from 'node:assert/strict'
import { signersBitmap, type Vote, voteBytes } from '../../base/protocol/vote.ts'
import { decodeMessage, encodeMessage } from '../../consensus/messages.ts'
import type { Application, ConsensusNetwork } from '../../consensus/ports.ts'
import type { EpochStart, Sender } from '../../consensus/types.ts'
import { Driver } from '../../node/driver.ts'
import { PARAMETERS } from '../support/coreParameters.ts'
import { makeRules, makeValidator } from '../support/simChain.ts'
import { standInBls as bls } from '../support/standInBls.ts'

const T0 = 1_700_000_000_000
const made = Array.from({ length: 4 }, (_, i) => makeValidator(i, bls))
const set = { validators: made.map(({ validator }) => validator) }
const rules = makeRules({ setOf: () => set, epochBlocks: 1_000, timestampMs: T0 })
const epoch: EpochStart = { epoch: 1, validators: set, floor: rules.genesis }
/** A quarter of `deltaMs`. */
const HOLD_MS = 12
const subject = { kind: 'nullify', epoch: 1, view: 1 } as const
const nobody = (): never => assert.fail('not asked in this test')

/** A driver that only follows, with a journal whose syncs end when the test says so. */
async function follower() {
  const sent: string[] = []
  const syncs: (() => void)[] = []
  const timers: { readonly delayMs: number; readonly callback: () => void }[] = []
  let handler: (from: Sender, bytes: Uint8Array) => void = nobody
  const network: ConsensusNetwork = {
    send: (to, bytes) => sent.push(`${decodeMessage(bytes).kind} to ${to.kind}`),
    onMessage: (given) => {
      handler = given
    },
    useValidators: () => {},
    penalise: nobody,
  }
  const application: Application = {
    tip: async () => ({ block: rules.genesis, certificate: undefined, epoch }),
    hasWork: () => false,
    onWork: () => () => {},
    shareTransactions: () => {},
    build: nobody,
    verify: nobody,
    finalize: nobody,
    epochAfter: nobody,
    epochSteps: nobody,
    blockByHash: nobody,
    boundaryCertificate: nobody,
    syncTo: nobody,
    reportMisbehaviour: nobody,
  }
  const driver = new Driver({
    genesisHash: rules.genesisHash,
    parameters: PARAMETERS,
    application,
    network,
    journal: {
      replayed: [],
      forgetReplayed: () => {},
      append: () => {},
      sync: () => new Promise((resolve) => syncs.push(resolve)),
      prune: async () => {},
      close: async () => {},
    },
    signer: undefined,
    bls,
    clock: {
      nowMs: () => T0,
      monotonicMs: () => T0,
      after: (delayMs, callback) => {
        timers.push({ delayMs, callback })
        return () => {}
      },
    },
    jitterSeed: 1,
    log: () => {},
    onHalt: nobody,
  })
  await driver.start()
  const receive = (message: Parameters<typeof encodeMessage>[0], validator = 0): void =>
    handler({ peer: `peer ${validator}`, validator }, encodeMessage(message))
  /** Ends the time for which certificates are held back. */
  const endHold = (): void => {
    for (const { delayMs, callback } of timers.splice(0)) if (delayMs === HOLD_MS) callback()
  }
  return { driver, receive, sent, syncs, endHold }
}

/** A vote to give up view 1. */
function voteOf(signer: number): Vote {
  const { secretKey } = made[signer]!
  return { subject, signer, signature: bls.sign(secretKey, voteBytes(rules.genesisHash, subject)) }
}

describe('driver.order', () => {
  it('sends nothing before the journal is durable, and later effects after earlier ones', async () => {
    const { driver, receive, sent, syncs, endHold } = await follower()
    const signature = bls.aggregate([0, 1, 2].map((signer) => voteOf(signer).signature))!
    const certificate = { subject, bitmap: signersBitmap([0, 1, 2], 4), signature }
    receive({ kind: 'certificate', body: certificate })
    assert.equal(driver.status().view, 2)
    assert.deepEqual([sent, syncs.length], [[], 1])
    // A peer that is behind: the answer journals nothing, but shows what the journal may still lose.
    receive({ kind: 'status', body: { epoch: 1, view: 1, finalizedView: 0, finalizedHeight: 0 } })
    assert.deepEqual([sent, syncs.length], [[], 1])
    syncs[0]!()
    // Closing waits until what was scheduled is released.
    await new Promise(setImmediate)
    assert.deepEqual(sent, ['certificate to peer'])
    endHold()
    assert.deepEqual(sent, ['certificate to peer', 'certificate to all'])
    await driver.close()
  })

  for (const { voters, says } of [
    { voters: [0, 1, 2], says: ['certificate to all'] },
    { voters: [0, 1, 2, 3], says: [] },
  ]) {
    it(`broadcasts ${says.length} certificates when ${voters.length} of 4 validators have voted`, async () => {
      const { driver, receive, sent, syncs, endHold } = await follower()
      for (const signer of voters) receive({ kind: 'vote', body: voteOf(signer) }, signer)
      assert.equal(driver.status().view, 2)
      syncs[0]!()
      await new Promise(setImmediate)
      assert.deepEqual(sent, [])
      endHold()
      assert.deepEqual(sent, says)
      await driver.close()
    })
  }

  it('sends what it holds back before it stops', async () => {
    const { driver, receive, sent, syncs } = await follower()
    for (const signer of [0, 1, 2]) receive({ kind: 'vote', body: voteOf(signer) }, signer)
    syncs[0]!()
    await new Promise(setImmediate)
    await driver.close()
    assert.deepEqual(sent, ['certificate to all'])
  })
})
