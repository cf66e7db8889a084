import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Hex, parseEther } from 'viem'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import {
  type Action,
  type Actor,
  castActor,
  eventsOf,
  failureOf,
  type Receipt,
  selectorOf,
  viemActor,
} from '../support/actors.ts'
import { type ChainFollower, followChain } from '../support/chainFollower.ts'
import { type CommandDevnet, startDevnet } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'
import { type ProvenBalance, type TrustedGenesis, verifyBalance } from '../support/lightVerifier.ts'

/** Long enough to act within one window on a busy machine. */
const WINDOW_MS = 12_000
const INFER = 2
const GENESIS_SUPPLY = parseEther('101000')
const PAID = parseEther('100')
const SPENT = parseEther('40')
const REDEEMED = parseEther('25')
const DELIVERED_FIRST = parseEther('10')
const ZERO_ADDRESS = `0x${'00'.repeat(20)}` as Hex
const RUNTIME_HASH = `0x${'aa'.repeat(32)}` as Hex
/** No gateway serves this offer. */
const TARIFF_HASH = `0x${'00'.repeat(32)}` as const
const JOB_HASH = `0x${'bb'.repeat(32)}` as Hex
const CLIENT_KEY = `0x04${'cc'.repeat(64)}` as Hex
const GRANT = `0x${'dd'.repeat(200)}` as Hex

/** One run of the story: the tool and the accounts. */
interface Cast {
  readonly tool: 'viem' | 'cast'
  readonly provider: number
  readonly classSlug: string
  readonly operator: Person
  readonly holder: Person
  readonly redeemer: Person
  /** Quota of ECONOMY §14 in thousandths of a coin, before the 25,250 of genesis. */
  readonly quotaMilli: bigint
}
interface Person {
  readonly address: Hex
  readonly key: Hex
}
const person = ({ address, secretKey }: DevelopmentAccount): Person => ({
  address: checksumAddress(address) as Hex,
  key: toHex(secretKey),
})
const accounts = developmentAccounts().map(person)
const operators = [0, 1].map((i) => person(developmentValidator(i).operator))
const CASTS: readonly Cast[] = [
  {
    tool: 'viem',
    provider: 1,
    classSlug: 'h100-sxm',
    operator: operators[0]!,
    holder: accounts[2]!,
    redeemer: accounts[3]!,
    quotaMilli: 41_994_849n,
  },
  {
    tool: 'cast',
    provider: 2,
    classSlug: 'h200-sxm',
    operator: operators[1]!,
    holder: accounts[4]!,
    redeemer: accounts[5]!,
    quotaMilli: 42_126_083n,
  },
]

interface Reserve {
  readonly supply: bigint
  readonly liabilities: bigint
  readonly locked: bigint
  readonly shortfall: bigint
}
interface Assignment {
  readonly assignment: number
  readonly provider: number
  readonly window: number
  readonly amountBase: string
}
interface RedemptionAnswer {
  readonly id: number
  readonly state: string
  readonly owner: string
  readonly burnedBase: string
  readonly endReason: string
  readonly assignments: readonly Assignment[]
}

describe("the currency's first story", function () {
  this.timeout(90_000)
  let devnet: CommandDevnet
  let url: string
  let chain: ChainFollower
  let genesis: TrustedGenesis
  let actors: Readonly<Record<Cast['tool'], Actor>>

  before(async () => {
    devnet = await startDevnet({ windowMs: WINDOW_MS, args: ['--in-process'] })
    url = devnet.rpcUrls[0]!
    chain = await followChain(devnet.wsUrl)
    actors = { viem: viemActor(url), cast: castActor(url) }
    const line = devnet.lines.find((text) => text.startsWith('Genesis:'))
    const document = JSON.parse(readFileSync(join(devnet.dataDir, 'validator-0', 'genesis.json'), 'utf8'))
    genesis = {
      hash: line!.split(/\s+/)[1] as Hex,
      consensusKeys: document.providers.map((provider: { consensusKey: Hex }) => provider.consensusKey),
    }
  })
  after(async () => {
    await chain.close()
    await devnet.stop()
  })

  const reserveAt = async (height: number | 'latest'): Promise<Reserve & { readonly height: number }> => {
    const at = height === 'latest' ? height : `0x${height.toString(16)}`
    const { reserve, height: found } = await call<{ reserve: Record<string, string>; height: number }>(
      url,
      'chain_reserve',
      [at],
    )
    return {
      height: found,
      supply: BigInt(reserve.supplyBase!),
      liabilities: BigInt(reserve.liabilitiesBase!),
      locked: BigInt(reserve.lockedInRedemptionBase!),
      shortfall: BigInt(reserve.shortfallBase!),
    }
  }

  /** Change of the header's reserve by one block. */
  const changeAt = async (height: number): Promise<Omit<Reserve, 'shortfall'>> => {
    const [before, after] = [await reserveAt(height - 1), await reserveAt(height)]
    assert.equal(after.shortfall, 0n)
    assert.equal(after.supply, after.liabilities)
    return {
      supply: after.supply - before.supply,
      liabilities: after.liabilities - before.liabilities,
      locked: after.locked - before.locked,
    }
  }
  const balanceOf = async (address: Hex): Promise<bigint> =>
    BigInt(await call<Hex>(url, 'eth_getBalance', [address, 'latest']))
  /** The part of a fee returned to its sender because its own node proposed the block. */
  const tipOf = async (address: Hex, { height, gasUsed, feeBase }: Receipt): Promise<bigint> => {
    const block = await call<{ miner: Hex; baseFeePerGas: Hex }>(url, 'eth_getBlockByNumber', [
      `0x${height.toString(16)}`,
      false,
    ])
    if (block.miner.toLowerCase() !== address.toLowerCase()) return 0n
    return feeBase - gasUsed * BigInt(block.baseFeePerGas)
  }
  const mintableOf = async (provider: number): Promise<bigint> => {
    const { mintableBase } = await call<{ mintableBase: string }>(url, 'issuance_quota', [provider])
    return BigInt(mintableBase)
  }
  const liabilityOf = async (provider: number): Promise<bigint> => {
    const { liabilityBase } = await call<{ liabilityBase: string }>(url, 'issuance_liability', [provider])
    return BigInt(liabilityBase)
  }
  const lockedOf = async (provider: number): Promise<bigint> => {
    const { lockedBase } = await call<{ lockedBase: string }>(url, 'issuance_liability', [provider])
    return BigInt(lockedBase)
  }
  const clock = () => call<{ windowIndex: number }>(url, 'capacity_clock')
  const redemptionOf = (id: number) => call<RedemptionAnswer>(url, 'redemption_redemption', [id])

  function names(receipt: Receipt): readonly string[] {
    return eventsOf('redemption', receipt).map((event) => event.name)
  }

  it('starts with the genesis supply, fully backed', async () => {
    const { shortfall, supply, liabilities, locked } = await reserveAt('latest')
    assert.deepEqual({ supply, liabilities }, { supply: GENESIS_SUPPLY, liabilities: GENESIS_SUPPLY })
    assert.deepEqual({ locked, shortfall }, { locked: 0n, shortfall: 0n })
  })

  for (const people of CASTS) {
    describe(`told by ${people.tool}`, () => {
      const { operator, holder, redeemer, provider, tool } = people
      const mint = (amountBase: bigint): Action => ({
        module: 'issuance',
        name: 'mint',
        args: [operator.address, amountBase],
      })
      let actor: Actor
      let id = 0
      let assignment: Assignment
      before(() => {
        actor = actors[tool]
      })

      it('mints exactly the quota; one more coin fails with the name of the rule', async () => {
        const mintableBase = await mintableOf(provider)
        const mintedAtGenesis = parseEther('25250')
        // The table of ECONOMY §14 rounds to thousandths.
        assert.equal((mintableBase + mintedAtGenesis + 5n * 10n ** 14n) / 10n ** 15n, people.quotaMilli)
        const tooMuch = mint(mintableBase + parseEther('1'))
        assert.deepEqual(await actor.refusals(operator.address, tooMuch), ['QuotaExceeded', 'QuotaExceeded'])
        const before = await reserveAt('latest')
        const forced = await actor.act(operator.key, mint(mintableBase + 1n), 400_000n)
        assert.equal(forced.status, 0)
        const { selector, rule, args } = failureOf('issuance', forced)
        assert.deepEqual(
          { selector, rule, args },
          {
            selector: selectorOf(tooMuch),
            rule: 'QuotaExceeded',
            args: [BigInt(provider), mintableBase + 1n, mintableBase],
          },
        )
        const after = await reserveAt(forced.height)
        assert.deepEqual([after.supply, after.liabilities], [before.supply, before.liabilities])

        const balance = await balanceOf(operator.address)
        const minted = await actor.act(operator.key, mint(mintableBase))
        assert.equal(minted.status, 1)
        assert.deepEqual(await changeAt(minted.height), {
          supply: mintableBase,
          liabilities: mintableBase,
          locked: 0n,
        })
        const paidBase = minted.feeBase - (await tipOf(operator.address, minted))
        // Half of what is minted stays locked (`retainPpm` of the development rules), rounded up.
        const [event] = eventsOf('issuance', minted)
        const { lockedBase: kept } = event!.args as Record<string, unknown>
        assert.deepEqual([event!.name, kept], ['Minted', (mintableBase + 1n) / 2n])
        // A window that ends meanwhile frees a part: read both at one lock.
        const held = await chain.until(async () => {
          const lockedBase = await lockedOf(provider)
          const heldBase = lockedBase + (await balanceOf(operator.address))
          return lockedBase === (await lockedOf(provider)) ? heldBase : undefined
        })
        assert.equal(held, balance + mintableBase - paidBase)
        assert.equal(await mintableOf(provider), 0n)
        assert.deepEqual(await actor.refusals(operator.address, mint(1n)), ['QuotaExceeded', 'QuotaExceeded'])
      })

      it('pays a wallet, which pays another; the reserve is unchanged', async () => {
        const before = await Promise.all([balanceOf(holder.address), balanceOf(redeemer.address)])
        const first = await actor.pay(operator.key, holder.address, PAID)
        const second = await actor.pay(holder.key, redeemer.address, SPENT)
        for (const { status, height } of [first, second]) {
          assert.equal(status, 1)
          assert.deepEqual(await changeAt(height), { supply: 0n, liabilities: 0n, locked: 0n })
        }
        assert.equal(await balanceOf(holder.address), before[0]! + PAID - SPENT - second.feeBase)
        assert.equal(await balanceOf(redeemer.address), before[1]! + SPENT)
      })

      it('lists an offer, takes a request and assigns it to a future window', async () => {
        const classes = await call<{ id: number; slug: string }[]>(url, 'catalogue_classes')
        const classId = classes.find(({ slug }) => slug === people.classSlug)!.id
        const offer = [INFER, classId, 'local', `https://${tool}.example/v1`, 0n, RUNTIME_HASH, TARIFF_HASH]
        const listed = await actor.act(operator.key, { module: 'redemption', name: 'list', args: offer })
        assert.deepEqual([listed.status, names(listed)], [1, ['Listed']])

        // Start of a window: leaves the whole window for the grant.
        const { windowIndex } = await clock()
        await chain.until(async () => ((await clock()).windowIndex > windowIndex ? true : undefined))
        const constraints = [BigInt(provider), 0n, '', 0n, 0n]
        const args = [REDEEMED, INFER, ...constraints, JOB_HASH, CLIENT_KEY, ZERO_ADDRESS]
        const requested = await actor.act(redeemer.key, { module: 'redemption', name: 'request', args })
        assert.equal(requested.status, 1)
        const [event] = eventsOf('redemption', requested)
        assert.equal(event!.name, 'Requested')
        const { owner, amountBase, id: requestId } = event!.args as Record<string, unknown>
        assert.deepEqual([owner, amountBase], [redeemer.address, REDEEMED])
        id = Number(requestId)
        assert.deepEqual(await changeAt(requested.height), { supply: 0n, liabilities: 0n, locked: REDEEMED })

        const assigned = await chain.until(async () => {
          const found = await redemptionOf(id)
          return found.state === 'assigned' ? found : undefined
        })
        assert.equal(assigned.owner.toLowerCase(), redeemer.address.toLowerCase())
        assert.equal(assigned.assignments.length, 1)
        assignment = assigned.assignments[0]!
        assert.deepEqual([assignment.provider, BigInt(assignment.amountBase)], [provider, REDEEMED])
        assert.ok(assignment.window > windowIndex + 1)
      })

      it('grants access before the window and rejects vouchers until it begins', async () => {
        const at = [BigInt(id), assignment.assignment]
        const grant: Action = { module: 'redemption', name: 'grant', args: [...at, GRANT] }
        const granted = await actor.act(operator.key, grant)
        assert.deepEqual([granted.status, names(granted)], [1, ['Granted']])
        const early = await settle(DELIVERED_FIRST, redeemer.key)
        assert.deepEqual(await actor.refusals(operator.address, early), ['WindowNotBegun', 'WindowNotBegun'])
        assert.deepEqual(await actor.refusals(holder.address, grant), ['NotAssignee', 'NotAssignee'])
      })

      it('settles signed vouchers; supply and liability fall by the same amount', async () => {
        // Signed in advance: the window does not wait.
        const liability = await liabilityOf(provider)
        const [forged, part, less, whole] = await Promise.all([
          settle(DELIVERED_FIRST, holder.key),
          settle(DELIVERED_FIRST, redeemer.key),
          settle(DELIVERED_FIRST - 1n, redeemer.key),
          settle(REDEEMED, redeemer.key),
        ])
        await chain.until(async () => ((await clock()).windowIndex === assignment.window ? true : undefined))

        const first = await actor.act(operator.key, part)
        const refused = await Promise.all([forged, less].map((a) => actor.refusals(operator.address, a)))
        const owed = await liabilityOf(provider)
        const last = await actor.act(operator.key, whole)

        assert.deepEqual([first.status, last.status], [1, 1])
        assert.deepEqual(refused, [
          ['WrongSigner', 'WrongSigner'],
          ['VoucherDecreases', 'VoucherDecreases'],
        ])
        const begun = -DELIVERED_FIRST
        assert.deepEqual(await changeAt(first.height), { supply: begun, liabilities: begun, locked: begun })
        assert.equal(owed, liability + begun)
        const rest = DELIVERED_FIRST - REDEEMED
        assert.deepEqual(await changeAt(last.height), { supply: rest, liabilities: rest, locked: rest })
        assert.equal(await liabilityOf(provider), liability - REDEEMED)
        const { state, burnedBase, endReason } = await redemptionOf(id)
        assert.deepEqual(
          { state, endReason, burned: BigInt(burnedBase) },
          { state: 'settled', endReason: 'delivered', burned: REDEEMED },
        )
      })

      it('proves balances against a certified header, checked with public libraries from genesis keys alone', async () => {
        const answer = await call<ProvenBalance>(url, 'account_balance', [redeemer.address, true])
        const { height, reserve } = verifyBalance(answer, redeemer.address, genesis)
        assert.equal(BigInt(answer.value.balanceBase), await balanceOf(redeemer.address))
        const { supply, liabilities } = await reserveAt(height)
        assert.equal(BigInt(toHex(reserve.get(1) as Uint8Array)), supply)
        assert.equal(BigInt(toHex(reserve.get(2) as Uint8Array)), liabilities)
        const nobody = `0x${'0b'.repeat(20)}` as Hex
        verifyBalance(await call<ProvenBalance>(url, 'account_balance', [nobody, true]), nobody, genesis)
        const [firstKey] = genesis.consensusKeys
        const foreign = { ...genesis, consensusKeys: genesis.consensusKeys.map(() => firstKey!) }
        assert.throws(() => verifyBalance(answer, redeemer.address, foreign), /aggregate signature/)
      })

      /** The provider submits the client's signed voucher for the amount delivered so far. */
      async function settle(deliveredBase: bigint, key: Hex): Promise<Action> {
        const { assignment: number } = assignment
        const signature = await actor.sign(key, {
          redemptionId: BigInt(id),
          assignment: number,
          provider: operator.address,
          deliveredBase,
          genesis: genesis.hash,
        })
        const args = [BigInt(id), number, deliveredBase, signature]
        return { module: 'redemption', name: 'settle', args }
      }
    })
  }
})
