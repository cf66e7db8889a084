// A devnet of four providers whose windows, reports, grants and vouchers a test moves by hand, through JSON-RPC alone.
// Owns: keys, time, and the steps of a redemption. Not: what a story expects of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustExist } from '../../base/assert.ts'
import { parseHex, toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { voucherDigest } from '../../base/eip712.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { type OracleReport, reportCommitment } from '../../base/protocol/oracleReport.ts'
import { type LocalAccount, privateKeyAccount } from '../../client/accounts/account.ts'
import type { Call } from '../../client/calls.ts'
import { type ChainClient, createClient, type SentReceipt } from '../../client/chainClient.ts'
import { ClientError } from '../../client/clientError.ts'
import { eventsOf } from '../../client/logs.ts'
import { capacity, catalogue, governance, oracle, redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { type Genesis, genesisSchema } from '../../genesis/schema.ts'

/** Blocks within which what waits for one of another legal group is done. */
const BLOCKS_MAX = 20
/** Stands for the access that a grant carries. */
const ACCESS = utf8('access')

/** An account with its key: vouchers are signed, and not only transactions. */
export interface Person extends LocalAccount {
  readonly secretKey: Uint8Array
}

export type Service = 'train' | 'finetune' | 'infer'

interface Wanted {
  readonly amountBase: bigint
  readonly service: Service
  /** Default: any. */
  readonly provider?: number
}

interface Report {
  readonly rating: bigint
  readonly priceBase: bigint
}

/** What else is done in the two halves of a window. */
export interface Halves {
  readonly first?: () => Promise<unknown>
  readonly second?: () => Promise<unknown>
}

function personOf({ privateKey }: { readonly privateKey: string }): Person {
  const secretKey = parseHex(privateKey.slice(2))!
  return { ...privateKeyAccount(secretKey), secretKey }
}

export class StoryDevnet {
  readonly devnet: Devnet
  readonly client: ChainClient
  readonly operators: readonly Person[]
  readonly accounts: readonly Person[]
  readonly genesisHash: Hash32
  readonly #windowMs: number

  private constructor(devnet: Devnet, windowMs: number) {
    this.devnet = devnet
    this.client = createClient(httpTransport(devnet.rpcUrl))
    this.operators = devnet.validators.map(({ operator }) => personOf(operator))
    this.accounts = devnet.accounts.map(personOf)
    this.genesisHash = parseHex(devnet.genesisHash.slice(2)) as Hash32
    this.#windowMs = windowMs
  }

  static async start(genesis: Genesis): Promise<StoryDevnet> {
    const dir = mkdtempSync(join(tmpdir(), 'suanli-story-'))
    const genesisFile = join(dir, 'genesis.json')
    writeFileSync(genesisFile, JSON.stringify(genesisSchema.toJson(genesis)))
    try {
      const devnet = await createDevnet({ genesisFile, isInProcess: true, logLevel: 'warn' })
      return new StoryDevnet(devnet, genesis.params.capacity.windowMs)
    } finally {
      rmSync(dir, { recursive: true })
    }
  }

  /** Without a tip: all that is paid for a call is its base fee. */
  send(account: LocalAccount, call: Call): Promise<SentReceipt> {
    return this.client.send(account, call, { tipPerGas: 0n })
  }

  /** The rule that refuses a call now, as words; fails when nothing does. */
  async refusal(account: LocalAccount, call: Call): Promise<string> {
    try {
      await this.client.estimate(account.address, call)
    } catch (error) {
      if (error instanceof ClientError && error.code === 'failed') return error.message
      throw error
    }
    throw new Error('the rules accept it')
  }

  async windowIndex(): Promise<number> {
    return mustExist(await this.client.query(capacity, 'clock', {}), 'the clock runs').windowIndex
  }

  async balanceOf({ address }: LocalAccount): Promise<bigint> {
    return (await this.client.account(address)).balanceBase
  }

  async classIdOf(slug: string): Promise<number> {
    const classes = (await this.client.query(catalogue, 'classes', {})) ?? []
    return mustExist(
      classes.find((known) => known.slug === slug),
      'the class is in the catalogue',
    ).id
  }

  /** Ends the running window, after these accounts have committed to a report in its first half and revealed it in the second. */
  async endWindow(by: readonly LocalAccount[], said: Report, halves: Halves = {}): Promise<void> {
    const { rating, priceBase } = said
    const window = await this.windowIndex()
    const report: OracleReport = { rating, prices: [{ asset: DEVNET_ASSET_ID, priceBase }] }
    const genesisHash = this.genesisHash
    const saltOf = ({ address }: LocalAccount): Hash32 => sha256(utf8(`${toHex(address)} ${window}`))
    await Promise.all(
      by.map((account) => {
        const terms = { genesisHash, window, account: account.address, salt: saltOf(account), report }
        return this.send(account, oracle.commit({ window, commitment: reportCommitment(terms) }))
      }),
    )
    await halves.first?.()
    this.devnet.increaseTime(this.#windowMs / 2)
    await this.devnet.mine()
    await Promise.all(
      by.map((account) => this.send(account, oracle.reveal({ window, salt: saltOf(account), ...report }))),
    )
    await halves.second?.()
    await this.devnet.passWindows()
  }

  /** Opens a proposal with the first member's vote, and adds those of the others; it passes with the last of them. */
  async decide(members: readonly LocalAccount[], proposal: Call): Promise<void> {
    const [first, ...others] = members
    const { logs } = await this.send(first!, proposal)
    const opened = eventsOf(governance, logs).find(({ name }) => name === 'ProposalOpened')
    const { proposal: id } = mustExist(opened, 'a proposal was opened').args as { readonly proposal: number }
    await Promise.all(
      others.map((member) => this.send(member, governance.vote({ proposal: id, approve: true }))),
    )
  }

  async redemptionOf(id: number) {
    return mustExist(await this.client.query(redemption, 'redemption', { id }), `redemption ${id} exists`)
  }

  requestOf({ amountBase, service, provider = 0 }: Wanted): Call {
    return redemption.request({
      ...{ amountBase, service, provider, ratingMin: 0n, region: '', startBy: 0, finishBy: 0 },
      ...{ jobHash: ZERO_HASH, clientKey: new Uint8Array(), voucherKey: ZERO_ADDRESS },
    })
  }

  async isAssigned(id: number): Promise<boolean> {
    return (await this.redemptionOf(id)).assignedBase > 0n
  }

  /** Asks for service, and waits until it is assigned. */
  async request(owner: LocalAccount, wanted: Wanted): Promise<number> {
    const id = await this.ask(owner, wanted)
    await this.until(`redemption ${id} is assigned`, () => this.isAssigned(id))
    return id
  }

  /** Asks for service; the id, while its place is not drawn yet. */
  async ask(owner: LocalAccount, wanted: Wanted): Promise<number> {
    const { logs } = await this.send(owner, this.requestOf(wanted))
    const asked = eventsOf(redemption, logs).find(({ name }) => name === 'Requested')
    const { id } = mustExist(asked, 'a request was taken').args as { readonly id: number }
    return id
  }

  /** Makes blocks until something holds; a block of another legal group draws what waits, and the next one acts on it. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let block = 0; !(await holds()); block++) {
      if (block === BLOCKS_MAX) throw new Error(`not within ${BLOCKS_MAX} blocks: ${what}`)
      await this.devnet.mine()
    }
  }

  /** The providers grant what is assigned to them. */
  async grant(id: number): Promise<void> {
    const { assignments } = await this.redemptionOf(id)
    await Promise.all(
      assignments
        .filter(({ grantedAtMs }) => grantedAtMs === 0)
        .map(({ provider, assignment }) =>
          this.send(this.operatorOf(provider), redemption.grant({ id, assignment, ciphertext: ACCESS })),
        ),
    )
  }

  /** The owner signs for all that it was granted in the running window, and the providers hand it in. */
  async settle(id: number, owner: Person): Promise<void> {
    const { assignments } = await this.redemptionOf(id)
    const window = await this.windowIndex()
    await Promise.all(
      assignments
        .filter((open) => open.window === window && open.grantedAtMs > 0)
        .map(({ provider, assignment, amountBase }) => {
          const signature = this.#voucher(owner, { id, assignment, provider, amountBase })
          const voucher = redemption.settle({ id, assignment, deliveredBase: amountBase, signature })
          return this.send(this.operatorOf(provider), voucher)
        }),
    )
  }

  #voucher(
    owner: Person,
    of: {
      readonly id: number
      readonly assignment: number
      readonly provider: number
      readonly amountBase: bigint
    },
  ): Uint8Array {
    const digest = voucherDigest({
      chainId: this.devnet.chainId,
      verifyingContract: moduleAddress(redemption.definition),
      redemptionId: of.id,
      assignment: of.assignment,
      provider: this.operatorOf(of.provider).address,
      deliveredBase: of.amountBase,
      genesis: this.genesisHash,
    })
    return signHash(digest, owner.secretKey)
  }

  operatorOf(provider: number): Person {
    return mustExist(this.operators[provider - 1], `provider ${provider} is of genesis`)
  }
}
