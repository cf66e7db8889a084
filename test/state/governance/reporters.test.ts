// Appointing and replacing reporters by vote: who may be one, how many at a time, and absent ones at once.
import { strict as assert } from 'node:assert'
import type { Address } from '../../../base/ids.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { governanceModule } from '../../../state/modules/governance/module.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { getReporters } from '../../../state/modules/oracle/reporters.ts'
import { providerIds } from '../../../state/modules/providers/members.ts'
import { admissionOf, operatorOf, stranger } from '../../support/memberChain.ts'
import { OracleChain } from '../../support/oracleChain.ts'

const { windowMs, horizonWindows: K } = DEV_PARAMETERS.capacity
const { graceWindows } = DEV_PARAMETERS.oracle
const LOCK = DEV_PARAMETERS.governance.parameterLockWindows
const A = 1_000_000n

interface Change {
  readonly appoint?: readonly { readonly account: Address; readonly name: string }[]
  readonly dismiss?: readonly number[]
}
function propose(chain: OracleChain, change: Change, from = operatorOf(1)): string | undefined {
  const args = { appoint: [], dismiss: [], ...change }
  return chain.run(from, governanceSchema, 'proposeReporters', args)
}

/** Members 2 to 4 approve the newest proposal. */
function pass(chain: OracleChain): void {
  const proposal = openProposals(chain.full).nextId - 1
  chain.do(
    [2, 3, 4].map((id) => ({
      from: operatorOf(id),
      module: governanceSchema,
      action: 'vote',
      args: { proposal, approve: true },
    })),
  )
}

const ids = (chain: OracleChain): readonly number[] => getReporters(chain.full).ids
const named = (chain: OracleChain, ...numbers: readonly number[]) =>
  numbers.map((n) => ({ account: chain.reporter(n), name: `Newcomer ${n}` }))
/** Waits until the lock has ended, and one block more. */
function waitLock(chain: OracleChain): void {
  chain.wait(LOCK * windowMs)
}

describe('governance.proposeReporters', () => {
  it('appoints the first reporters after the lock; they report from the next window on', () => {
    const chain = new OracleChain({ reporters: 0 })
    // So that the lock ends in the middle of a window.
    chain.wait((windowMs * 3) / 10)
    assert.equal(propose(chain, { appoint: named(chain, 1, 2, 3) }), undefined)
    const [proposal] = governanceModule.rules.queries.proposals!(chain.context(), {} as never) as readonly {
      readonly id: number
      readonly kind: string
    }[]
    assert.equal(proposal!.kind, 'reporters')
    const change = governanceModule.rules.queries.reporterChange!(chain.context(), {
      id: proposal!.id,
    } as never)
    assert.deepEqual(change, { appoint: named(chain, 1, 2, 3), dismiss: [] })
    pass(chain)
    chain.endWindow()
    assert.deepEqual(ids(chain), [])
    chain.wait((windowMs * 4) / 10)
    assert.deepEqual(ids(chain), [1, 2, 3])
    const { window } = chain
    const commit = chain.commitCall({ from: chain.reporter(1), rating: A })
    assert.equal(
      chain.run(commit.from, commit.module, 'commit', commit.args),
      `NotReporterYet(sinceWindow=${window + 1})`,
    )
    assert.match(
      chain.query<{ status: string }>('status').status,
      new RegExp(`report from window ${window + 1} on`),
    )
    chain.endWindow()
    const result = chain.play(chain.voices({ reporters: 3, members: 4 }, { rating: 1_010_000n }))
    assert.equal(result?.decision, 'agreed')
  })

  it('refuses whoever has no vote, and what is no change', () => {
    const chain = new OracleChain()
    assert.match(propose(chain, { dismiss: [1] }, stranger)!, /^NotValidator/)
    assert.equal(propose(chain, {}), 'NoChanges()')
    assert.equal(propose(chain, { dismiss: [9] }), 'UnknownReporter(reporter=9)')
    assert.equal(propose(chain, { dismiss: [1, 1] }), 'UnknownReporter(reporter=1)')
  })

  it('refuses accounts that are not independent or nobody’s, names alike, and too few or too many', () => {
    const chain = new OracleChain()
    const one = (account: Address, name = 'A name'): Change => ({
      appoint: [{ account, name }],
      dismiss: [1],
    })
    assert.match(propose(chain, one(operatorOf(2)))!, /^ReporterAccountRefused/)
    assert.match(propose(chain, one(new Uint8Array(20)))!, /^ReporterAccountRefused/)
    assert.equal(propose(chain, one(chain.reporter(2))), 'AlreadyReporter(reporter=2)')
    assert.match(propose(chain, one(chain.reporter(6), 'reporter  2'))!, /^ReporterNameRefused/)
    assert.match(propose(chain, one(chain.reporter(6), ''))!, /^ReporterNameRefused/)
    assert.match(
      propose(chain, { appoint: [...named(chain, 6), { account: chain.reporter(6), name: 'Again' }] })!,
      /^ReporterAccountRefused/,
    )
    assert.equal(
      propose(chain, { dismiss: [1, 2, 3] }),
      'ReportersOutOfRange(count=2, minimum=3, maximum=32)',
    )
    const first = new OracleChain({ reporters: 0 })
    assert.equal(
      propose(first, { appoint: named(first, 1, 2) }),
      'ReportersOutOfRange(count=2, minimum=3, maximum=32)',
    )
  })

  it('replaces at most a third in K windows, added ones included', () => {
    const chain = new OracleChain({ reporters: 6 })
    assert.equal(
      propose(chain, { appoint: named(chain, 7, 8, 9), dismiss: [1, 2, 3] }),
      'TooManyReplaced(replaced=3, maximum=2)',
    )
    assert.equal(propose(chain, { appoint: named(chain, 7, 8, 9) }), 'TooManyReplaced(replaced=3, maximum=2)')
    assert.equal(propose(chain, { appoint: named(chain, 7), dismiss: [1] }), undefined)
    pass(chain)
    waitLock(chain)
    assert.deepEqual(ids(chain), [2, 3, 4, 5, 6, 7])
    const second = { appoint: named(chain, 8), dismiss: [2] }
    const third = { appoint: named(chain, 9), dismiss: [3] }
    // Both are possible when they are proposed; the second of them no longer is when its lock ends.
    assert.equal(propose(chain, second), undefined)
    pass(chain)
    assert.equal(propose(chain, third), undefined)
    pass(chain)
    waitLock(chain)
    assert.deepEqual(ids(chain), [3, 4, 5, 6, 7, 8])
    assert.equal(openProposals(chain.full).proposals.length, 0)
    assert.equal(propose(chain, third), 'TooManyReplaced(replaced=3, maximum=2)')
    // K windows later there is room again.
    const voices = () => [3, 4, 5, 6, 7, 8].map((n) => ({ from: chain.reporter(n), rating: A }))
    for (let i = 0; i < K; i++) chain.play(voices())
    assert.equal(propose(chain, third), undefined)
  }).timeout(20_000)

  it('replaces at once who was absent when the quorum has been missing for the grace', () => {
    const chain = new OracleChain()
    const change = { appoint: named(chain, 6, 7, 8), dismiss: [3, 4, 5] }
    const present = chain.voices({ reporters: 2, members: 4 }, { rating: A })
    for (let i = 0; i < graceWindows - 1; i++) chain.play(present)
    assert.equal(propose(chain, change), 'TooManyReplaced(replaced=3, maximum=1)')
    chain.play(present)
    const absent = chain.query<readonly { readonly id: number; readonly absent: boolean }[]>('reporters')
    assert.deepEqual(
      absent.filter((reporter) => reporter.absent).map(({ id }) => id),
      [3, 4, 5],
    )
    // Those who were there stay under the rule of a third.
    assert.equal(
      propose(chain, { appoint: named(chain, 6, 7), dismiss: [1, 2] }),
      'TooManyReplaced(replaced=2, maximum=1)',
    )
    assert.equal(propose(chain, change), undefined)
    pass(chain)
    chain.wait(0)
    assert.deepEqual(ids(chain), [1, 2, 6, 7, 8])
    chain.endWindow()
    const voices = [1, 2, 6, 7, 8].map((n) => ({ from: chain.reporter(n), rating: A }))
    assert.equal(chain.play(voices)?.decision, 'providersSilent')
  })

  it('does not replace at once whom one report a few windows keeps from being absent, nor once the quorum is back', () => {
    const chain = new OracleChain()
    for (let i = 0; i < graceWindows; i++)
      chain.play(chain.voices({ reporters: i % 2 === 0 ? 2 : 1, members: 0 }, { rating: A }))
    const second = chain.query<readonly { readonly absent: boolean }[]>('reporters')[1]
    assert.equal(second?.absent, false, 'it reported in three of five windows')
    assert.equal(propose(chain, { appoint: named(chain, 6), dismiss: [3] }), undefined)
    const kinds = governanceModule.rules.queries.proposals!(chain.context(), {} as never) as readonly {
      kind: string
    }[]
    assert.equal(kinds.at(-1)!.kind, 'absentReporters')
    chain.play(chain.voices({ reporters: 5, members: 0 }, { rating: A }))
    pass(chain)
    chain.wait(0)
    assert.deepEqual(ids(chain), [1, 2, 3, 4, 5], 'the quorum came back first')
  })

  it('takes back what a dismissed reporter revealed in the running window', () => {
    const chain = new OracleChain()
    const revealed = (): number =>
      chain.query<{ reporters: { revealed: number } }>('status').reporters.revealed
    // So that the lock ends in the second half of the next window.
    chain.wait((windowMs * 7) / 10)
    assert.equal(propose(chain, { appoint: named(chain, 6), dismiss: [5] }), undefined)
    pass(chain)
    chain.endWindow()
    const started = chain.parent.header.timestampMs
    const voices = chain.voices({ reporters: 5, members: 4 }, { rating: 1_010_000n })
    chain.do(voices.map((voice) => chain.commitCall(voice)))
    chain.toReveals(voices.map((voice) => chain.revealCall(voice)))
    assert.deepEqual([ids(chain), revealed()], [[1, 2, 3, 4, 5], 5])
    chain.blockAt(started + (windowMs * 8) / 10)
    assert.deepEqual([ids(chain), revealed()], [[1, 2, 3, 4, 6], 4])
    chain.endWindow()
    assert.equal(chain.anchor, 1_010_000n)
  })
})

describe('governance.proposeAdmission', () => {
  const admit = (chain: OracleChain, operator: Address): string | undefined =>
    chain.run(operatorOf(1), governanceSchema, 'proposeAdmission', admissionOf(9, { operator }))

  it('rejects the account of a reporter as operator: reporters are independent', () => {
    const chain = new OracleChain()
    assert.equal(admit(chain, chain.reporter(2)), 'OperatorReports(reporter=2)')
    assert.equal(admit(chain, chain.reporter(6)), undefined)
  })

  it('admits nobody whose operator was appointed a reporter meanwhile', () => {
    const chain = new OracleChain({ reporters: 0 })
    const operator = chain.reporter(1)
    assert.equal(propose(chain, { appoint: named(chain, 1, 2, 3) }), undefined)
    pass(chain)
    chain.wait(1_000)
    assert.equal(admit(chain, operator), undefined)
    pass(chain)
    waitLock(chain)
    chain.wait(LOCK * windowMs)
    assert.deepEqual(ids(chain), [1, 2, 3])
    assert.equal(openProposals(chain.full).proposals.length, 0)
    assert.deepEqual(providerIds(chain.full), [1, 2, 3, 4])
  })
})
