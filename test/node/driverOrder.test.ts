// The driver's promise to the core: effects leave in order, and none before the journal has what it depends on.
import assert from 'node:assert/strict'
import { signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
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
const nobody = (): never => assert.fail('not asked in this test')

/** A driver that only follows, with a journal whose syncs end when the test says so. */
async function follower() {
  const sent: string[] = []
  const syncs: (() => void)[] = []
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
    clock: { nowMs: () => T0, monotonicMs: () => T0, after: () => () => {} },
    jitterSeed: 1,
    log: () => {},
    onHalt: nobody,
  })
  await driver.start()
  const receive = (message: Parameters<typeof encodeMessage>[0]): void =>
    handler({ peer: 'peer', validator: 0 }, encodeMessage(message))
  return { driver, receive, sent, syncs }
}

describe('driver.order', () => {
  it('sends nothing before the journal is durable, and later effects after earlier ones', async () => {
    const { driver, receive, sent, syncs } = await follower()
    const subject = { kind: 'nullify', epoch: 1, view: 1 } as const
    const shares = made.slice(0, 3).map(({ secretKey }) => {
      return bls.sign(secretKey, voteBytes(rules.genesisHash, subject))
    })
    const certificate = { subject, bitmap: signersBitmap([0, 1, 2], 4), signature: bls.aggregate(shares)! }
    receive({ kind: 'certificate', body: certificate })
    assert.equal(driver.status().view, 2)
    assert.deepEqual([sent, syncs.length], [[], 1])
    // A peer that is behind: the answer journals nothing, but shows what the journal may still lose.
    receive({ kind: 'status', body: { epoch: 1, view: 1, finalizedView: 0, finalizedHeight: 0 } })
    assert.deepEqual([sent, syncs.length], [[], 1])
    syncs[0]!()
    // Closing waits until what was scheduled is released.
    await new Promise(setImmediate)
    await driver.close()
    assert.deepEqual(sent, ['certificate to all', 'certificate to peer'])
  })
})
