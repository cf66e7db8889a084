// Memos and travel-rule data: canonical bytes, salted hashes, sealing to the recipient.
import { strict as assert } from 'node:assert'
import { toHex, utf8, utf8Text } from '../../../base/bytes.ts'
import { ClientError } from '../../../client/clientError.ts'
import { encodeIvms101 } from '../../../client/memo/ivms101.ts'
import { MEMO_BYTES_MAX, memoHashOf, openMemo, sealMemo } from '../../../client/memo/memo.ts'
import { clientKeyOf } from '../../../client/redemption/grant.ts'
import { CIPHERTEXT_BYTES_MAX } from '../../../state/modules/compliance/schema.ts'

const natural = {
  naturalPerson: {
    name: {
      nameIdentifier: [{ primaryIdentifier: '王', secondaryIdentifier: '小明', nameIdentifierType: 'LEGL' }],
    },
    dateAndPlaceOfBirth: { placeOfBirth: 'Taipei', dateOfBirth: '1990-02-28' },
    countryOfResidence: 'TW',
  },
}
const legal = {
  legalPerson: {
    name: { nameIdentifier: [{ legalPersonName: 'Aurora', legalPersonNameIdentifierType: 'LEGL' }] },
  },
}
const data = {
  originator: { originatorPersons: [natural], accountNumber: ['0x01'] },
  beneficiary: { beneficiaryPersons: [legal], accountNumber: ['0x02'] },
  originatingVASP: { originatingVASP: legal },
}
const refused = (change: object, reason: RegExp): void => {
  assert.throws(
    () => encodeIvms101({ ...data, ...change }),
    (error: unknown) => error instanceof ClientError && error.code === 'input' && reason.test(error.message),
  )
}

describe('client.encodeIvms101', () => {
  it('has one spelling, whatever the order of the fields', () => {
    const bytes = encodeIvms101(data)
    const turned = Object.fromEntries(Object.entries(data).reverse())
    assert.equal(toHex(encodeIvms101(turned)), toHex(bytes))
    const written = utf8Text(bytes)
    assert.ok(
      written.startsWith('{"beneficiary":{"accountNumber":["0x02"],"beneficiaryPersons":[{"legalPerson"'),
    )
    assert.deepEqual(JSON.parse(written), data)
  })

  it('refuses what IVMS101 does not have, with its path', () => {
    refused({ note: 'x' }, /the whole: note is no field/)
    refused({ originator: { originatorPersons: [natural] } }, /originator: accountNumber is missing/)
    refused(
      { originator: { originatorPersons: [], accountNumber: ['1'] } },
      /originatorPersons: expected a list/,
    )
    refused(
      { originatingVASP: { originatingVASP: {} } },
      /expected exactly one of naturalPerson, legalPerson/,
    )
    refused({ originatingVASP: { originatingVASP: { ...natural, ...legal } } }, /expected exactly one of/)
    const born = (dateOfBirth: unknown) => ({
      naturalPerson: { ...natural.naturalPerson, dateAndPlaceOfBirth: { placeOfBirth: 'A', dateOfBirth } },
    })
    for (const date of ['1990-13-01', '28.02.1990', 19900228])
      refused({ originatingVASP: { originatingVASP: born(date) } }, /dateOfBirth: /)
    const named = (legalPersonName: unknown) => ({
      legalPerson: {
        name: { nameIdentifier: [{ legalPersonName, legalPersonNameIdentifierType: 'LEGL' }] },
      },
    })
    for (const name of ['', 'a\u0000', 'e\u0301', '\ud800', 'x'.repeat(101), 7])
      refused({ originatingVASP: { originatingVASP: named(name) } }, /nameIdentifier\[0\]\.legalPersonName/)
    for (const wrong of [null, [], 'x', undefined])
      assert.throws(() => encodeIvms101(wrong), /the whole: expected an object/)
  })
})

describe('client.sealMemo', () => {
  const secret = new Uint8Array(32).fill(7)
  const terms = {
    ...{
      genesis: new Uint8Array(32).fill(1),
      from: new Uint8Array(20).fill(2),
      to: new Uint8Array(20).fill(3),
    },
    ...{ asset: 0, amountBase: 5n },
  }
  const memo = utf8('invoice 7')

  it('opens for the recipient and this transfer alone', async () => {
    const sealed = await sealMemo(terms, clientKeyOf(secret), memo)
    assert.deepEqual(await openMemo(terms, secret, sealed), memo)
    const others = [{ amountBase: 6n }, { asset: 1 }, { to: terms.from }, { genesis: new Uint8Array(32) }]
    for (const over of others)
      await assert.rejects(openMemo({ ...terms, ...over }, secret, sealed), /does not open/)
    await assert.rejects(openMemo(terms, new Uint8Array(32).fill(8), sealed), /does not open/)
    await assert.rejects(
      openMemo(
        terms,
        secret,
        sealed.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
      ),
      /does not open/,
    )
  })

  it('the longest memo fills the chain’s bound; longer, empty and keyless ones are refused', async () => {
    const sealed = await sealMemo(terms, clientKeyOf(secret), new Uint8Array(MEMO_BYTES_MAX))
    assert.equal(sealed.length, CIPHERTEXT_BYTES_MAX)
    for (const length of [0, MEMO_BYTES_MAX + 1])
      await assert.rejects(sealMemo(terms, clientKeyOf(secret), new Uint8Array(length)), /1 to 976 fit/)
    await assert.rejects(sealMemo(terms, new Uint8Array(31), memo), /nothing can be sealed/)
    await assert.rejects(openMemo(terms, secret, new Uint8Array(48)), /is none/)
  })
})

describe('client.memoHashOf', () => {
  it('depends on bytes and salt, and takes no salt of another length', () => {
    const salt = new Uint8Array(16).fill(1)
    const hash = toHex(memoHashOf(utf8('a'), salt))
    assert.notEqual(toHex(memoHashOf(utf8('b'), salt)), hash)
    assert.notEqual(toHex(memoHashOf(utf8('a'), new Uint8Array(16))), hash)
    assert.throws(() => memoHashOf(utf8('a'), new Uint8Array(15)), /16 random bytes/)
  })
})
