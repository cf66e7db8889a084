// Upgrades of the rules at a height, texts of proposals, differences of parameters, new assets, and a stop of minting by order.
import { strict as assert } from 'node:assert'
import { ZERO_HASH } from '../../../base/ids.ts'
import { getAsset } from '../../../state/modules/assets/ledger.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { issuanceSchema } from '../../../state/modules/issuance/schema.ts'
import { getPrice } from '../../../state/modules/oracle/prices.ts'
import { protocolVersionOf } from '../../../state/versions.ts'
import { approve, askGovernance, decide, decision, propose, windowMs } from '../../support/decisions.ts'
import { digestOf, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const heightOf = (chain: MemberChain): number => chain.parent.header.height

function signal(chain: MemberChain, ids: readonly number[], version = 2): void {
  const receipts = chain.next(ids.map((id) => decision(id, 'signalVersion', { version })))
  assert.ok(receipts.every(({ succeeded }) => succeeded))
}

describe('governance.proposeUpgrade', () => {
  it('gives the rules a version at exactly its height, after the lock', () => {
    const chain = new MemberChain(4)
    signal(chain, [1, 2, 3])
    const height = heightOf(chain) + 8
    decide(chain, 'proposeUpgrade', { version: 2, height }, 1)
    assert.deepEqual(askGovernance(chain, 'versions'), {
      current: 1,
      scheduled: { version: 2, height },
      needed: 3,
      signals: [1, 2, 3].map((provider) => ({
        provider,
        version: 2,
        signalledMs: chain.genesis.block.header.timestampMs + 100,
      })),
    })
    while (heightOf(chain) < height - 1) {
      chain.next()
      assert.equal(chain.parent.header.version, 1)
    }
    assert.equal(protocolVersionOf(chain.full), 2, 'the block before makes the change')
    chain.next()
    assert.equal(chain.parent.header.height, height)
    assert.equal(chain.parent.header.version, 2)
    assert.match(propose(chain, 'proposeUpgrade', { version: 2, height: height + 9 })!, /^VersionNotNewer/)
  })

  it('refuses a version that fewer than two thirds have signalled, and says how many did', () => {
    const chain = new MemberChain(4)
    const wish = { version: 2, height: 1_000 }
    assert.match(
      propose(chain, 'proposeUpgrade', wish)!,
      /^TooFewSignals\(version=2, signalled=0, needed=3\)/,
    )
    signal(chain, [1, 2])
    assert.match(
      propose(chain, 'proposeUpgrade', wish)!,
      /^TooFewSignals\(version=2, signalled=2, needed=3\)/,
    )
    signal(chain, [3], 3)
    assert.equal(propose(chain, 'proposeUpgrade', wish), undefined)
    assert.match(
      propose(chain, 'proposeUpgrade', { ...wish, version: 3 })!,
      /^TooFewSignals\(version=3, signalled=1/,
    )
  })

  it('is impossible when its height has passed, or signals are taken back, before the lock ends', () => {
    const chain = new MemberChain(4)
    signal(chain, [1, 2, 3])
    assert.match(propose(chain, 'proposeUpgrade', { version: 2, height: heightOf(chain) })!, /^HeightTooSoon/)
    propose(chain, 'proposeUpgrade', { version: 2, height: heightOf(chain) + 3 })
    approve(chain)
    for (let i = 0; i < 4; i++) chain.next()
    chain.wait(windowMs)
    assert.equal(openProposals(chain.full).proposals.length, 0)
    propose(chain, 'proposeUpgrade', { version: 2, height: heightOf(chain) + 100 })
    approve(chain)
    signal(chain, [3], 1)
    chain.wait(windowMs)
    assert.equal((askGovernance(chain, 'versions') as { scheduled?: object }).scheduled, undefined)
    assert.equal(protocolVersionOf(chain.full), 1)
  })

  it('a later decision takes the place of an earlier one', () => {
    const chain = new MemberChain(4)
    signal(chain, [1, 2, 3, 4], 3)
    decide(chain, 'proposeUpgrade', { version: 2, height: 500 }, 1)
    decide(chain, 'proposeUpgrade', { version: 3, height: 900 }, 1)
    const { scheduled } = askGovernance(chain, 'versions') as { scheduled: object }
    assert.deepEqual(scheduled, { version: 3, height: 900 })
  })
})

describe('governance.signalVersion', () => {
  it('is for validators, and refuses what changes nothing', () => {
    const chain = new MemberChain(4)
    signal(chain, [1])
    const again = chain.run(operatorOf(1), governanceSchema, 'signalVersion', { version: 2 })
    assert.match(again!, /^SignalUnchanged/)
    const foreign = chain.run(stranger, governanceSchema, 'signalVersion', { version: 2 })
    assert.match(foreign!, /^NotValidator/)
  })
})

describe('governance.attachText', () => {
  const textHash = digestOf('why')
  const link = 'https://suanli.example/proposals/1.md'
  const attach = (chain: MemberChain, over: object = {}, from = operatorOf(1)) =>
    chain.run(from, governanceSchema, 'attachText', { proposal: 0, textHash, link, ...over })

  it('attaches the hash of a text and a link, once, before others vote', () => {
    const chain = new MemberChain(4)
    propose(chain, 'proposeStopMinting', { reason: 'audit' })
    assert.match(attach(chain, { proposal: 1 }, operatorOf(2))!, /^NotProposer/)
    assert.equal(attach(chain), undefined)
    const shown = askGovernance(chain, 'proposal', { id: 1 }) as { link: string; textHash: Uint8Array }
    assert.equal(shown.link, link)
    assert.deepEqual(shown.textHash, textHash)
    assert.match(attach(chain)!, /^TextFixed/)
    propose(chain, 'proposeJail', { provider: 2 })
    chain.next([decision(3, 'vote', { proposal: 2, approve: true })])
    assert.match(attach(chain)!, /^TextFixed\(proposal=2\)/)
  })

  it('takes https links of printable ASCII only', () => {
    const chain = new MemberChain(4)
    assert.match(attach(chain)!, /^UnknownProposal/)
    propose(chain, 'proposeStopMinting', { reason: 'audit' })
    for (const bad of [
      '',
      'http://a.example',
      'https://',
      'https://a b',
      'https://ex\u0430mple.com',
      'https://u@a.example',
    ])
      assert.match(attach(chain, { link: bad })!, /^LinkRefused/, bad)
    assert.match(attach(chain, { textHash: ZERO_HASH })!, /^EmptyHash/)
    assert.match(attach(chain, { link: `https://a.example/${'x'.repeat(250)}` })!, /MalformedCalldata/)
  })
})

describe('governance.differences', () => {
  it('shows what a proposal changes beside what is in force', () => {
    const chain = new MemberChain(4)
    const changes = [{ module: 'redemption', parameter: 'minimumBase', value: 7n }]
    propose(chain, 'proposeParameters', { changes })
    const [shown] = askGovernance(chain, 'differences', { id: 1 }) as readonly {
      readonly nowValue: bigint
      readonly proposedValue: bigint
      readonly doc: string
    }[]
    assert.equal(shown!.nowValue, 10n ** 16n)
    assert.equal(shown!.proposedValue, 7n)
    assert.ok(shown!.doc.length > 0)
    assert.deepEqual(askGovernance(chain, 'differences', { id: 9 }), [])
  })
})

describe('governance.proposeStopMinting', () => {
  it('stops minting at once, with its reason; a vote lifts it after a recount', () => {
    const chain = new MemberChain(4)
    const mint = () =>
      chain.run(operatorOf(1), issuanceSchema, 'mint', { to: operatorOf(1), amountBase: 10n ** 18n })
    assert.equal(mint(), undefined)
    assert.match(propose(chain, 'proposeStopMinting', { reason: ' x' })!, /^ReasonRefused/)
    decide(chain, 'proposeStopMinting', { reason: 'the audit of July' })
    assert.match(mint()!, /the audit of July/)
    assert.match(propose(chain, 'proposeStopMinting', { reason: 'again' })!, /^MintingIsStopped/)
    decide(chain, 'proposeResumeMinting', {}, 1)
    chain.wait(windowMs)
    assert.equal(mint(), undefined)
  })
})

describe('governance.proposeAsset', () => {
  const gold = { issuer: stranger, name: 'Gold gram', symbol: 'XAUG', decimals: 6, coinPriceBase: 0n }

  it('registers an asset under the next number; one with a price can back bonds', () => {
    const chain = new MemberChain(4)
    decide(chain, 'proposeAsset', gold, 1)
    assert.equal(getAsset(chain.full, 2)?.symbol, 'XAUG')
    assert.equal(getPrice(chain.full, 2), undefined)
    decide(chain, 'proposeAsset', { ...gold, symbol: 'XAGG', coinPriceBase: 3_000_000n }, 1)
    assert.equal(getPrice(chain.full, 3)?.priceBase, 3_000_000n)
  })

  it('refuses what genesis refuses, and of two with one symbol the later is impossible', () => {
    const chain = new MemberChain(4)
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ symbol: 'ACPC' }, /^AssetRefused\(field=symbol\)/],
      [{ symbol: 'a b' }, /^AssetRefused\(field=symbol\)/],
      [{ name: '' }, /^AssetRefused\(field=name\)/],
      [{ decimals: 37 }, /^AssetRefused\(field=decimals\)/],
      [{ issuer: new Uint8Array(20) }, /^AssetRefused\(field=issuer\)/],
      [{ coinPriceBase: 10n ** 31n }, /^AssetRefused\(field=coinPriceBase\)/],
      [{ symbol: getAsset(chain.full, 1)!.symbol.toLowerCase() }, /^SymbolTaken\(asset=1\)/],
    ]
    for (const [over, reason] of cases)
      assert.match(propose(chain, 'proposeAsset', { ...gold, ...over }) ?? 'accepted', reason)
    propose(chain, 'proposeAsset', gold)
    approve(chain)
    decide(chain, 'proposeAsset', gold, 1)
    assert.equal(getAsset(chain.full, 3), undefined)
  })
})
