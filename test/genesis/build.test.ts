import { strict as assert } from 'node:assert'
import { toHex } from '../../base/bytes.ts'
import { foldedName } from '../../base/names.ts'
import { COIN } from '../../base/units.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { checkDate } from '../../genesis/check.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { GenesisError } from '../../genesis/error.ts'
import { type Genesis, genesisHash, genesisSchema } from '../../genesis/schema.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { getCount } from '../../state/modules/capacity/sums.ts'
import { changedSums } from '../../state/modules/capacity/tables.ts'
import { issuanceModule } from '../../state/modules/issuance/module.ts'
import { genesisOf } from '../support/devnetFixture.ts'

const genesis = genesisOf()
/** Rounded to thousandths of a coin, as in the table. */
const thousandths = (amountBase: bigint): bigint => (amountBase + 5n * 10n ** 14n) / 10n ** 15n

describe('genesis.build', () => {
  it('funds the ten development accounts with 10,000 coins each and every operator with 250', () => {
    const { state } = buildGenesis(genesis)
    for (const account of developmentAccounts()) {
      assert.equal(getAccount(state, account.address).balanceBase, 10_000n * COIN)
    }
    for (let i = 0; i < 4; i++) {
      assert.equal(getAccount(state, developmentValidator(i).operator.address).balanceBase, 250n * COIN)
    }
  })

  it('funds the well-known Ethereum development accounts', () => {
    const [first] = developmentAccounts()
    assert.equal(toHex(first!.address), '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266')
  })

  it('writes the reserve into the header: 101,000 coins, all backed, no shortfall', () => {
    const { block } = buildGenesis(genesis)
    const { reserve } = block.header
    assert.equal(reserve.supplyBase, 101_000n * COIN)
    assert.equal(reserve.liabilitiesBase, 101_000n * COIN)
    assert.equal(reserve.shortfallBase, 0n)
    assert.equal(reserve.lockedInRedemptionBase, 0n)
    assert.equal(reserve.anchor, 1_000_000n)
    assert.equal(thousandths(reserve.capacityBase), 339_635_765n)
  })

  it('counts capacity once, however many lots and balances it has', () => {
    const { state } = buildGenesis(genesis)
    assert.equal(getCount(state).pass, 1)
    assert.equal(getCount(state).next, undefined)
    assert.equal(changedSums.list(state).length, 0)
  })

  it('assigns every coin to a backing provider: each owes 25,250', () => {
    const backed = [0n, 0n, 0n, 0n]
    for (const balance of genesis.balances) backed[balance.backedBy]! += balance.amountBase
    assert.deepEqual(
      backed.map((amount) => amount / COIN),
      [25_250n, 25_250n, 25_250n, 25_250n],
    )
  })

  it('is deterministic, from JSON and from bytes', () => {
    const json = JSON.parse(JSON.stringify(genesisSchema.toJson(genesis)))
    const again = genesisSchema.decode(genesisSchema.encode(genesisSchema.fromJson(json)))
    assert.deepEqual(genesisHash(again), genesisHash(genesis))
    assert.deepEqual(buildGenesis(again).block.hash, buildGenesis(genesis).block.hash)
  })

  it('backs a devnet of up to sixteen validators', () => {
    for (const count of [5, 16]) {
      const { block } = buildGenesis(genesisOf(count))
      assert.equal(block.header.reserve.shortfallBase, 0n)
      assert.equal(block.header.reserve.supplyBase, (100_000n + 250n * BigInt(count)) * COIN)
    }
  })

  it('matches the figures of ECONOMY §14', () => {
    const { state, chain } = buildGenesis(genesis)
    const block = {
      ...{ chainId: chain.chainId, genesisHash: chain.genesisHash, protocolVersion: 1, epoch: 0, view: 0 },
      ...{ height: 0, timestampMs: genesis.timestampMs, parentTimestampMs: genesis.timestampMs },
      ...{ proposer: new Uint8Array(20), mix: chain.genesisHash, baseFeePerGas: 1n },
    }
    const query = issuanceModule.rules.queries.quota as (
      ctx: object,
      args: object,
    ) => { quotaBase: bigint; ownBackingBase: bigint; frontLoadBase: bigint; bondBase: bigint }
    const rows = [1, 2, 3, 4].map((provider) => query({ state, block }, { provider }))
    // The query returns what may still be minted; the table gives the total, including 25,250 minted at genesis.
    const minted = 25_250n * COIN
    assert.deepEqual(
      rows.map((row) => thousandths(row.quotaBase + minted)),
      [41_994_849n, 42_126_083n, 42_414_797n, 42_414_797n],
    )
    assert.deepEqual(
      rows.map((row) => thousandths(row.ownBackingBase + minted)),
      [56_071_529n, 56_246_753n, 56_632_244n, 57_473_317n],
    )
    assert.deepEqual(
      rows.map((row) => (row.frontLoadBase + minted + COIN / 2n) / COIN),
      [129_432n, 129_837n, 130_726n, 132_668n],
    )
    assert.deepEqual(
      rows.map((row) => (row.bondBase + minted + COIN / 2n) / COIN),
      [49_534n, 49_534n, 49_534n, 49_534n],
    )
  })
})

describe('genesis.refuses', () => {
  const { block: genesisBlock } = buildGenesis(genesis)
  type Mutable<T> = T extends Uint8Array | bigint | number | string | boolean | undefined
    ? T
    : { -readonly [K in keyof T]: Mutable<T[K]> }
  const refusal = (edit: (copy: Mutable<Genesis>) => void): string => {
    const copy = genesisSchema.decode(genesisSchema.encode(genesis)) as Mutable<Genesis>
    edit(copy)
    try {
      buildGenesis(copy as Genesis)
    } catch (error) {
      assert.ok(error instanceof GenesisError, String(error))
      return error.message
    }
    return 'accepted'
  }

  it('a proof of possession of another key, unless already checked', () => {
    const copy = genesisSchema.decode(genesisSchema.encode(genesis)) as Mutable<Genesis>
    copy.providers[1]!.possessionProof = copy.providers[0]!.possessionProof
    const reason = /^genesis providers\[1\]\.possessionProof: does not prove possession/
    // Twice: a refused proof is not cached as valid.
    for (let i = 0; i < 2; i++) assert.throws(() => buildGenesis(copy as Genesis), { message: reason })
    const options = { areProofsChecked: true }
    assert.notDeepEqual(buildGenesis(copy as Genesis, options).block.hash, genesisBlock.hash)
    assert.deepEqual(buildGenesis(genesis, options).block.hash, genesisBlock.hash)
  })

  it('a coin without a backing provider, naming the balance', () => {
    const reason = refusal((copy) => {
      copy.balances[0]!.backedBy = 9
    })
    assert.equal(reason, 'genesis balances[0].backedBy: 9, expected the index of a provider, 0 to 3')
  })

  it("more coins than the provider's quota, naming the rule", () => {
    const reason = refusal((copy) => {
      copy.balances[0]!.amountBase = 40_000n * COIN
    })
    assert.match(reason, /^genesis balances\[\d+\]: \w*Quota\w*\(/)
  })

  it('a proof of possession of another key', () => {
    const reason = refusal((copy) => {
      copy.providers[1]!.possessionProof = copy.providers[0]!.possessionProof
    })
    assert.equal(reason, 'genesis providers[1].possessionProof: does not prove possession of consensusKey')
  })

  it('hardware that is not in the catalogue', () => {
    const reason = refusal((copy) => {
      copy.providers[2]!.lots[0]!.class = 'abacus'
    })
    assert.equal(reason, 'genesis providers[2].lots[0].class: abacus is not in the catalogue')
  })

  it('the same devices pledged twice', () => {
    const reason = refusal((copy) => {
      copy.providers[1]!.lots[0]!.deviceRoot = copy.providers[0]!.lots[0]!.deviceRoot
    })
    assert.match(reason, /^genesis providers\[1\]\.lots\[0\]: DevicesAlreadyPledged\(/)
  })

  it('too few providers, repeated operators, repeated slugs', () => {
    assert.match(
      refusal((copy) => {
        copy.providers.length = 3
        copy.balances.length = 0
      }),
      /^genesis providers: 3, expected at least 4 providers/,
    )
    assert.match(
      refusal((copy) => {
        copy.providers[3]!.operator = copy.providers[0]!.operator
      }),
      /^genesis providers\[3\]: the same operator as providers\[0\]/,
    )
    assert.match(
      refusal((copy) => {
        copy.classes[5]!.slug = copy.classes[4]!.slug
      }),
      /^genesis classes\[5\]: the same slug as classes\[4\]/,
    )
  })

  it('an invalid peer id, and an approval share that lets a minority decide', () => {
    assert.match(
      refusal((copy) => {
        copy.providers[1]!.peerId = new Uint8Array(38)
      }),
      /^genesis providers\[1\]\.peerId: expected an ed25519 peer id/,
    )
    assert.match(
      refusal((copy) => {
        copy.params.governance.approvalPpm = 500_000n
      }),
      /^genesis params\.governance\.approvalPpm: 500000, expected 666667 to 999999/,
    )
  })

  it('parameters that could leave a full chain without cover', () => {
    assert.match(
      refusal((copy) => {
        copy.params.issuance.marginPpm = 1_400_000n
      }),
      /^genesis params\.issuance\.marginPpm: 1400000, 1400000 is below/,
    )
    assert.match(
      refusal((copy) => {
        copy.consensus.heartbeatMs = 15_001
      }),
      /^genesis consensus\.heartbeatMs: 15001, expected at most a quarter/,
    )
    assert.match(
      refusal((copy) => {
        copy.params.redemption.assignAhead = 3
      }),
      /^genesis params\.redemption\.assignAhead/,
    )
    assert.match(
      refusal((copy) => {
        copy.params.redemption.stepsPerBlockMax = 15
      }),
      /^genesis params\.redemption\.stepsPerBlockMax: 15, expected at least 16 steps/,
    )
  })

  it('more open requests than the blocks of a window can serve', () => {
    assert.match(
      refusal((copy) => {
        copy.params.redemption.stepsPerBlockMax = 32
      }),
      /^genesis params\.redemption\.openRequestsMax: 20000, 32 steps per block, 300 blocks per window/,
    )
  })

  it('a bond in an asset that does not exist', () => {
    assert.match(
      refusal((copy) => {
        copy.providers[0]!.bonds[0]!.assetId = 77
      }),
      /^genesis providers\[0\]\.bonds\[0\]: broken rule/,
    )
  })

  it('a chain id that wallets cannot represent', () => {
    assert.match(
      refusal((copy) => {
        copy.chainId = 2 ** 53 - 1
      }),
      /^genesis chainId/,
    )
  })

  const refused: readonly (readonly [string, string, (copy: Mutable<Genesis>) => void])[] = [
    ['a public chain id', 'chainId: 1 is a public', (g) => void (g.chainId = 1)],
    ['a time in seconds', 'timestampMs: 1767225600, expected', (g) => void (g.timestampMs = 1_767_225_600)],
    ['a time after 2100', 'timestampMs: 9007199254740991', (g) => void (g.timestampMs = 2 ** 53 - 1)],
    ['a base fee of 0', 'baseFeePerGas: 0, expected 1 to', (g) => void (g.baseFeePerGas = 0n)],
    ['a base fee nobody can pay', 'baseFeePerGas: 10', (g) => void (g.baseFeePerGas = 10n ** 16n)],
    [
      'a base fee below its floor',
      'baseFeePerGas: 7, expected 9',
      (g) => {
        g.params.accounts.minBaseFeePerGas = 9n
        g.baseFeePerGas = 7n
      },
    ],
    [
      'an anchor near the bound of its field',
      'anchor: 18446744073709551615',
      (g) => void (g.anchor = 2n ** 64n - 1n),
    ],
    ['an anchor below a tenth of the reference', 'anchor: 99999, expected', (g) => void (g.anchor = 99_999n)],
    [
      'a rating near the bound',
      'classes[3].trainPpm: 18446744073709551615',
      (g) => void (g.classes[3]!.trainPpm = 2n ** 64n - 1n),
    ],
    [
      'a version of another program',
      'params.accounts.protocolVersion: 9, ',
      (g) => void (g.params.accounts.protocolVersion = 9),
    ],
    [
      'a block without gas',
      'params.accounts.blockGasLimit: 1, ',
      (g) => void (g.params.accounts.blockGasLimit = 1),
    ],
    [
      'a gas target of 0',
      'params.accounts.gasTargetPerSecond: 0, ',
      (g) => void (g.params.accounts.gasTargetPerSecond = 0),
    ],
    [
      'a minimum request beyond any balance',
      'params.redemption.minimumBase: 10000',
      (g) => void (g.params.redemption.minimumBase = 10n ** 30n),
    ],
    [
      'a table without a place',
      'params.redemption.openRequestsMax: 0, ',
      (g) => void (g.params.redemption.openRequestsMax = 0),
    ],
    [
      'an account with more requests than the table',
      'params.redemption.openRequestsPerAccountMax: 256, ',
      (g) => void (g.params.redemption.openRequestsMax = 100),
    ],
    [
      'a suspension of ages',
      'params.redemption.suspensionWindows: 4000000000, ',
      (g) => void (g.params.redemption.suspensionWindows = 4_000_000_000),
    ],
    [
      'a suspension beyond the horizon',
      'params.redemption.suspensionWindows: 21, ',
      (g) => void (g.params.redemption.suspensionWindows = 21),
    ],
    [
      'more steps than logs fit',
      'params.redemption.stepsPerBlockMax: 820, ',
      (g) => void (g.params.redemption.stepsPerBlockMax = 820),
    ],
    [
      'cover for more groups than the horizon bears',
      'params.capacity.coverN: 4, expected 2 + coverN',
      (g) => void (g.params.capacity.coverN = 4),
    ],
    [
      'no cover where a fault is borne',
      'params.capacity.coverN: 0, ',
      (g) => void (g.params.capacity.coverN = 0),
    ],
    [
      'cover for as many groups as there are',
      'params.capacity.coverN: 1, expected fewer',
      (g) => {
        for (const { profile } of g.providers) profile.legalGroup = 'one'
      },
    ],
    [
      'a cure longer than the horizon',
      'params.issuance.cureWindows: 21, ',
      (g) => void (g.params.issuance.cureWindows = 21),
    ],
    [
      'no capacity left by the haircut',
      'params.capacity.availabilityHaircutPpm: 1000000, ',
      (g) => void (g.params.capacity.availabilityHaircutPpm = 1_000_000n),
    ],
    [
      'windows shorter than four blocks',
      'params.capacity.windowMs: 60000, ',
      (g) => void (g.params.providers.minBlockIntervalMs = 15_001),
    ],
    [
      'blocks slower than heartbeats',
      'consensus.heartbeatMs: 99, expected at least',
      (g) => {
        g.consensus.heartbeatMs = 99
        g.params.providers.minBlockIntervalMs = 100
      },
    ],
    ['a budget of no time', 'consensus.verifyMs: 0, expected', (g) => void (g.consensus.verifyMs = 0)],
    [
      'a group in two spellings',
      'providers[2].profile.legalGroup: "ＡＵＲＯＲＡ-", expected the spelling of providers[0], "aurora"',
      (g) => void (g.providers[2]!.profile.legalGroup = 'ＡＵＲＯＲＡ-'),
    ],
    [
      'a name that hides something',
      'providers[1].profile.legalGroup: ',
      (g) => void (g.providers[1]!.profile.legalGroup = 'bore\u200balis'),
    ],
    [
      'a country that is none',
      'providers[0].profile.jurisdiction: zz, ',
      (g) => void (g.providers[0]!.profile.jurisdiction = 'zz'),
    ],
    [
      'an address that no browser may follow',
      'providers[0].profile.url: javascript:alert(1), expected an http or https address',
      (g) => void (g.providers[0]!.profile.url = 'javascript:alert(1)'),
    ],
    [
      'one legal name twice',
      'providers[3]: the same legal name as providers[0]',
      (g) => void (g.providers[3]!.profile.legalName = g.providers[0]!.profile.legalName.toUpperCase()),
    ],
    [
      'an asset that calls itself the coin',
      'assets[0].symbol: "AcPc"',
      (g) => void (g.assets[0]!.symbol = 'AcPc'),
    ],
    [
      'an asset without a price',
      'assets[0].coinPriceBase: 0, ',
      (g) => void (g.assets[0]!.coinPriceBase = 0n),
    ],
    [
      'coins for nobody',
      'balances[0].account: expected an account',
      (g) => void (g.balances[0]!.account = new Uint8Array(20)),
    ],
    ['a balance of nothing', 'balances[0].amountBase: 0, ', (g) => void (g.balances[0]!.amountBase = 0n)],
  ]
  for (const [what, path, edit] of refused) {
    it(`${what}`, () => {
      const reason = refusal(edit)
      assert.ok(reason.startsWith(`genesis ${path}`), reason)
    })
  }

  it('long windows with fewer than four validators; short ones may have one, without cover', () => {
    const single = (copy: Mutable<Genesis>): void => {
      copy.providers.length = 1
      copy.balances = copy.balances.filter(({ backedBy }) => backedBy === 0)
      copy.params.providers.validatorsMin = 1
      copy.params.capacity.coverN = 0
    }
    assert.equal(refusal(single), 'accepted')
    const long = refusal((copy) => {
      single(copy)
      copy.params.capacity.windowMs = 3_600_001
      copy.consensus.heartbeatMs = 15_000
    })
    assert.match(long, /^genesis params\.capacity\.windowMs: 3600001, expected at most 3600000 ms with fewer/)
  })

  it('a date more than a month ahead of the clock', () => {
    const dayMs = 86_400_000
    const { timestampMs } = genesis
    checkDate(genesis, timestampMs - 30 * dayMs)
    assert.throws(() => checkDate(genesis, timestampMs - 30 * dayMs - 1), /31 days ahead of the clock/)
  })
})

describe('genesis.names', () => {
  it('folds what a reader would take for one name, and nothing else', () => {
    for (const other of ['AURORA', 'Aurora ', 'aur-ora', 'ａｕｒｏｒａ', 'áurora']) {
      assert.equal(foldedName(other), foldedName('aurora'), other)
    }
    for (const other of ['aurora2', 'avrora', '極光'])
      assert.notEqual(foldedName(other), foldedName('aurora'))
    assert.notEqual(foldedName('極光'), foldedName('曙光'))
  })
})
