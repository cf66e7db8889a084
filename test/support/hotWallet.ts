// A hot wallet: one account that sends many transfers as fast as it can over parallel HTTP connections, without any
// retry. Owns: signing and sending. Not: what becomes of them.
import { Agent, request } from 'node:http'
import { toHex } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import { signTransaction } from '../../state/transaction.ts'

export interface HotWallet {
  readonly secretKey: Uint8Array
  readonly chainId: number
  readonly to: Address
}

/** Signed transfers of 1 base unit with the nonces from `firstNonce` on, 0x hex. */
export function signTransfers(wallet: HotWallet, firstNonce: number, count: number): readonly string[] {
  const { secretKey, chainId, to } = wallet
  return Array.from({ length: count }, (_, i) =>
    toHex(
      signTransaction(
        {
          type: 2,
          chainId,
          nonce: firstNonce + i,
          maxPriorityFeePerGas: 10n ** 9n,
          maxFeePerGas: 10n ** 11n,
          gasLimit: 21_000,
          to,
          valueBase: 1n,
          data: new Uint8Array(0),
          accessList: [],
        },
        secretKey,
      ),
    ),
  )
}

export interface Answer {
  readonly result?: string
  readonly error?: { readonly message: string }
}

const bodyOf = (raws: readonly string[]): string =>
  JSON.stringify(
    raws.map((raw, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] })),
  )

function post(url: string, agent: Agent, raws: readonly string[]): Promise<readonly Answer[]> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as readonly Answer[])
        else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200)}`))
      })
    })
    sent.once('error', reject)
    sent.end(bodyOf(raws))
  })
}

/**
 * Sends every transfer once, `perRequest` in a request, over `connections` connections at a time. Returns the messages
 * of those that were refused.
 */
export async function sendAll(
  url: string,
  raws: readonly string[],
  options: { readonly perRequest: number; readonly connections: number },
): Promise<readonly string[]> {
  const { perRequest, connections } = options
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const batches: (readonly string[])[] = []
  for (let at = 0; at < raws.length; at += perRequest) batches.push(raws.slice(at, at + perRequest))
  try {
    const answers = await Promise.all(batches.map((batch) => post(url, agent, batch)))
    return answers.flat().flatMap(({ error }) => (error === undefined ? [] : [error.message]))
  } finally {
    agent.destroy()
  }
}
