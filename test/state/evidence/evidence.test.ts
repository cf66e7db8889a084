// Evidence in the state machine: the four faults, what is no fault, forgeries, age, repetition, effects of a conviction.
import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../../base/assert.ts'
import { EMPTY_BYTES } from '../../../base/bytes.ts'
import { ZERO_ADDRESS } from '../../../base/ids.ts'
import {
  EVIDENCE_BYTES_MAX,
  type Evidence,
  equivocationOf,
  judgeEvidence,
  openEvidence,
} from '../../../base/protocol/evidence.ts'
import type { Subject } from '../../../base/protocol/vote.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { isConvicted } from '../../../state/modules/evidence/convictions.ts'
import { evidenceModule } from '../../../state/modules/evidence/module.ts'
import { CONVICTIONS_MAX, evidenceSchema } from '../../../state/modules/evidence/schema.ts'
import { evidenceTables } from '../../../state/modules/evidence/tables.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { getBond } from '../../../state/modules/providers/bonds.ts'
import { faultRoom, postFault } from '../../../state/modules/providers/faultQueue.ts'
import { convictEquivocator, getProvider, isBondFrozen } from '../../../state/modules/providers/members.ts'
import { providersModule } from '../../../state/modules/providers/module.ts'
import { providersSchema } from '../../../state/modules/providers/schema.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import {
  digestOf,
  encodeEvidence,
  genesisKeys,
  keysOf,
  MemberChain,
  operatorOf,
  statementOf,
  stranger,
} from '../../support/memberChain.ts'

const { evidenceWindowMs } = DEV_PARAMETERS.providers
const block = (kind: 'notarize' | 'finalize', name: string, over: Partial<Subject> = {}): Subject => ({
  kind,
  epoch: 0,
  view: 5,
  parentView: 4,
  digest: digestOf(name),
  ...over,
})
const nullify: Subject = { kind: 'nullify', epoch: 0, view: 5 }
const signer = (index: number) => ({ index, secret: genesisKeys(index).secret })

const FAULTS: readonly (readonly [string, Subject, Subject])[] = [
  ['doubleNotarize', block('notarize', 'a'), block('notarize', 'b')],
  ['doubleFinalize', block('finalize', 'a'), block('finalize', 'b')],
  ['nullifyAndFinalize', nullify, block('finalize', 'a')],
  ['notarizeAndFinalize', block('notarize', 'a'), block('finalize', 'b')],
  ['doubleNotarize', block('notarize', 'a'), block('notarize', 'a', { parentView: 3 })],
]

function submit(chain: MemberChain, evidence: Evidence | Uint8Array, from = stranger): string | undefined {
  const bytes = evidence instanceof Uint8Array ? evidence : encodeEvidence(evidence)
  return chain.run(from, evidenceSchema, 'submitEvidence', { evidence: bytes })
}

/** Two statements of single signers of the running set. */
function pair(chain: MemberChain, a: Subject, b: Subject, index = 1): Evidence {
  return { first: chain.statement(a, [signer(index)]), second: chain.statement(b, [signer(index)]) }
}

describe('evidence.submitEvidence', () => {
  it('convicts for each of the four faults, whoever submits it', () => {
    for (const [fault, a, b] of FAULTS) {
      assert.equal(equivocationOf(a, b), fault)
      assert.equal(equivocationOf(b, a), fault)
      const chain = new MemberChain(5)
      const bondBase = getBond(chain.full, { provider: 2, asset: 1 })
      assert.equal(submit(chain, pair(chain, b, a)), undefined)
      assert.equal(getProvider(chain.full, 2)!.status, 'jailed')
      // The freeze ends with the part that default takes for it, in the same block.
      assert.ok(isConvicted(chain.full, 2, 0) && !isBondFrozen(chain.full, 2))
      assert.equal(getBond(chain.full, { provider: 2, asset: 1 }), bondBase / 2n)
      const faults = providersModule.rules.queries.faults!(chain.context(), { id: 2 } as never)
      assert.deepEqual(
        (faults as { kind: string; count: number }[]).map(({ kind, count }) => [kind, count]),
        [['equivocation', 1]],
      )
      chain.next()
      assert.deepEqual(chain.ids, [1, 3, 4, 5])
    }
  })

  it('does not treat what an honest validator may do as a fault', () => {
    const chain = new MemberChain(4)
    const harmless: readonly (readonly [Subject, Subject])[] = [
      [block('notarize', 'a'), nullify],
      [block('notarize', 'a'), block('notarize', 'a')],
      [block('notarize', 'a'), block('finalize', 'a')],
      [nullify, nullify],
      [block('notarize', 'a'), block('notarize', 'b', { view: 6 })],
      [block('notarize', 'a'), block('notarize', 'b', { epoch: 1 })],
    ]
    for (const [a, b] of harmless) assert.equal(submit(chain, pair(chain, a, b)), 'NotAFault()')
    assert.equal(getProvider(chain.full, 2)!.status, 'active')
  })

  it('rejects statements that the accused has not signed', () => {
    const chain = new MemberChain(4)
    const [, a, b] = FAULTS[0]!
    const { first, second } = pair(chain, a, b)
    const other = chain.statement(b, [{ index: 1, secret: genesisKeys(2).secret }])
    assert.equal(submit(chain, { first, second: other }), 'BadEvidenceSignature()')
    assert.equal(
      submit(chain, { first, second: { ...second, signature: first.signature } }),
      'BadEvidenceSignature()',
    )
    assert.equal(
      submit(chain, { first, second: { ...second, signature: new Uint8Array(96) } }),
      'BadEvidenceSignature()',
    )
    // Another chain's votes.
    const foreign = (s: Subject) => statementOf(digestOf('other genesis'), s, [signer(1)], 4)
    assert.equal(submit(chain, { first: foreign(a), second: foreign(b) }), 'BadEvidenceSignature()')
    const apart = { first, second: chain.statement(b, [signer(2)]) }
    assert.equal(submit(chain, apart), 'NobodyConvicted()')
    const long = { ...first, bitmap: new Uint8Array([2, 0]) }
    assert.equal(submit(chain, { first: long, second }), 'NobodyConvicted()')
    const padded = { ...first, bitmap: new Uint8Array([0b10010]) }
    assert.equal(submit(chain, { first: padded, second }), 'NobodyConvicted()')
    assert.deepEqual(evidenceModule.rules.queries.convictions!(chain.context(), { provider: 2 } as never), [])
  })

  it('rejects bytes that are not evidence', () => {
    const chain = new MemberChain(4)
    const [, a, b] = FAULTS[0]!
    const bytes = encodeEvidence(pair(chain, a, b))
    assert.ok(bytes.length < EVIDENCE_BYTES_MAX)
    for (const wrong of [
      EMPTY_BYTES,
      bytes.subarray(1),
      new Uint8Array([...bytes, 0]),
      new Uint8Array(512).fill(255),
    ])
      assert.equal(submit(chain, new Uint8Array(wrong)), 'MalformedEvidence()')
    assert.deepEqual(openEvidence(new Uint8Array(EVIDENCE_BYTES_MAX + 1)), { fault: 'malformed' })
    const { first, second } = pair(chain, a, b)
    const itself = { ...first, subject: { ...first.subject, parentView: 5 } }
    assert.equal(submit(chain, { first: itself, second }), 'NotAFault()')
  })

  it('convicts the intersection of two certificates, once per epoch', () => {
    const chain = new MemberChain(7)
    const a = block('finalize', 'a')
    const b = block('finalize', 'b')
    const first = chain.statement(a, [0, 1, 2, 3, 4].map(signer))
    const second = chain.statement(b, [2, 3, 4, 5, 6].map(signer))
    assert.equal(submit(chain, { first, second }), undefined)
    const jailed = [1, 2, 3, 4, 5, 6, 7].filter((id) => getProvider(chain.full, id)!.status === 'jailed')
    assert.deepEqual(jailed, [3, 4, 5])
    // The set keeps its bounds: two of seven per epoch, never below four.
    assert.equal(submit(chain, { first, second }), 'AlreadyConvicted(epoch=0)')
    assert.deepEqual(chain.ids, [1, 2, 5, 6, 7])
    assert.equal(submit(chain, { first: second, second: first }), 'AlreadyConvicted(epoch=0)')
    assert.deepEqual(chain.ids, [1, 2, 6, 7])
  })

  it('convicts by the set of the epoch, also under a key that has since been rotated', () => {
    const chain = new MemberChain(5)
    const [, a, b] = FAULTS[0]!
    const evidence = pair(chain, a, b, 1)
    const { consensusKey, possessionProof } = keysOf('second')
    const keys = { consensusKey, possessionProof }
    assert.equal(chain.run(operatorOf(2), providersSchema, 'rotateConsensusKey', keys), undefined)
    chain.next()
    chain.next()
    assert.equal(chain.epoch, 1)
    // The same statements about the running epoch must be signed with the new key.
    const now = pair(chain, { ...a, epoch: 1 }, { ...b, epoch: 1 }, 1)
    assert.equal(submit(chain, now), 'BadEvidenceSignature()')
    assert.equal(submit(chain, evidence), undefined)
    assert.deepEqual(
      evidenceModule.rules.queries.convictions!(chain.context(), { provider: 2 } as never),
      [0],
    )
    // Another epoch is another fault, and half of what is left; the member stays jailed.
    const bondBase = getBond(chain.full, { provider: 2, asset: 1 })
    const secret = keysOf('second').secret
    const both = [a, b].map((s) => chain.statement({ ...s, epoch: 1 }, [{ index: 1, secret }]))
    assert.equal(submit(chain, { first: both[0]!, second: both[1]! }), undefined)
    assert.deepEqual(providersModule.rules.queries.frozenBonds!(chain.context(), {} as never), [])
    assert.equal(getBond(chain.full, { provider: 2, asset: 1 }), bondBase / 2n)
  })

  it('rejects epochs that have not begun or ended too long ago', () => {
    const chain = new MemberChain(5)
    const [, a, b] = FAULTS[0]!
    const evidence = pair(chain, a, b)
    const later = pair(chain, { ...a, epoch: 1 }, { ...b, epoch: 1 })
    assert.equal(submit(chain, later), 'UnknownEpoch(epoch=1)')
    const jail = chain.run(operatorOf(1), governanceSchema, 'proposeJail', { provider: 5 })
    assert.equal(jail, undefined)
    chain.next(
      [2, 3, 4].map((id) => ({
        from: operatorOf(id),
        module: governanceSchema,
        action: 'vote',
        args: { proposal: 1, approve: true },
      })),
    )
    chain.next()
    chain.next()
    assert.equal(chain.epoch, 1)
    // Epoch 0 is in the past by exactly the window, then by one more.
    const ended = chain.parent.header.timestampMs
    chain.wait(evidenceWindowMs - 100)
    assert.equal(chain.parent.header.timestampMs, ended + evidenceWindowMs - 100)
    assert.equal(submit(chain, evidence), undefined)
    assert.equal(submit(chain, pair5(chain, a, b)), 'EvidenceTooOld(epoch=0)')
  })
})

/** Evidence under the genesis set of five, whatever the running set. */
function pair5(chain: MemberChain, a: Subject, b: Subject): Evidence {
  const of = (s: Subject) => statementOf(chain.genesis.hash, s, [signer(2)], 5)
  return { first: of(a), second: of(b) }
}

describe('evidence.convictions', () => {
  it('are bounded: evidence older than the oldest one kept is too old', () => {
    const chain = new MemberChain(4)
    const epochs = Array.from({ length: CONVICTIONS_MAX }, (_, i) => i + 10)
    evidenceTables.convictions.set(chain.full, { provider: 2 }, { fromEpoch: 10, epochs })
    assert.ok(isConvicted(chain.full, 2, 9))
    assert.ok(isConvicted(chain.full, 2, 10))
    assert.ok(!isConvicted(chain.full, 2, 10 + CONVICTIONS_MAX))
    assert.ok(!isConvicted(chain.full, 3, 9))
  })

  it('freeze the bond: an invariant detects a payment from it', () => {
    const chain = new MemberChain(4)
    const [, a, b] = FAULTS[0]!
    assert.equal(submit(chain, pair(chain, a, b)), undefined)
    // As it is while the fault waits in the queue.
    providersTables.frozenBond.set(chain.full, { provider: 2 }, { sinceHeight: 1, convictions: 1 })
    const invariant = providersModule.rules.invariants!.find(({ id }) => id === 'providers.frozenBonds')!
    const key = { provider: 2, asset: 1 }
    const { amountBase } = providersTables.bond.mustGet(chain.full, key)
    const paid = { get: (at: string) => (at === stored.at ? stored.value : chain.full.get(at)) }
    const stored = {
      at: providersTables.bond.key(key),
      value: providersTables.bond.encode({ amountBase: amountBase - 1n }),
    }
    const changes = new Map([[stored.at, stored.value]])
    const ctx = { ...chain.context(), state: paid }
    assert.match(invariant.checkChanges!(changes, chain.full, ctx)!, /frozen bond of provider 2/)
    assert.equal(invariant.checkChanges!(new Map(), chain.full, ctx), undefined)
  })

  it('wait outside while the queue of faults is full', () => {
    const chain = new MemberChain(4)
    const [, a, b] = FAULTS[0]!
    const ctx = { ...chain.context(), state: chain.full, emit: () => {} }
    const fault = { module: 9, provider: 3, victim: ZERO_ADDRESS, amountBase: 0n, cause: 'delivery' as const }
    while (faultRoom(chain.full) > 0) postFault(ctx, fault)
    const evidence = pair(chain, a, b)
    assert.match(submit(chain, evidence)!, /^FaultQueueFull/)
    assert.ok(!isConvicted(chain.full, 2, 0))
    // The block that refused it has delivered some.
    assert.equal(submit(chain, evidence), undefined)
    assert.ok(isConvicted(chain.full, 2, 0))
  })

  it('assert that the culprit is a member', () => {
    const chain = new MemberChain(4)
    const ctx = { ...chain.context(), state: chain.full, emit: () => {} }
    assert.throws(() => convictEquivocator(ctx, 99, 15), AssertionFailed)
  })
})

describe('judgeEvidence', () => {
  it('makes at most two signature checks, and none when the structure is invalid', () => {
    const chain = new MemberChain(4)
    const [, a, b] = FAULTS[0]!
    let checks = 0
    const judge = (bytes: Uint8Array) =>
      judgeEvidence({
        bytes,
        genesisHash: chain.genesis.hash,
        set: { validators: providersTables.validators.mustGet(chain.full, {}).set },
        verifyAggregate: () => {
          checks++
          return true
        },
      })
    assert.ok('conviction' in judge(encodeEvidence(pair(chain, a, b))))
    assert.equal(checks, 2)
    assert.deepEqual(judge(encodeEvidence(pair(chain, a, a))), { fault: 'notAFault' })
    assert.equal(checks, 2)
  })
})
