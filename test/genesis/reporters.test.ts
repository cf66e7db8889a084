// The oracle's section of a genesis document: absent, or reporters that report from the first window on.
import { strict as assert } from 'node:assert'
import { PRICES_MAX } from '../../base/protocol/oracleReport.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { type Genesis, genesisHash, genesisSchema } from '../../genesis/schema.ts'
import { getReporters, reporterOf } from '../../state/modules/oracle/reporters.ts'
import { oracleTables } from '../../state/modules/oracle/tables.ts'
import { genesisOf } from '../support/devnetFixture.ts'

const genesis = genesisOf()
const named = developmentAccounts(3).map(({ address: account }, i) => ({
  account,
  name: `Reporter ${i + 1}`,
}))
const withReporters = (reporters: NonNullable<Genesis['oracle']>['reporters']): Genesis => ({
  ...genesis,
  oracle: { reporters },
})

describe('genesis.oracle', () => {
  it('appoints reporters, who report from window 0 on', () => {
    const document = withReporters(named)
    assert.deepEqual(genesisSchema.fromJson(genesisSchema.toJson(document)), document)
    const { state, tree } = buildGenesis(document)
    assert.deepEqual(getReporters(state).ids, [1, 2, 3])
    assert.equal(reporterOf(state, named[1]!.account), 2)
    assert.equal(oracleTables.reporter.mustGet(state, { id: 3 }).sinceWindow, 0)
    tree.release()
  })

  it('is no part of a document without it, whose bytes stay as they were', () => {
    assert.equal('oracle' in (genesisSchema.toJson(genesis) as object), false)
    assert.notDeepEqual(genesisHash(withReporters(named)), genesisHash(genesis))
    const { state, tree } = buildGenesis(genesis)
    assert.equal(oracleTables.reporters.has(state, {}), false)
    tree.release()
  })

  it('refuses too few, twins, members, reserved accounts, and more assets than a report has room for', () => {
    const [first, second, third] = named as [(typeof named)[0], (typeof named)[0], (typeof named)[0]]
    const refused = (reporters: readonly (typeof first)[], reason: RegExp): void =>
      assert.throws(() => buildGenesis(withReporters(reporters)), reason)
    refused([first, second], /oracle\.reporters: 2, expected 3 to 32/)
    refused(
      [first, second, { ...third, account: first.account }],
      /oracle\.reporters\[2\]: the same account as/,
    )
    refused([first, second, { ...third, name: 'REPORTER 1' }], /oracle\.reporters\[2\]: the same name as/)
    refused([first, second, { ...third, name: '' }], /oracle\.reporters\[2\]\.name/)
    refused([first, second, { ...third, account: new Uint8Array(20) }], /\[2\]\.account: expected an account/)
    const { operator } = genesis.providers[0]!
    refused([first, second, { ...third, account: operator }], /\[2\]\.account: the operator of a member/)
    const [asset] = genesis.assets
    const assets = Array.from({ length: PRICES_MAX + 1 }, (_, i) => ({
      ...asset!,
      id: i + 1,
      symbol: `dev${String.fromCharCode(65 + i)}`,
    }))
    const many = (oracle: Pick<Genesis, 'oracle'>) => () =>
      buildGenesis({ ...genesis, assets, ...oracle }).tree.release()
    assert.throws(many({ oracle: { reporters: named } }), /assets: 17, expected at most 16/)
    assert.doesNotThrow(many({}))
  })
})
