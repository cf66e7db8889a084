// The providers of a devnet grant by themselves: whatever is assigned gets its access grant, so that a request left alone is nobody's
// fault. Not: vouchers, which are the client's to sign, nor the service behind a grant (there is none).
import { toHex, utf8 } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { moduleAddress } from '../base/moduleDefinition.ts'
import { type LocalAccount, privateKeyAccount } from '../client/accounts/account.ts'
import { encodeCall } from '../client/calls.ts'
import { type ChainClient, createClient } from '../client/chainClient.ts'
import { ClientError } from '../client/clientError.ts'
import { eventsOf, type LogJson } from '../client/logs.ts'
import { httpTransport } from '../client/transports/http.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { redemptionSchema } from '../state/modules/redemption/schema.ts'
import type { ProviderPrograms } from './providerPrograms.ts'

/** In a real grant: access details, encrypted to the client's key. This text is shown to whoever opens it. */
const ACCESS = utf8('nobody serves here: devnet --gateway')
/** Somebody granted by hand, or the assignment has moved on. */
const MOVED_ON = /^(?:GrantPosted|UnknownAssignment|WindowBegun)\b/
/** How often the chain is looked at. */
const LOOK_MS = 200
/** Blocks of one question, and how far back a devnet that starts again looks. */
const BLOCKS_MAX = 500

export class Granter implements ProviderPrograms {
  readonly #client: ChainClient
  readonly #operators: readonly LocalAccount[]
  readonly #onFailure: (text: string) => void
  readonly #timer: NodeJS.Timeout
  /** The first block that was not looked at. */
  #next: number | undefined
  #looking: Promise<void> | undefined
  #isClosed = false
  #isHeld = false

  /** Looks at the chain of a node from now on, until closed. */
  constructor(options: {
    readonly rpcUrl: string
    readonly providers: number
    readonly onFailure: (text: string) => void
  }) {
    this.#client = createClient(httpTransport(options.rpcUrl))
    this.#operators = Array.from({ length: options.providers }, (_, i) =>
      privateKeyAccount(developmentValidator(i).operator.secretKey),
    )
    this.#onFailure = options.onFailure
    this.#timer = setInterval(() => void this.catchUp(), LOOK_MS)
    this.#timer.unref()
  }

  /** Resolves once everything assigned until now has its grant, or had none to get. */
  async catchUp(): Promise<void> {
    // A look that is under way may have begun before the newest block.
    await this.#looking
    if (this.#isClosed || this.#isHeld) return
    this.#looking ??= this.#look()
      .catch(() => {
        // The node is down, or starts: the next look asks again.
      })
      .finally(() => {
        this.#looking = undefined
      })
    await this.#looking
  }

  /** Runs a step that takes blocks back: nothing of the granter's is under way meanwhile, and then it looks at the chain anew. */
  async hold<T>(step: () => Promise<T>): Promise<T> {
    await this.catchUp()
    this.#isHeld = true
    await this.#looking
    try {
      return await step()
    } finally {
      this.#next = undefined
      this.#isHeld = false
    }
  }

  async #look(): Promise<void> {
    const head = Number(await this.#client.request('eth_blockNumber'))
    this.#next ??= Math.max(1, head - BLOCKS_MAX)
    while (!this.#isClosed && this.#next <= head) {
      const to = Math.min(head, this.#next + BLOCKS_MAX - 1)
      const logs = await this.#client.request('eth_getLogs', [
        {
          fromBlock: quantity(this.#next),
          toBlock: quantity(to),
          address: toHex(moduleAddress(redemptionSchema)),
        },
      ])
      for (const event of eventsOf({ definition: redemptionSchema }, logs as unknown as readonly LogJson[])) {
        if (event.name === 'Assigned') await this.#grant(event.args)
      }
      this.#next = to + 1
    }
  }

  async #grant(assigned: {
    readonly id: number
    readonly assignment: number
    readonly provider: number
  }): Promise<void> {
    const { id, assignment, provider } = assigned
    const operator = this.#operators[provider - 1]
    // A member admitted later has a key of its own.
    if (operator === undefined) return
    try {
      const call = encodeCall(redemptionSchema, 'grant', { id, assignment, ciphertext: ACCESS })
      await this.#client.send(operator, call)
    } catch (error) {
      if (!(error instanceof ClientError) || error.code === 'transport') throw error
      if (MOVED_ON.test(error.message)) return
      this.#onFailure(
        `provider ${provider} did not grant assignment ${assignment} of redemption ${id}: ${errorText(error)}`,
      )
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#looking
  }
}

const quantity = (height: number): Json => `0x${height.toString(16)}`
