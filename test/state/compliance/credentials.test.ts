// Attestors, credentials, assets that require one, and transfers with a memo.
import { strict as assert } from 'node:assert'
import { ZERO_HASH } from '../../../base/ids.ts'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { assetsSchema } from '../../../state/modules/assets/schema.ts'
import { complianceModule } from '../../../state/modules/compliance/module.ts'
import {
  ATTESTORS_MAX,
  CIPHERTEXT_BYTES_MAX,
  CREDENTIALS_MAX,
  complianceSchema,
} from '../../../state/modules/compliance/schema.ts'
import { decide, propose, secondsAhead } from '../../support/decisions.ts'
import { digestOf, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const ASSET = 1
const issuer = stranger
const [attestor, second, holder, customer] = [operatorOf(6), operatorOf(7), operatorOf(8), operatorOf(9)]
const YEAR = 366 * 86_400
const none = new Uint8Array()

const unitsOf = (chain: MemberChain, owner: Uint8Array): bigint =>
  getAssetBalance(chain.full, { asset: ASSET, owner })

const ask = (chain: MemberChain, name: string, args: object = {}) =>
  complianceModule.rules.queries[name]!(chain.context(), args as never)

const appointment = (account: Uint8Array, ...schemas: readonly string[]) => ({
  account,
  name: 'Notary',
  schemas,
})

/** A chain on which one account attests `kyc`. */
function started(): MemberChain {
  const chain = new MemberChain(4)
  decide(chain, 'proposeAttestors', { appoint: [appointment(attestor, 'kyc')], dismiss: [] }, 1)
  return chain
}

const attest = (chain: MemberChain, subject: Uint8Array, over: object = {}, from = attestor) =>
  chain.run(from, complianceSchema, 'attest', {
    ...{ subject, schema: 'kyc', level: 2, expires: secondsAhead(chain, 1_000) },
    ...over,
  })

const send = (chain: MemberChain, from: Uint8Array, to: Uint8Array, over: object = {}) =>
  chain.run(from, complianceSchema, 'transferWithMemo', {
    ...{ to, asset: ASSET, amountBase: 1n, memoHash: digestOf('memo'), ciphertext: none },
    ...{ travelRuleHash: ZERO_HASH },
    ...over,
  })

describe('compliance.attest', () => {
  it('issues a credential that counts until it expires, is revoked, or its attestor is dismissed', () => {
    const chain = started()
    const levels = () =>
      (ask(chain, 'credentials', { subject: holder }) as { level: number }[]).map((c) => c.level)
    assert.equal(attest(chain, holder), undefined)
    assert.deepEqual(levels(), [2])
    assert.equal(attest(chain, holder, { level: 3 }), undefined)
    assert.deepEqual(levels(), [3], 'anew, not beside')
    assert.equal(
      chain.run(attestor, complianceSchema, 'revoke', { subject: holder, schema: 'kyc' }),
      undefined,
    )
    assert.deepEqual(levels(), [])
    assert.match(
      chain.run(attestor, complianceSchema, 'revoke', { subject: holder, schema: 'kyc' })!,
      /^UnknownCredential/,
    )
    attest(chain, holder)
    chain.wait(1_001_000)
    assert.deepEqual(levels(), [])
    attest(chain, holder, { expires: secondsAhead(chain, 50_000) })
    assert.deepEqual(levels(), [2])
    decide(chain, 'proposeAttestors', { appoint: [], dismiss: [attestor] }, 1)
    assert.deepEqual(levels(), [])
    assert.match(attest(chain, holder)!, /^NotAttestor/)
  })

  it('refuses other credentials than its own, other people, and times out of range', () => {
    const chain = started()
    assert.match(attest(chain, holder, { schema: 'accredited' })!, /^SchemaNotAllowed/)
    assert.match(attest(chain, holder, {}, second)!, /^NotAttestor/)
    assert.match(attest(chain, moduleAddress(complianceSchema))!, /^SubjectRefused/)
    for (const seconds of [-1, 3 * YEAR])
      assert.match(attest(chain, holder, { expires: secondsAhead(chain, seconds) })!, /^ExpiryOutOfRange/)
  })

  it('one account has at most sixteen; those that no longer count make room', () => {
    const chain = new MemberChain(4)
    const names = Array.from({ length: CREDENTIALS_MAX + 1 }, (_, i) => `level-${i}`)
    const firsts = names.slice(0, 8)
    const appoint = [appointment(attestor, ...firsts), appointment(second, ...names.slice(8, 16))]
    const third = appointment(operatorOf(5), ...names.slice(16))
    decide(chain, 'proposeAttestors', { appoint: [...appoint, third], dismiss: [] }, 1)
    const expires = secondsAhead(chain, 5_000)
    names.slice(0, 16).forEach((schema, i) => {
      const by = i < 8 ? attestor : second
      assert.equal(attest(chain, holder, { schema, ...(i === 0 ? {} : { expires }) }, by), undefined)
    })
    const more = () => attest(chain, holder, { schema: 'level-16', expires }, operatorOf(5))
    assert.match(more()!, /^TooManyCredentials\(maximum=16\)/)
    chain.wait(1_000_000)
    assert.equal(more(), undefined)
  })
})

describe('governance.proposeAttestors', () => {
  it('refuses names, schemas and accounts that mislead, and more than there is room for', () => {
    const chain = started()
    const change = (appoint: readonly object[], dismiss: readonly Uint8Array[] = []) =>
      propose(chain, 'proposeAttestors', { appoint, dismiss }) ?? 'accepted'
    assert.match(change([]), /^NoChanges/)
    assert.match(change([], [second]), /^UnknownAttestor/)
    assert.match(change([appointment(second, 'kyc'), appointment(second, 'kyc')]), /^AccountRefused/)
    assert.match(change([appointment(moduleAddress(complianceSchema), 'kyc')]), /^AccountRefused/)
    assert.match(change([{ ...appointment(second, 'kyc'), name: ' x' }]), /^AttestorNameRefused/)
    for (const schemas of [[], ['KYC'], ['kyc', 'kyc'], ['a b'], ['']])
      assert.match(change([appointment(second, ...schemas)]), /^CredentialRefused/)
    let count = 1
    while (count + 8 <= ATTESTORS_MAX) {
      const appoint = Array.from({ length: 8 }, (_, i) =>
        appointment(digestOf(`attestor ${count + i}`).slice(0, 20), 'kyc'),
      )
      decide(chain, 'proposeAttestors', { appoint, dismiss: [] }, 1)
      count += 8
    }
    const rest = Array.from({ length: ATTESTORS_MAX - count + 1 }, (_, i) =>
      appointment(digestOf(`rest ${i}`).slice(0, 20), 'kyc'),
    )
    assert.match(change(rest), /^TooManyAttestors\(maximum=32\)/)
    assert.equal(change(rest, [attestor]), 'accepted')
  })
})

describe('governance.proposeRequirement', () => {
  /** The asset requires `kyc` of level 2; the holder has units, and neither it nor the customer has the credential. */
  function required(): MemberChain {
    const chain = started()
    for (const to of [holder, issuer])
      assert.equal(
        chain.run(issuer, assetsSchema, 'issue', { asset: ASSET, to, amountBase: 100n }),
        undefined,
      )
    decide(chain, 'proposeRequirement', { asset: ASSET, schema: 'kyc', level: 2 }, 1)
    return chain
  }

  it('lets only accounts with the credential receive by transfer', () => {
    const chain = required()
    assert.match(send(chain, holder, customer)!, /^DebitRefused\(.*reason=recipient lacks kyc, level 2\)/)
    attest(chain, customer, { level: 1 })
    assert.match(send(chain, holder, customer)!, /^DebitRefused/)
    attest(chain, customer, { level: 2 })
    const before = unitsOf(chain, customer)
    assert.equal(send(chain, holder, customer), undefined)
    assert.equal(unitsOf(chain, customer), before + 1n)
  })

  it('a holder without the credential can still send to those who have it, to the issuer, and redeem: nothing is stuck', () => {
    const chain = required()
    attest(chain, customer)
    assert.equal(send(chain, holder, customer), undefined)
    assert.equal(send(chain, holder, issuer), undefined)
    const amountBase = unitsOf(chain, holder)
    const redeemed = chain.run(holder, assetsSchema, 'redeem', { asset: ASSET, amountBase })
    assert.equal(redeemed, undefined)
    assert.equal(unitsOf(chain, holder), 0n)
  })

  it('never applies to coins, needs an attestor, and ends by another vote', () => {
    const chain = required()
    const wish = { asset: 0, schema: 'kyc', level: 2 }
    assert.match(propose(chain, 'proposeRequirement', wish)!, /^UnknownAsset/)
    assert.match(propose(chain, 'proposeRequirement', { ...wish, asset: 77 })!, /^UnknownAsset/)
    const unknown = { asset: ASSET, schema: 'accredited', level: 1 }
    assert.match(propose(chain, 'proposeRequirement', unknown)!, /^UnknownCredential/)
    decide(chain, 'proposeRequirement', { asset: ASSET, schema: '', level: 0 }, 1)
    assert.equal(ask(chain, 'requirement', { asset: ASSET }), undefined)
    assert.equal(send(chain, holder, customer), undefined)
  })
})

describe('compliance.transferWithMemo', () => {
  it('moves coins and assets, and logs hash, ciphertext and travel-rule hash', () => {
    const chain = started()
    const ciphertext = new Uint8Array(CIPHERTEXT_BYTES_MAX).fill(7)
    const [receipt] = chain.next([
      {
        from: holder,
        module: complianceSchema,
        action: 'transferWithMemo',
        args: {
          ...{ to: customer, asset: 0, amountBase: 3n, memoHash: ZERO_HASH, ciphertext },
          travelRuleHash: digestOf('ivms101'),
        },
      },
    ])
    assert.ok(receipt!.succeeded)
    const log = receipt!.logs.at(-1)!
    assert.equal(log.topics.length, 4)
    assert.ok(log.data.length > CIPHERTEXT_BYTES_MAX)
  })

  it('refuses a transfer without any memo, to nobody, of nothing known, or of more than there is', () => {
    const chain = started()
    assert.match(send(chain, holder, customer, { memoHash: ZERO_HASH })!, /^NoMemo/)
    assert.match(send(chain, holder, moduleAddress(complianceSchema))!, /^RecipientRefused/)
    assert.match(send(chain, holder, new Uint8Array(20))!, /^RecipientRefused/)
    assert.match(send(chain, holder, customer, { asset: 99 })!, /^UnknownAsset/)
    assert.match(send(chain, holder, customer, { amountBase: 10n ** 30n })!, /^InsufficientUnits/)
  })
})
