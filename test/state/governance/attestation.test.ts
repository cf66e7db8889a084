// Attestation of lots by vote: who may be attested, until when, and what happens when the lock ends.
import { strict as assert } from 'node:assert'
import { sha256 } from '../../../base/crypto/hash.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { getLot, nextLotId } from '../../../state/modules/capacity/lots.ts'
import { capacitySchema } from '../../../state/modules/capacity/schema.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { governanceModule } from '../../../state/modules/governance/module.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { type Call, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const { windowMs, horizonWindows: K } = DEV_PARAMETERS.capacity
const LOCK = DEV_PARAMETERS.governance.parameterLockWindows

const call = (id: number, action: string, args: object): Call => ({
  from: operatorOf(id),
  module: governanceSchema,
  action,
  args,
})
const propose = (chain: MemberChain, lot: number, lastWindow: number, from = operatorOf(1)) =>
  chain.run(from, governanceSchema, 'proposeAttestation', { lot, lastWindow })

/** Members 2 to 4 approve the newest proposal. */
function pass(chain: MemberChain): void {
  const proposal = openProposals(chain.full).nextId - 1
  chain.next([2, 3, 4].map((id) => call(id, 'vote', { proposal, approve: true })))
}

function pledge(chain: MemberChain, id: number): number {
  const lot = nextLotId(chain.full)
  const deviceRoot = sha256(new Uint8Array([lot]))
  const terms = { classId: 1, devices: 64, deviceRoot, region: 'tw', services: 7 }
  const firstWindow = currentWindow(chain.full) + 1
  assert.equal(chain.run(operatorOf(id), capacitySchema, 'pledge', { ...terms, firstWindow }), undefined)
  return lot
}

const query = <T>(chain: MemberChain, name: string, args: object): T =>
  governanceModule.rules.queries[name]!(chain.context(), args as never) as T

describe('governance.proposeAttestation', () => {
  it('lets a pledged lot count after more than two thirds and the lock, until its last window', () => {
    const chain = new MemberChain(4)
    const before = getSummary(chain.full, 2).capacityBase
    const lot = pledge(chain, 2)
    assert.equal(propose(chain, lot, LOCK + 3), undefined)
    const [proposal] = query<readonly { id: number; kind: string; provider: number }[]>(
      chain,
      'proposals',
      {},
    )
    assert.deepEqual([proposal!.kind, proposal!.provider], ['attest', 2])
    const shown = query<{ lastWindow: number; lot: { id: number; devices: number } }>(chain, 'attestation', {
      id: proposal!.id,
    })
    assert.deepEqual([shown.lastWindow, shown.lot.id, shown.lot.devices], [LOCK + 3, lot, 64])
    chain.wait(windowMs)
    assert.equal(getLot(chain.full, lot)!.status, 'pending')
    pass(chain)
    chain.wait(LOCK * windowMs)
    assert.equal(getLot(chain.full, lot)!.status, 'attested')
    assert.equal(getSummary(chain.full, 2).capacityBase, before)
    assert.equal(query(chain, 'attestation', { id: proposal!.id }), undefined)
    assert.equal(getLot(chain.full, lot)!.lastWindow, LOCK + 3)
  })

  it('refuses whoever has no vote, unknown and attested lots, and windows that the lock or K exclude', () => {
    const chain = new MemberChain(4)
    const lot = pledge(chain, 2)
    const now = currentWindow(chain.full)
    const [earliest, latest] = [now + LOCK + 1, now + LOCK + K]
    const outOfRange = (last: number): string =>
      `LastWindowOutOfRange(lastWindow=${last}, earliest=${earliest}, latest=${latest})`
    assert.match(propose(chain, lot, earliest, stranger)!, /^NotValidator/)
    assert.equal(propose(chain, 999, earliest), 'UnknownLot(lot=999)')
    assert.equal(propose(chain, 1, earliest), 'LotAttested(lot=1)')
    assert.equal(propose(chain, lot, earliest - 1), outOfRange(earliest - 1))
    assert.equal(propose(chain, lot, latest + 1), outOfRange(latest + 1))
    assert.equal(propose(chain, lot, earliest), undefined)
    assert.equal(propose(chain, lot, latest), undefined)
  })

  it('renews what it has attested; not once notice was given, nor for a member in jail', () => {
    const chain = new MemberChain(4)
    const lot = pledge(chain, 4)
    propose(chain, lot, LOCK + 4)
    pass(chain)
    chain.wait(LOCK * windowMs)
    assert.equal(propose(chain, lot, LOCK + 8), undefined)
    pass(chain)
    chain.wait(LOCK * windowMs)
    assert.equal(getLot(chain.full, lot)!.lastWindow, LOCK + 8)
    chain.run(operatorOf(4), capacitySchema, 'giveNotice', { lot })
    assert.equal(propose(chain, lot, LOCK + 12), `LotEnding(lot=${lot}, lastWindow=${LOCK + 8})`)
    const other = pledge(chain, 4)
    assert.equal(chain.run(operatorOf(1), governanceSchema, 'proposeJail', { provider: 4 }), undefined)
    pass(chain)
    chain.wait(0)
    assert.equal(propose(chain, other, LOCK + 12), 'ProviderNotServing(provider=4)')
  })

  it('is impossible when the pledge has been withdrawn, or the last window has come, before the lock ends', () => {
    const chain = new MemberChain(4)
    const [withdrawn, late] = [pledge(chain, 2), pledge(chain, 3)]
    propose(chain, withdrawn, LOCK + 4)
    pass(chain)
    propose(chain, late, LOCK + 1)
    chain.run(operatorOf(2), capacitySchema, 'giveNotice', { lot: withdrawn })
    assert.equal(query(chain, 'attestation', { id: 1 }), undefined)
    for (let i = 0; i < 2; i++) chain.wait(windowMs)
    pass(chain)
    chain.wait(LOCK * windowMs)
    assert.equal(openProposals(chain.full).proposals.length, 0)
    assert.equal(getLot(chain.full, withdrawn), undefined)
    assert.equal(getLot(chain.full, late)!.status, 'pending')
  })
})
