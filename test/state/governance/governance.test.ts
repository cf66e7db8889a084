// Decisions on membership: proposals, votes, time locks, outcomes, and their effect on the validator set.
import { strict as assert } from 'node:assert'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { governanceModule } from '../../../state/modules/governance/module.ts'
import { dueAtMs, openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { tally, withVote } from '../../../state/modules/governance/voting.ts'
import { getProvider } from '../../../state/modules/providers/members.ts'
import { providersModule } from '../../../state/modules/providers/module.ts'
import { validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import {
  admissionOf,
  type Call,
  genesisKeys,
  keysOf,
  MemberChain,
  operatorOf,
  stranger,
} from '../../support/memberChain.ts'

const { votingMs, memberLockWindows, openPerMemberMax } = DEV_PARAMETERS.governance
const MEMBER_LOCK_MS = memberLockWindows * DEV_PARAMETERS.capacity.windowMs

const call = (id: number, action: string, args: object): Call => ({
  from: operatorOf(id),
  module: governanceSchema,
  action,
  args,
})

function run(chain: MemberChain, id: number, action: string, args: object): string | undefined {
  return chain.run(operatorOf(id), governanceSchema, action, args)
}

/** Votes of several members in one block. */
function votes(chain: MemberChain, proposal: number, ids: readonly number[], approve = true): void {
  const receipts = chain.next(ids.map((id) => call(id, 'vote', { proposal, approve })))
  assert.ok(receipts.every(({ succeeded }) => succeeded))
}

/** Member 1 proposes, 2 and 3 approve, and the lock runs out. */
function decide(chain: MemberChain, action: string, args: object, lockMs: number): void {
  const proposal = openProposals(chain.full).nextId
  assert.equal(run(chain, 1, action, args), undefined)
  votes(
    chain,
    proposal,
    chain.ids.filter((id) => id !== 1),
  )
  chain.wait(lockMs)
}

const query = (chain: MemberChain, name: string, args: object) =>
  governanceModule.rules.queries[name]!(chain.context(), args as never)

describe('governance.proposeAdmission', () => {
  it('admits a member after more than two thirds and the time lock; it votes from the next epoch on', () => {
    const chain = new MemberChain(4)
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5)), undefined)
    votes(chain, 1, [2])
    assert.equal(getProvider(chain.full, 5), undefined)
    votes(chain, 1, [3])
    const [proposal] = query(chain, 'proposals', {}) as readonly { executesMs: number; approve: number[] }[]
    assert.equal(proposal!.executesMs, chain.parent.header.timestampMs + MEMBER_LOCK_MS)
    assert.deepEqual(proposal!.approve, [1, 2, 3])
    chain.wait(MEMBER_LOCK_MS - 100)
    assert.equal(getProvider(chain.full, 5), undefined)
    chain.wait(100)
    assert.equal(getProvider(chain.full, 5)!.status, 'active')
    assert.deepEqual(chain.ids, [1, 2, 3, 4])
    chain.next()
    assert.equal(chain.parent.header.endsEpoch, true)
    assert.deepEqual(chain.ids, [1, 2, 3, 4, 5])
    assert.deepEqual(query(chain, 'proposals', {}), [])
    assert.equal(query(chain, 'proposal', { id: 1 }), undefined)
    assert.equal(query(chain, 'admission', { id: 1 }), undefined)
    assert.equal(run(chain, 5, 'proposeJail', { provider: 1 }), undefined)
  })

  it('rejects keys without proof, keys and peer ids of others, and known operators', () => {
    const chain = new MemberChain(4)
    const refused = (over: object) => run(chain, 1, 'proposeAdmission', admissionOf(5, over))
    assert.equal(refused({ url: 'javascript:alert(1)' }), 'ProfileRefused(field=url)')
    assert.equal(refused({ jurisdiction: 'T' }), 'ProfileRefused(field=jurisdiction)')
    const { possessionProof } = keysOf('somebody else')
    assert.equal(refused({ possessionProof }), 'BadPossessionProof()')
    assert.equal(refused({ consensusKey: genesisKeys(2).consensusKey }), 'KeyTaken(provider=3)')
    assert.equal(refused({ consensusKey: new Uint8Array(48) }), 'BadPossessionProof()')
    assert.equal(refused({ peerId: genesisKeys(1).peerId }), 'PeerIdTaken(provider=2)')
    assert.equal(refused({ peerId: new Uint8Array(38) }), 'MalformedPeerId()')
    assert.equal(refused({ operator: operatorOf(4) }), 'OperatorTaken(provider=4)')
    assert.match(chain.run(stranger, governanceSchema, 'proposeAdmission', admissionOf(5))!, /^NotValidator/)
    assert.equal(openProposals(chain.full).proposals.length, 0)
  })

  it('rejects another spelling of a member’s legal group, also one that joined meanwhile', () => {
    const chain = new MemberChain(4)
    const { legalGroup } = getProvider(chain.full, 2)!.profile
    for (const other of [legalGroup.toUpperCase(), `${legalGroup}.`, ` ${legalGroup}`])
      assert.equal(
        run(chain, 1, 'proposeAdmission', admissionOf(5, { legalGroup: other })),
        `LegalGroupSpelled(spelling=${legalGroup})`,
      )
    const { consensusKey, possessionProof, peerId } = keysOf('fresh')
    const second = { consensusKey, possessionProof, peerId, legalGroup: 'NEWCOMER5' }
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5)), undefined)
    assert.equal(run(chain, 2, 'proposeAdmission', admissionOf(6, second)), undefined)
    votes(chain, 1, [2, 3])
    votes(chain, 2, [1, 3])
    chain.wait(MEMBER_LOCK_MS)
    assert.equal(getProvider(chain.full, 5)!.profile.legalGroup, 'newcomer5')
    assert.equal(getProvider(chain.full, 6), undefined)
    // The same spelling is the same group.
    assert.equal(
      run(chain, 1, 'proposeAdmission', admissionOf(6, { ...second, legalGroup: 'newcomer5' })),
      undefined,
    )
  })

  it('is impossible when another admission takes the key first', () => {
    const chain = new MemberChain(4)
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5)), undefined)
    assert.equal(
      run(chain, 2, 'proposeAdmission', admissionOf(5, { url: 'https://twice.example' })),
      undefined,
    )
    votes(chain, 1, [2, 3])
    votes(chain, 2, [1, 3])
    chain.wait(MEMBER_LOCK_MS)
    assert.equal(openProposals(chain.full).proposals.length, 0)
    assert.equal(getProvider(chain.full, 5)!.profile.url, 'https://newcomer.example')
    assert.equal(getProvider(chain.full, 6), undefined)
  })
})

describe('governance.proposeRemoval', () => {
  it('removes the vote permanently; the member stays and retires', () => {
    const chain = new MemberChain(5)
    decide(chain, 'proposeRemoval', { provider: 5 }, MEMBER_LOCK_MS)
    const { status, removed } = getProvider(chain.full, 5)!
    assert.deepEqual([status, removed], ['retiring', true])
    chain.next()
    assert.deepEqual(chain.ids, [1, 2, 3, 4])
    assert.match(run(chain, 5, 'proposeJail', { provider: 1 })!, /^NotValidator/)
    assert.equal(run(chain, 1, 'proposeRemoval', { provider: 5 }), 'AlreadyRemoved(provider=5)')
    assert.equal(run(chain, 1, 'proposeRemoval', { provider: 9 }), 'UnknownProvider(provider=9)')
    // The id, the operator and the key are never used again.
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5)), 'OperatorTaken(provider=5)')
    const again = { operator: stranger, peerId: keysOf('new').peerId }
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5, again)), 'KeyTaken(provider=5)')
    const { consensusKey, possessionProof, peerId } = keysOf('fresh')
    const fresh = { consensusKey, possessionProof, peerId }
    decide(chain, 'proposeAdmission', admissionOf(6, fresh), MEMBER_LOCK_MS)
    assert.equal(getProvider(chain.full, 6)!.removed, false)
  })

  it('waits at four members until another joins', () => {
    const chain = new MemberChain(4)
    decide(chain, 'proposeRemoval', { provider: 2 }, MEMBER_LOCK_MS)
    chain.next()
    chain.next()
    assert.deepEqual(chain.ids, [1, 2, 3, 4])
    assert.equal(chain.parent.header.endsEpoch, false)
    // Removed members do not vote, even while they still validate: three voters, all three are more than two thirds.
    assert.match(run(chain, 2, 'proposeJail', { provider: 1 })!, /^NotValidator/)
    assert.equal(run(chain, 1, 'proposeJail', { provider: 4 }), 'TooFewVoters(minimum=3)')
    assert.equal(run(chain, 1, 'proposeRemoval', { provider: 3 }), 'TooFewVoters(minimum=3)')
    assert.equal(run(chain, 1, 'proposeAdmission', admissionOf(5)), undefined)
    votes(chain, 2, [3, 4])
    chain.wait(MEMBER_LOCK_MS)
    chain.next()
    assert.deepEqual(chain.ids, [1, 2, 3, 4, 5])
    chain.next()
    assert.deepEqual(chain.ids, [1, 3, 4, 5])
  })
})

describe('governance.proposeJail and proposeUnjail', () => {
  it('suspend vote and capacity at once, and restore both', () => {
    const chain = new MemberChain(5)
    assert.equal(run(chain, 1, 'proposeUnjail', { provider: 3 }), 'NotJailed(provider=3)')
    decide(chain, 'proposeJail', { provider: 3 }, 0)
    chain.next()
    assert.equal(getProvider(chain.full, 3)!.status, 'jailed')
    assert.deepEqual(chain.ids, [1, 2, 4, 5])
    const reserve = chain.parent.header.reserve.capacityBase
    assert.equal(run(chain, 1, 'proposeJail', { provider: 3 }), 'AlreadyJailed(provider=3)')
    assert.equal(run(chain, 1, 'proposeJail', { provider: 99 }), 'UnknownProvider(provider=99)')
    decide(chain, 'proposeUnjail', { provider: 3 }, MEMBER_LOCK_MS)
    chain.next()
    assert.equal(getProvider(chain.full, 3)!.status, 'active')
    assert.deepEqual(chain.ids, [1, 2, 3, 4, 5])
    assert.ok(chain.parent.header.reserve.capacityBase > reserve)
  })

  it('leave a removed member retiring', () => {
    const chain = new MemberChain(6)
    decide(chain, 'proposeJail', { provider: 6 }, 0)
    chain.next()
    decide(chain, 'proposeRemoval', { provider: 6 }, MEMBER_LOCK_MS)
    assert.deepEqual(
      [getProvider(chain.full, 6)!.status, getProvider(chain.full, 6)!.removed],
      ['jailed', true],
    )
    decide(chain, 'proposeUnjail', { provider: 6 }, MEMBER_LOCK_MS)
    chain.next()
    assert.equal(getProvider(chain.full, 6)!.status, 'retiring')
    assert.deepEqual(chain.ids, [1, 2, 3, 4, 5])
  })
})

describe('governance.vote', () => {
  it('counts once per member, can be changed, and decides as it stands when the lock ends', () => {
    const chain = new MemberChain(4)
    assert.equal(run(chain, 1, 'proposeRemoval', { provider: 4 }), undefined)
    votes(chain, 1, [2, 2, 2])
    assert.deepEqual((query(chain, 'proposal', { id: 1 }) as { approve: number[] }).approve, [1, 2])
    votes(chain, 1, [3])
    votes(chain, 1, [2], false)
    const open = query(chain, 'proposal', { id: 1 }) as {
      executesMs: number
      approve: number[]
      reject: number[]
    }
    assert.deepEqual([open.executesMs, open.approve, open.reject], [0, [1, 3], [2]])
    chain.wait(MEMBER_LOCK_MS)
    assert.equal(getProvider(chain.full, 4)!.removed, false)
    votes(chain, 1, [3], false)
    assert.equal(query(chain, 'proposal', { id: 1 }), undefined)
  })

  it('rejects non-validators and proposals that are not open', () => {
    const chain = new MemberChain(4)
    assert.equal(run(chain, 1, 'vote', { proposal: 1, approve: true }), 'UnknownProposal(proposal=1)')
    assert.match(
      chain.run(stranger, governanceSchema, 'vote', { proposal: 1, approve: true })!,
      /^NotValidator/,
    )
  })

  it('does not count a member that lost its vote in between', () => {
    const chain = new MemberChain(7)
    assert.equal(run(chain, 7, 'proposeRemoval', { provider: 1 }), undefined)
    votes(chain, 1, [2, 3, 4])
    decide(chain, 'proposeJail', { provider: 7 }, 0)
    chain.next()
    assert.deepEqual(chain.ids, [1, 2, 3, 4, 5, 6])
    // Four of seven before; three of six now, and the fifth approval is the fourth that counts.
    votes(chain, 1, [5])
    assert.equal((query(chain, 'proposal', { id: 1 }) as { executesMs: number }).executesMs, 0)
    votes(chain, 1, [6])
    chain.wait(MEMBER_LOCK_MS)
    assert.equal(getProvider(chain.full, 1)!.removed, true)
  })

  it('expires without enough approvals', () => {
    const chain = new MemberChain(4)
    assert.equal(run(chain, 1, 'proposeRemoval', { provider: 4 }), undefined)
    votes(chain, 1, [2])
    assert.equal(dueAtMs(chain.full), openProposals(chain.full).proposals[0]!.dueMs)
    chain.wait(votingMs)
    assert.deepEqual(openProposals(chain.full).proposals, [])
    assert.equal(dueAtMs(chain.full), undefined)
    assert.equal(run(chain, 3, 'vote', { proposal: 1, approve: true }), 'UnknownProposal(proposal=1)')
  })
})

describe('governance.withdrawProposal', () => {
  it('is only for the proposer, and frees one of its bounded open proposals', () => {
    const chain = new MemberChain(4)
    const max = openPerMemberMax
    for (let i = 0; i < max; i++) assert.equal(run(chain, 1, 'proposeRemoval', { provider: 4 }), undefined)
    assert.equal(run(chain, 1, 'proposeJail', { provider: 4 }), `TooManyProposals(maximum=${max})`)
    assert.equal(run(chain, 2, 'proposeJail', { provider: 4 }), undefined)
    assert.equal(run(chain, 2, 'withdrawProposal', { proposal: 1 }), 'NotProposer(proposal=1)')
    assert.equal(run(chain, 1, 'withdrawProposal', { proposal: 99 }), 'UnknownProposal(proposal=99)')
    assert.equal(run(chain, 1, 'withdrawProposal', { proposal: 1 }), undefined)
    assert.equal(run(chain, 1, 'proposeJail', { provider: 4 }), undefined)
  })
})

describe('governance.rules', () => {
  it('require more than two thirds for every number of voters', () => {
    for (let n = 1; n <= 256; n++) {
      const voters = Array.from({ length: n }, (_, i) => i + 1)
      const least = Math.floor((2 * n) / 3) + 1
      const of = (count: number) => tally({ approve: voters.slice(0, count), reject: [] }, voters, 666_667n)
      assert.equal(of(least), 'passed', `${least} of ${n}`)
      assert.equal(of(least - 1), 'open', `${least - 1} of ${n}`)
      const against = tally({ approve: [], reject: voters.slice(0, n - least + 1) }, voters, 666_667n)
      assert.equal(against, 'rejected', `${n - least + 1} of ${n} against`)
    }
  })

  it('keep one vote per member', () => {
    const once = withVote({ approve: [1, 3], reject: [2] }, 2, true)
    assert.deepEqual(once, { approve: [1, 2, 3], reject: [] })
    assert.deepEqual(withVote(once, 3, false), { approve: [1, 2], reject: [3] })
  })
})

describe('governance and the providers’ queries', () => {
  it('return the validators of each epoch', () => {
    const chain = new MemberChain(5)
    decide(chain, 'proposeJail', { provider: 2 }, 0)
    chain.next()
    chain.next()
    const at = (epoch: number) =>
      (
        providersModule.rules.queries.validatorsAt!(chain.context(), { epoch } as never) as
          | { validators: readonly { id: number }[] }
          | undefined
      )?.validators.map(({ id }) => id)
    assert.equal(chain.epoch, 1)
    assert.deepEqual(at(0), [1, 2, 3, 4, 5])
    assert.deepEqual(at(1), [1, 3, 4, 5])
    assert.equal(at(2), undefined)
    assert.deepEqual(
      validatorSet(chain.full).validators.map(({ id }) => id),
      [1, 3, 4, 5],
    )
  })
})
