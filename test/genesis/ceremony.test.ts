// The ceremony without files: drafts, signed parts, the document that they make, and what is said about it.
import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import { PRESETS } from '../../base/parameters.ts'
import { COIN } from '../../base/units.ts'
import { collectParts, compareWithDraft, compareWithParts, type NamedPart } from '../../genesis/collect.ts'
import { checkDraft, presetContent } from '../../genesis/draft.ts'
import { GenesisError } from '../../genesis/error.ts'
import { checkPart, type UnsignedPart } from '../../genesis/parts.ts'
import { type Genesis, genesisHash, genesisSchema } from '../../genesis/schema.ts'
import { summariseGenesis } from '../../genesis/summary.ts'
import { draftOf, NOW_MS, partsOf, signed, unsignedPart } from '../support/ceremony.ts'

const refused = (run: () => unknown, pattern: RegExp): void =>
  assert.throws(run, (error: unknown) => error instanceof GenesisError && pattern.test(error.message))

describe('genesis: a draft', () => {
  it('can be made of every preset, has its parameters, and becomes a network', () => {
    for (const preset of PRESETS) {
      const draft = draftOf({ preset })
      assert.deepEqual(draft.params, presetContent(preset).params)
      assert.deepEqual(draft.providers, [])
      assert.ok(draft.classes.length > 20)
      const { presets, broken, warnings } = summariseGenesis(draft, NOW_MS)
      assert.deepEqual([presets, broken, warnings], [[preset], undefined, []])
      assert.equal(collectParts(draft, partsOf(draft)).providers.length, 4)
    }
  })

  it('refuses ids of public networks and of devnets, dates before the calendar, and members', () => {
    for (const chainId of [1, 8_453]) refused(() => draftOf({ chainId }), /chainId: .* is a public network's/)
    for (const chainId of [1_337, 31_337, 83_838]) refused(() => draftOf({ chainId }), /that of every devnet/)
    refused(() => draftOf({ chainId: 0 }), /chainId: 0/)
    refused(() => draftOf({ timestampMs: 0 }), /timestampMs: 0/)
    const draft = draftOf()
    refused(() => checkDraft(collectParts(draft, partsOf(draft))), /providers: 4, expected none in a draft/)
    refused(
      () => checkDraft({ ...draft, consensus: { ...draft.consensus, buildMs: 0 } }),
      /consensus.buildMs/,
    )
  })
})

describe('genesis: collecting parts', () => {
  const draft = draftOf()
  const parts = partsOf(draft)
  const changed = (i: number, change: (part: UnsignedPart) => UnsignedPart): readonly NamedPart[] =>
    parts.map((named, at) => (at === i ? signed(draft, i, change(unsignedPart(draft, i))) : named))
  const withMember = (i: number, member: Partial<UnsignedPart['member']>) =>
    changed(i, () => unsignedPart(draft, i, member))

  it('gives the same document for every order of the files', () => {
    const hash = toHex(genesisHash(collectParts(draft, parts)))
    for (const order of [
      [3, 2, 1, 0],
      [1, 3, 0, 2],
    ])
      assert.equal(
        toHex(
          genesisHash(
            collectParts(
              draft,
              order.map((i) => parts[i]!),
            ),
          ),
        ),
        hash,
      )
    const names = collectParts(draft, parts).providers.map(({ profile }) => profile.legalName)
    assert.deepEqual(names, [...names].sort())
  })

  it('says who backs which coins', () => {
    const { balances, providers } = collectParts(draft, [...parts].reverse())
    for (const { account, backedBy } of balances) assert.deepEqual(account, providers[backedBy]!.operator)
  })

  it('refuses what was changed after signing, or signed for another draft or by somebody else', () => {
    const [first, ...rest] = parts as readonly [NamedPart, ...NamedPart[]]
    const { part } = first
    const forged = (over: object): readonly NamedPart[] => [{ ...first, part: { ...part, ...over } }, ...rest]
    const lots = [{ ...part.member.lots[0]!, devices: 999 }]
    for (const over of [
      { member: { ...part.member, lots } },
      { coins: [{ ...part.coins[0]!, amountBase: COIN }] },
      { addresses: [] },
      { signature: new Uint8Array(65) },
    ])
      refused(
        () => collectParts(draft, forged(over)),
        /^genesis aurora.json: the signature is of .*, expected the operator/,
      )
    const other = draftOf({ name: 'Another' })
    refused(() => collectParts(other, parts), /aurora.json: made for the draft 0x.*, this one is 0x/)
    const stranger = signed(draft, 1, unsignedPart(draft, 0))
    refused(
      () => collectParts(draft, [{ ...stranger, name: 'x.json' }, ...rest]),
      /x.json: the signature is of/,
    )
  })

  it('refuses a proof of possession of another key', () => {
    const { possessionProof } = parts[1]!.part.member
    refused(
      () => checkPart(draft, withMember(0, { possessionProof })[0]!.part, 'aurora.json'),
      /aurora.json member.possessionProof: does not prove possession/,
    )
  })

  it('refuses twins, and names both files', () => {
    refused(
      () => collectParts(draft, [...parts, { ...parts[2]!, name: 'again.json' }]),
      /again.json: the same part as cumulus.json/,
    )
    const { peerId } = parts[0]!.part.member
    refused(() => collectParts(draft, withMember(3, { peerId })), /the same peerId as aurora.json member/)
    const lots = parts[0]!.part.member.lots
    refused(
      () => collectParts(draft, withMember(2, { lots })),
      /cumulus.json member.lots\[0\]: DevicesAlreadyPledged/,
    )
  })

  it('refuses unknown classes, coins that nothing backs, small bonds and too few members, in the file at fault', () => {
    const lots = [{ ...parts[1]!.part.member.lots[0]!, class: 'abacus' }]
    refused(
      () => collectParts(draft, withMember(1, { lots })),
      /borealis.json member.lots\[0\].class: abacus/,
    )
    const coins = [{ account: new Uint8Array(20).fill(7), amountBase: 80_000n * COIN }]
    refused(
      () =>
        collectParts(
          draft,
          changed(2, (part) => ({ ...part, coins })),
        ),
      /cumulus.json coins: QuotaExceeded/,
    )
    refused(() => collectParts(draft, withMember(2, { bonds: [] })), /cumulus.json coins: BondTooSmall/)
    refused(() => collectParts(draft, parts.slice(1)), /providers: 3, expected at least 4/)
  })
})

describe('genesis: checking a document', () => {
  const draft = draftOf()
  const parts = partsOf(draft)
  const document = collectParts(draft, parts)

  it('knows its draft and its parts, and whether all of them were given', () => {
    compareWithDraft(document, draft)
    assert.equal(compareWithParts(document, { draft, parts: parts.slice(1, 2) }), false)
    assert.equal(compareWithParts(document, { draft, parts }), true)
  })

  it('names what differs', () => {
    const compare = (changed: Genesis): void => {
      compareWithDraft(changed, draft)
      compareWithParts(changed, { draft, parts })
    }
    const { params, providers, balances } = document
    refused(
      () =>
        compare({
          ...document,
          params: { ...params, issuance: { ...params.issuance, marginPpm: 2_000_000n } },
        }),
      /params.issuance.marginPpm: differs from the draft/,
    )
    const [first, ...rest] = providers as [Genesis['providers'][number], ...Genesis['providers'][number][]]
    const lots = [{ ...first.lots[0]!, devices: 255 }]
    refused(
      () => compare({ ...document, providers: [{ ...first, lots }, ...rest] }),
      /providers\[0\].lots\[0\].devices: differs from aurora.json/,
    )
    refused(
      () => compare({ ...document, providers: rest }),
      /aurora.json: this member is not in the document/,
    )
    const richer = balances.map((one, i) => (i === 1 ? { ...one, amountBase: 5n } : one))
    refused(
      () => compare({ ...document, balances: richer }),
      /backed by providers\[1\]: differ from borealis.json/,
    )
  })
})

describe('genesis: the summary', () => {
  const draft = draftOf()
  const document = collectParts(draft, partsOf(draft))
  const warnings = (change: Partial<Genesis>, nowMs = NOW_MS): string => {
    const { broken, warnings: found } = summariseGenesis({ ...document, ...change }, nowMs)
    return [...(broken === undefined ? [] : [`refused ${broken}`]), ...found].join('\n')
  }

  it('has members, supply, capacity and what each may still mint', () => {
    const { members, supplyBase, presets, broken } = summariseGenesis(document, NOW_MS)
    assert.equal(broken, undefined)
    assert.deepEqual(presets, ['dev'])
    assert.equal(supplyBase, 4_000n * COIN)
    assert.deepEqual(
      members.map(({ id }) => id),
      [1, 2, 3, 4],
    )
    for (const { capacityBase, mintableBase, mintedBase } of members) {
      assert.equal(capacityBase! / COIN, 84_107n)
      assert.equal(mintedBase, 1_000n * COIN)
      assert.equal(mintableBase! / COIN, 41_053n)
    }
  })

  it('warns of dates, of public keys and of a chain id that another network has', () => {
    assert.match(warnings({}, NOW_MS - 3_600_000), /dated 2027-01-01T00:00:00.000Z, in the future/)
    assert.match(warnings({}, NOW_MS - 40 * 86_400_000), /refused timestampMs: .* 40 days ahead of the clock/)
    assert.match(warnings({}, NOW_MS + 3 * 86_400_000), /3 days ago/)
    assert.match(warnings({}), /aurora Ltd: the operator is a development account/)
    assert.match(warnings({ chainId: 1 }), /refused chainId: 1 is a public network's/)
    const [first] = document.balances
    assert.match(
      warnings({ balances: [{ ...first!, backedBy: 4 }] }),
      /refused balances\[0\].backedBy: 4, expected the index/,
    )
  })

  it('warns of members that cannot act, and of groups that are too large', () => {
    const [first, ...others] = document.providers as [
      Genesis['providers'][number],
      ...Genesis['providers'][number][],
    ]
    const { params, balances } = document
    const without = warnings({
      balances: balances.slice(1),
      providers: [{ ...first, lots: [], bonds: [] }, ...others],
    })
    for (const text of [
      /no coins, so it cannot pay/,
      /no hardware, so it cannot mint/,
      /no bond, so it cannot mint/,
    ])
      assert.match(without, text)
    const lots = [{ ...first.lots[0]!, devices: 2_000 }]
    assert.match(
      warnings({ providers: [{ ...first, lots }, ...others] }),
      /group aurora has 72 % of all capacity/,
    )
    const joined = { ...others[0]!, profile: { ...others[0]!.profile, legalGroup: 'aurora' } }
    assert.match(
      warnings({ providers: [first, joined, ...others.slice(1)] }),
      /group aurora has 2 of 4 votes/,
    )
    assert.match(
      warnings({ providers: [first, ...others.slice(1)] }),
      /refused providers: 3, expected at least 4/,
    )
    const cover = { ...params, capacity: { ...params.capacity, coverN: 3 } }
    assert.match(warnings({ params: cover }), /4 legal groups, and coverN is 3/)
    assert.match(
      warnings({ params: { ...params, capacity: { ...params.capacity, coverN: 0 } } }),
      /coverN is 0/,
    )
    assert.match(warnings({ balances: [] }), /no coins: nobody can pay/)
  })

  it('is of the bytes that are hashed', () => {
    const again = genesisSchema.fromJson(genesisSchema.toJson(document))
    assert.deepEqual(genesisHash(again), genesisHash(document))
  })
})
