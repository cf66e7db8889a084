// Freezes and the pause of transfers: what they stop, what they never stop, appeals and expiry.
import { strict as assert } from 'node:assert'
import { toHex } from '../../../base/bytes.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { accountsSchema } from '../../../state/modules/accounts/schema.ts'
import { getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { assetsSchema } from '../../../state/modules/assets/schema.ts'
import { backingSchema } from '../../../state/modules/backing/schema.ts'
import { complianceModule } from '../../../state/modules/compliance/module.ts'
import { complianceSchema, FREEZES_PER_ACCOUNT_MAX } from '../../../state/modules/compliance/schema.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { redemptionSchema } from '../../../state/modules/redemption/schema.ts'
import { decide, decision, propose, secondsAhead } from '../../support/decisions.ts'
import { digestOf, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const caseHash = digestOf('case 12')
/** The frozen account, and another. */
const frozen = stranger
const other = operatorOf(6)
const DAY = 86_400

const coinsOf = (chain: MemberChain, address: Uint8Array): bigint =>
  getAccount(chain.full, address).balanceBase

const ask = (chain: MemberChain, name: string, args: object = {}) =>
  complianceModule.rules.queries[name]!(chain.context(), args as never)

/** Freezes an account by a vote. */
function freeze(chain: MemberChain, over: object = {}): void {
  const expires = secondsAhead(chain, 3_600)
  decide(chain, 'proposeFreeze', { account: frozen, scope: 'all', asset: 0, caseHash, expires, ...over })
}

function pay(
  chain: MemberChain,
  from: Uint8Array,
  to: Uint8Array,
  amountBase = 1n,
  asset = 0,
): string | undefined {
  return chain.run(from, complianceSchema, 'transferWithMemo', {
    ...{ to, asset, amountBase, memoHash: digestOf('invoice 7') },
    ...{ ciphertext: new Uint8Array(), travelRuleHash: ZERO_HASH },
  })
}

/** A request of redemption of one coin. */
const request = (chain: MemberChain, from: Uint8Array): string | undefined =>
  chain.run(from, redemptionSchema, 'request', {
    ...{ amountBase: 10n ** 18n, service: 'infer', provider: 0, ratingMin: 0n, region: '' },
    ...{ startBy: 0, finishBy: 0, jobHash: ZERO_HASH, clientKey: new Uint8Array(32).fill(1) },
    voucherKey: from,
  })

describe('governance.proposeFreeze', () => {
  it('stops what the account gives up by its own doing, with the number of the freeze, and nobody else', () => {
    const chain = new MemberChain(4)
    assert.equal(pay(chain, frozen, other), undefined)
    freeze(chain)
    assert.match(pay(chain, frozen, other)!, /^DebitRefused\(.*reason=frozen: freeze 1, all\)/)
    assert.equal(pay(chain, other, operatorOf(7)), undefined)
    assert.equal(
      ask(chain, 'transferRefusal', { from: frozen, to: other, asset: 0 }),
      'frozen: freeze 1, all',
    )
    assert.equal(ask(chain, 'transferRefusal', { from: other, to: frozen, asset: 0 }), undefined)
  })

  it('lets every credit through: coins, assets, and what an escrow owes', () => {
    const chain = new MemberChain(4)
    assert.equal(request(chain, frozen), undefined)
    freeze(chain)
    const before = coinsOf(chain, frozen)
    assert.equal(pay(chain, other, frozen, 5n), undefined)
    assert.equal(coinsOf(chain, frozen), before + 5n)
    const receipts = chain.next([
      { from: stranger, module: redemptionSchema, action: 'cancel', args: { id: 1 } },
    ])
    assert.ok(receipts[0]!.succeeded, 'a refund succeeds')
    assert.ok(coinsOf(chain, frozen) > before + 10n ** 17n)
  })

  it('takes fees all the same, so that the account can appeal, once', () => {
    const chain = new MemberChain(4)
    freeze(chain)
    const appealHash = digestOf('reasons')
    const appeal = (from: Uint8Array, hash = appealHash) =>
      chain.run(from, complianceSchema, 'appeal', { freeze: 1, appealHash: hash })
    assert.match(appeal(other)!, /^NotFrozenAccount/)
    assert.match(appeal(frozen, ZERO_HASH)!, /^EmptyHash/)
    const before = coinsOf(chain, frozen)
    assert.equal(appeal(frozen), undefined)
    assert.ok(coinsOf(chain, frozen) < before)
    assert.match(appeal(frozen)!, /^AlreadyAppealed/)
    const shown = ask(chain, 'freeze', { id: 1 }) as { appealHash: Uint8Array; appealedMs: number }
    assert.equal(toHex(shown.appealHash), toHex(appealHash))
    assert.ok(shown.appealedMs > 0)
    assert.match(pay(chain, frozen, other)!, /^DebitRefused/)
    decide(chain, 'proposeUnfreeze', { freeze: 1 })
    assert.equal(pay(chain, frozen, other), undefined)
    assert.match(appeal(frozen)!, /^UnknownFreeze/)
  })

  it('ends at its expiry without anybody doing anything, to the second', () => {
    const chain = new MemberChain(4)
    const expires = secondsAhead(chain, 100)
    freeze(chain, { expires })
    const leftMs = expires * 1_000 - chain.parent.header.timestampMs
    chain.wait(leftMs - 200)
    assert.match(pay(chain, frozen, other)!, /^DebitRefused/)
    assert.equal(pay(chain, frozen, other), undefined)
    assert.deepEqual(ask(chain, 'freezes', { from: 0 }), [])
    assert.deepEqual(ask(chain, 'freezesOf', { account: frozen }), [])
  })

  it('stops only what its scope says', () => {
    const chain = new MemberChain(4)
    const back = () => chain.run(frozen, backingSchema, 'back', { provider: 1, amountBase: 10n ** 18n })
    freeze(chain, { scope: 'transfers' })
    assert.match(pay(chain, frozen, other)!, /freeze 1, transfers/)
    assert.equal(request(chain, frozen), undefined)
    freeze(chain, { scope: 'redemption' })
    assert.match(request(chain, frozen)!, /freeze 2, redemption/)
    decide(chain, 'proposeUnfreeze', { freeze: 1 })
    assert.equal(pay(chain, frozen, other), undefined)
    assert.doesNotMatch(back() ?? '', /DebitRefused/)
    freeze(chain, { scope: 'backing' })
    assert.match(back()!, /freeze 3, backing/)
  })

  it('stops one asset and no other', () => {
    const chain = new MemberChain(4)
    const issued = { asset: 1, to: frozen, amountBase: 50n }
    assert.equal(chain.run(stranger, assetsSchema, 'issue', issued), undefined)
    freeze(chain, { scope: 'asset', asset: 1 })
    assert.match(pay(chain, frozen, other, 1n, 1)!, /freeze 1, asset/)
    assert.match(chain.run(frozen, assetsSchema, 'redeem', { asset: 1, amountBase: 1n })!, /freeze 1, asset/)
    assert.equal(pay(chain, frozen, other), undefined)
    assert.equal(chain.run(stranger, assetsSchema, 'issue', issued), undefined)
    assert.ok(getAssetBalance(chain.full, { asset: 1, owner: frozen }) >= 100n)
  })

  it('a batch is no way around it', () => {
    const chain = new MemberChain(4)
    freeze(chain, { scope: 'transfers' })
    const refused = chain.run(frozen, accountsSchema, 'batch', {
      calls: [{ to: other, value: 1n, data: new Uint8Array() }],
    })
    assert.match(refused!, /BatchFailed|DebitRefused/)
  })

  it('refuses what could not be carried out, and who is no member', () => {
    const chain = new MemberChain(4)
    const expires = secondsAhead(chain, 3_600)
    const order = { account: frozen, scope: 'all', asset: 0, caseHash, expires }
    const system = new Uint8Array(20)
    system.set(new TextEncoder().encode('suanli'))
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ account: system }, /^AccountRefused/],
      [{ account: new Uint8Array(20) }, /^AccountRefused/],
      [{ asset: 1 }, /^AssetMisplaced/],
      [{ scope: 'asset', asset: 99 }, /^UnknownAsset/],
      [{ caseHash: ZERO_HASH }, /^EmptyHash/],
      [{ expires: secondsAhead(chain, -1) }, /^ExpiryOutOfRange/],
      [{ expires: secondsAhead(chain, DAY + 60) }, /^ExpiryOutOfRange/],
    ]
    for (const [over, reason] of cases)
      assert.match(propose(chain, 'proposeFreeze', { ...order, ...over }) ?? 'accepted', reason)
    assert.match(chain.run(stranger, governanceSchema, 'proposeFreeze', order)!, /^NotValidator/)
    assert.match(propose(chain, 'proposeUnfreeze', { freeze: 1 })!, /^UnknownFreeze/)
  })

  it('places at most eight freezes on an account', () => {
    const chain = new MemberChain(4)
    for (let i = 0; i < FREEZES_PER_ACCOUNT_MAX; i++) freeze(chain)
    const expires = secondsAhead(chain, 3_600)
    const ninth = { account: frozen, scope: 'all', asset: 0, caseHash, expires }
    assert.match(propose(chain, 'proposeFreeze', ninth)!, /^TooManyFreezes\(maximum=8\)/)
  })

  it('a proposal that has no more votes when the set changed is not carried out early', () => {
    const chain = new MemberChain(4)
    const expires = secondsAhead(chain, 3_600)
    propose(chain, 'proposeFreeze', { account: frozen, scope: 'all', asset: 0, caseHash, expires })
    chain.next([decision(2, 'vote', { proposal: 1, approve: true })])
    chain.wait(1_000)
    assert.equal(pay(chain, frozen, other), undefined)
  })
})

describe('governance.proposePause', () => {
  const pause = (chain: MemberChain): void =>
    decide(chain, 'proposePause', { caseHash, expires: secondsAhead(chain, 600) })

  it('stops transfers of everybody, and not one request of a run of redemptions', () => {
    const chain = new MemberChain(4)
    pause(chain)
    assert.match(pay(chain, other, frozen)!, /reason=transfers are paused\)/)
    const holders = [stranger, other, operatorOf(7), operatorOf(8), operatorOf(9)]
    for (const holder of holders) assert.equal(request(chain, holder), undefined)
    // They are matched and can be cancelled as ever.
    assert.equal(chain.run(stranger, redemptionSchema, 'cancel', { id: 1 }), undefined)
    decide(chain, 'proposeUnpause')
    assert.equal(pay(chain, other, frozen), undefined)
    assert.match(propose(chain, 'proposeUnpause')!, /^TransfersNotPaused/)
  })

  it('ends by itself, and can be made longer by another vote', () => {
    const chain = new MemberChain(4)
    pause(chain)
    decide(chain, 'proposePause', { caseHash, expires: secondsAhead(chain, 1_200) })
    chain.wait(700_000)
    assert.match(pay(chain, other, frozen)!, /transfers are paused/)
    assert.ok(ask(chain, 'pause'))
    chain.wait(600_000)
    assert.equal(pay(chain, other, frozen), undefined)
    assert.equal(ask(chain, 'pause'), undefined)
  })

  it('refuses an end that is past or too far away', () => {
    const chain = new MemberChain(4)
    for (const seconds of [-1, 3_700]) {
      const refused = propose(chain, 'proposePause', { caseHash, expires: secondsAhead(chain, seconds) })
      assert.match(refused!, /^ExpiryOutOfRange/)
    }
    assert.match(
      propose(chain, 'proposePause', { caseHash: ZERO_HASH, expires: secondsAhead(chain, 60) })!,
      /^EmptyHash/,
    )
  })
})
