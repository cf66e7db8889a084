// Commit and reveal: who reports, in which part of a window, and what is recorded of a report that does not count.
import { strict as assert } from 'node:assert'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { committedIn, membersOf, reportOf } from '../../../state/modules/oracle/chambers.ts'
import { getClock, revealsFromMs } from '../../../state/modules/oracle/clock.ts'
import { oracleModule } from '../../../state/modules/oracle/module.ts'
import { oracleSchema, REPORT_WINDOWS } from '../../../state/modules/oracle/schema.ts'
import { jailProvider } from '../../../state/modules/providers/members.ts'
import { accountOf, EconomyChain } from '../../support/economyFixture.ts'
import { operatorOf, stranger } from '../../support/memberChain.ts'
import { OracleChain, type Voice } from '../../support/oracleChain.ts'

const run = (chain: OracleChain, call: ReturnType<OracleChain['commitCall']>): string | undefined =>
  chain.run(call.from, oracleSchema, call.action, call.args)

interface Record {
  readonly chamber: string
  readonly member: number
  readonly windows: number
  readonly revealed: number
  readonly notCommitted: number
  readonly notRevealed: number
  readonly mismatched: number
  readonly malformed: number
  readonly running?: string
}
const recordOf = (chain: OracleChain, account: Uint8Array) =>
  chain.query<Record | undefined>('reporter', { account })
const countsOf = (chain: OracleChain, account: Uint8Array): readonly number[] => {
  const { windows, revealed, notCommitted, notRevealed, mismatched, malformed } = recordOf(chain, account)!
  return [windows, revealed, notCommitted, notRevealed, mismatched, malformed]
}

describe('oracle.commit', () => {
  it('is for reporters and for members that validate, in the running window', () => {
    const chain = new OracleChain()
    const voice = { from: chain.reporter(1), rating: 1_000_000n }
    assert.match(run(chain, chain.commitCall({ ...voice, from: stranger }))!, /^NotReporter\(sender=0x/)
    assert.equal(
      chain.run(voice.from, oracleSchema, 'commit', { window: 1, commitment: chain.commitment(voice) }),
      'WrongWindow(window=1, running=0)',
    )
    assert.equal(run(chain, chain.commitCall(voice)), undefined)
    assert.equal(run(chain, chain.commitCall({ ...voice, from: operatorOf(2) })), undefined)
    assert.equal(recordOf(chain, voice.from)!.running, 'committed')
    assert.equal(recordOf(chain, stranger), undefined)
  })

  it('ends before the first block that may hold reveals, to the millisecond', () => {
    const [chain, late] = [new OracleChain(), new OracleChain()]
    const clock = getClock(chain.full)!
    const voice = { from: chain.reporter(1), rating: 1_000_000n }
    chain.blockAt(revealsFromMs(clock) - 1, [chain.commitCall(voice)])
    assert.equal(run(chain, chain.revealCall(voice)), undefined)
    const pauseMs = revealsFromMs(clock) - late.parent.header.timestampMs
    const [refused] = late.next([late.commitCall(voice)], pauseMs)
    assert.equal(refused!.succeeded, false)
    assert.equal(run(late, late.commitCall(voice)), `WrongPhase(phase=reveal, untilMs=${clock.endsAtMs})`)
  })

  it('replaces an earlier commitment, and counts once', () => {
    const chain = new OracleChain()
    const [first, second] = [1_001_000n, 1_002_000n].map((rating) => ({ from: chain.reporter(1), rating }))
    chain.do([chain.commitCall(first!), chain.commitCall(second!)])
    chain.toReveals([chain.revealCall(first!)])
    assert.equal(recordOf(chain, first!.from)!.running, 'mismatched')
    chain.do([chain.revealCall(second!)])
    assert.equal(recordOf(chain, first!.from)!.running, 'revealed')
    assert.equal(chain.query<{ reporters: { committed: number } }>('status').reporters.committed, 1)
  })

  it('is refused to a member that has lost its vote', () => {
    const chain = new OracleChain()
    chain.run(operatorOf(1), governanceSchema, 'proposeJail', { provider: 4 })
    const proposal = openProposals(chain.full).nextId - 1
    chain.next(
      [2, 3, 4].map((id) => ({
        from: operatorOf(id),
        module: governanceSchema,
        action: 'vote',
        args: { proposal, approve: true },
      })),
    )
    chain.wait(0)
    assert.match(run(chain, chain.commitCall({ from: operatorOf(4), rating: 1n }))!, /^NotReporter/)
  })
})

describe('oracle.reveal', () => {
  it('is refused before the reveals, once the time of the window is up, and without a commitment', () => {
    const chain = new OracleChain()
    const clock = getClock(chain.full)!
    const voice = { from: chain.reporter(1), rating: 1_000_000n }
    chain.do([chain.commitCall(voice)])
    assert.equal(
      run(chain, chain.revealCall(voice)),
      `WrongPhase(phase=commit, untilMs=${revealsFromMs(clock)})`,
    )
    chain.toReveals()
    assert.equal(
      run(chain, chain.revealCall({ ...voice, from: chain.reporter(2) })),
      'NoCommitment(window=0)',
    )
    // The block that ends the window comes too late, though its transactions run before that.
    const [last] = chain.next([chain.revealCall(voice)], clock.endsAtMs - chain.parent.header.timestampMs)
    assert.equal(last!.succeeded, false)
    assert.equal(chain.window, 1)
    assert.equal(recordOf(chain, voice.from)!.notRevealed, 1)
  })

  it('counts in the last millisecond of the window, and once', () => {
    const chain = new OracleChain()
    const voice = { from: chain.reporter(1), rating: 1_000_000n }
    chain.do([chain.commitCall(voice)])
    chain.blockAt(getClock(chain.full)!.endsAtMs - 200, [chain.revealCall(voice)])
    assert.equal(run(chain, chain.revealCall(voice)), 'AlreadyRevealed(window=0)')
    chain.endWindow()
    assert.deepEqual(countsOf(chain, voice.from), [1, 1, 0, 0, 0, 0])
  })

  it('records a reveal that does not match, which may be mended while the window runs', () => {
    const chain = new OracleChain()
    const [careless, dishonest] = [1, 2].map((n) => ({ from: chain.reporter(n), rating: 1_000_000n }))
    chain.do([chain.commitCall(careless!), chain.commitCall(dishonest!)])
    chain.toReveals([
      chain.revealCall(careless!, { salt: sha256(u64be(9)) }),
      chain.revealCall(dishonest!, { rating: 1_900_000n }),
    ])
    assert.equal(chain.query<{ reporters: { revealed: number } }>('status').reporters.revealed, 0)
    chain.do([chain.revealCall(careless!)])
    chain.endWindow()
    assert.deepEqual(countsOf(chain, careless!.from), [1, 1, 0, 0, 0, 0])
    assert.deepEqual(countsOf(chain, dishonest!.from), [1, 0, 0, 0, 1, 0])
  })

  it('records what matches and is malformed: no rating, one beyond any anchor, a price of nothing, an unknown asset', () => {
    const chain = new OracleChain({ reporters: 5 })
    const voices: readonly Voice[] = [
      { from: chain.reporter(1), rating: 0n },
      { from: chain.reporter(2), rating: 10n ** 15n + 1n },
      { from: chain.reporter(3), rating: 1n, priceBase: 0n },
      { from: chain.reporter(4), rating: 1n, priceBase: 10n ** 30n + 1n },
    ]
    chain.play(voices)
    for (const { from } of voices) assert.deepEqual(countsOf(chain, from), [1, 0, 0, 0, 0, 1])
    const status = chain.query<{ reporters: { lastMissed: readonly object[] } }>('status')
    assert.deepEqual(status.reporters.lastMissed, [
      ...[1, 2, 3, 4].map((member) => ({ member, reason: 'malformed' })),
      { member: 5, reason: 'notCommitted' },
    ])
  })

  it('cannot copy what another has committed to: the account is part of it', () => {
    const chain = new OracleChain()
    const voice = { from: chain.reporter(1), rating: 1_234_567n }
    const commitment = chain.commitment(voice)
    const copy = { from: chain.reporter(2), module: oracleSchema, action: 'commit' }
    chain.do([chain.commitCall(voice), { ...copy, args: { window: 0, commitment } }])
    chain.toReveals([chain.revealCall(voice)])
    chain.do([chain.revealCall({ ...voice, from: chain.reporter(2) })])
    assert.equal(recordOf(chain, chain.reporter(2))!.running, 'mismatched')
  })
})

describe('oracle: the providers’ chamber', () => {
  it('has one seat for each legal group, whoever of it reports', () => {
    const chain = new OracleChain()
    const voice = { from: operatorOf(3), rating: 1_010_000n }
    chain.do([chain.commitCall(voice)])
    const record = recordOf(chain, voice.from)!
    assert.deepEqual([record.chamber, record.member], ['providers', 3])
    assert.equal(chain.query<{ providers: { members: number } }>('status').providers.members, 4)
  })

  it('hears the members of one group as one, and not those in jail', () => {
    const chain = new EconomyChain()
    for (const [id, group] of [
      [1, 'alone'],
      [2, 'both'],
      [3, 'both'],
      [4, 'jailed'],
    ] as const)
      chain.addProvider(id, { group })
    jailProvider(chain.ctx(), 4)
    assert.deepEqual(membersOf(chain.state, 'providers', 0), [1, 2])
    const commitment = new Uint8Array(32)
    const commit = (id: number) => chain.act(oracleModule, 'commit', accountOf(id), { window: 0, commitment })
    assert.equal(commit(3), undefined)
    assert.equal(reportOf(chain.state, { chamber: 'providers', member: 2 }, 0)?.outcome, 'committed')
    assert.equal(commit(2), undefined)
    assert.equal(committedIn(chain.state, 'providers', 0), 1)
    // Whose commitment stands is who reveals.
    const { account } = reportOf(chain.state, { chamber: 'providers', member: 2 }, 0)!
    assert.deepEqual(account, accountOf(2))
    assert.equal(commit(4)?.code, 'NotReporter')
  })
})

describe('oracle.record', () => {
  it('counts each window once, with its reason, whenever it is asked for', () => {
    const chain = new OracleChain()
    const from = chain.reporter(1)
    const voice = { from, rating: 1_000_000n }
    chain.play([voice])
    chain.play([{ ...voice, isSilent: true }])
    chain.play([])
    chain.play([{ ...voice, rating: 0n }])
    assert.deepEqual(countsOf(chain, from), [4, 1, 1, 1, 0, 1])
    chain.do([chain.commitCall(voice)])
    assert.deepEqual(countsOf(chain, from), [4, 1, 1, 1, 0, 1])
    // A report of the same slot as the first one.
    for (let i = 0; i < REPORT_WINDOWS - 4; i++) chain.play([voice])
    assert.equal(recordOf(chain, from)!.revealed, 1 + REPORT_WINDOWS - 4)
    chain.play([voice])
    assert.deepEqual(countsOf(chain, from), [9, 6, 1, 1, 0, 1])
    assert.equal(recordOf(chain, chain.reporter(2))!.notCommitted, 9)
  })
})

describe('oracle.reports', () => {
  it('shows the reports of the last windows, without what is not revealed yet', () => {
    const chain = new OracleChain()
    const voice = { from: chain.reporter(2), rating: 1_001_000n }
    chain.do([chain.commitCall(voice)])
    type Reports = { readonly reports: readonly { readonly rating: bigint; readonly outcome: string }[] }
    const [hidden] = chain.query<Reports>('reports', { window: 0 }).reports
    assert.deepEqual([hidden!.rating, hidden!.outcome], [0n, 'committed'])
    chain.toReveals([chain.revealCall(voice)])
    assert.equal(chain.query<Reports>('reports', { window: 0 }).reports[0]!.rating, 1_001_000n)
    assert.equal(chain.query('reports', { window: 1 }), undefined)
    for (let i = 0; i < REPORT_WINDOWS; i++) chain.endWindow()
    assert.equal(chain.query('reports', { window: 0 }), undefined)
    assert.deepEqual(chain.query<Reports>('reports', { window: 1 }).reports, [])
  })
})
