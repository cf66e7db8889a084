// Lot groups and members that change while a recount is under way: groups are counted ahead of their turn, as they were when
// it began.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { bookHours } from '../../../state/modules/capacity/book.ts'
import { getGroup, groupIdsOf, hoursOfGroup } from '../../../state/modules/capacity/groups.ts'
import { lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { getCount, getSummary } from '../../../state/modules/capacity/sums.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { standingRevision } from '../../../state/modules/providers/suspension.ts'
import { accountOf, coins, EconomyChain } from '../../support/economyFixture.ts'

const SLOW = { ...TEST_PARAMETERS, capacity: { ...TEST_PARAMETERS.capacity, recountStepsMax: 1 } }

/** Three equal providers, and a recount that has counted the first of them. */
function underWay(change: (chain: EconomyChain) => void = () => {}): EconomyChain {
  const equal = { ratingPpm: 1_000_000n, devices: 100 }
  const chain = new EconomyChain(SLOW).addProviders([equal, equal, equal])
  change(chain)
  chain.endWindow()
  assert.ok(chain.isRecounting)
  return chain
}

const onlyGroup = (chain: EconomyChain, provider: number) => {
  const [id] = groupIdsOf(chain.state, provider)
  return { id: id!, group: getGroup(chain.state, id!)! }
}

function giveNotice(chain: EconomyChain, provider: number): void {
  for (const lot of lotIdsOf(chain.state, provider))
    assert.equal(chain.act(capacityModule, 'giveNotice', accountOf(provider), { lot }), undefined)
}

function finish(chain: EconomyChain): void {
  while (chain.isRecounting) chain.endBlock()
  chain.checkInvariants()
}

describe('capacity: a lot group that changes during a recount', () => {
  it('is counted once, without the notice that is given meanwhile, which the next recount sees', () => {
    const chain = underWay()
    const { pass } = getCount(chain.state).next!
    giveNotice(chain, 3)
    assert.equal(onlyGroup(chain, 3).group.countedIn, pass)
    assert.equal(onlyGroup(chain, 3).group.changed, true)
    finish(chain)
    const [twin, noticed] = [2, 3].map((id) => getSummary(chain.state, id))
    assert.equal(noticed!.capacityBase, twin!.capacityBase)
    assert.equal(noticed!.withdrawnBase, 0n)
    chain.endWindow()
    finish(chain)
    // Its last window is the K-th from the one of the notice: now the furthest that counts is missing.
    assert.ok(getSummary(chain.state, 3).capacityBase < getSummary(chain.state, 2).capacityBase)
    assert.ok(getSummary(chain.state, 3).withdrawnBase > 0n)
  })

  it('has what is booked of it afterwards in both figures', () => {
    const chain = underWay()
    giveNotice(chain, 3)
    const before = getSummary(chain.state, 3)
    const { id, group } = onlyGroup(chain, 3)
    const amountBase = coins(50)
    const hours = hoursOfGroup(group, { service: 'infer', anchor: getCount(chain.state).anchor, amountBase })
    bookHours(chain.ctx(), { group: id, windowIndex: currentWindow(chain.state) + 5, hours, amountBase })
    assert.equal(getSummary(chain.state, 3).reservedBase, amountBase)
    assert.ok(getSummary(chain.state, 3).capacityBase < before.capacityBase)
    finish(chain)
    assert.equal(getSummary(chain.state, 3).reservedBase, amountBase)
    assert.ok(getSummary(chain.state, 3).capacityBase < getSummary(chain.state, 2).capacityBase)
  })

  it('is left alone when the recount has passed it, and the walk leaves no marks', () => {
    const chain = underWay()
    giveNotice(chain, 1)
    for (const provider of [1, 2]) assert.equal(onlyGroup(chain, provider).group.countedIn, 0)
    finish(chain)
    assert.equal(onlyGroup(chain, 2).group.countedIn, 0)
    assert.equal(getSummary(chain.state, 1).capacityBase, getSummary(chain.state, 2).capacityBase)
  })

  it('makes matching look again at once when it has other devices, and only then', () => {
    const quiet = underWay()
    const standing = standingRevision(quiet.state)
    quiet.endBlock()
    assert.ok(quiet.isRecounting)
    assert.equal(standingRevision(quiet.state), standing)
    let before = 0
    const changed = underWay((chain) => {
      giveNotice(chain, 1)
      before = standingRevision(chain.state)
    })
    assert.ok(standingRevision(changed.state) > before)
  })
})

describe('capacity: a member that is unjailed during a recount', () => {
  it('has what the last complete one counted of it, less its notice once the next one is complete', () => {
    const chain = new EconomyChain(SLOW).addProviders(Array(3).fill({ ratingPpm: 1_000_000n, devices: 100 }))
    const { capacityBase } = getSummary(chain.state, 3)
    setProviderStatus(chain.ctx(), 3, 'jailed')
    giveNotice(chain, 3)
    chain.endWindow()
    assert.ok(chain.isRecounting)
    assert.equal(getSummary(chain.state, 3).capacityBase, 0n)
    setProviderStatus(chain.ctx(), 3, 'active')
    assert.equal(getSummary(chain.state, 3).capacityBase, capacityBase)
    assert.equal(getSummary(chain.state, 2).capacityBase, capacityBase)
    finish(chain)
    assert.ok(getSummary(chain.state, 3).capacityBase < getSummary(chain.state, 2).capacityBase)
  })
})
