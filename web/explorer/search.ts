// From what somebody typed to the address of a page. Owns: how each kind is recognized.
import type { ChainClient } from '../../client/chainClient.ts'
import { catalogue, providers } from '../../client/modules.ts'
import { addressOf } from '../routes.ts'
import { membersOf } from './subview.ts'

/** Undefined when nothing matches. */
export async function find(client: ChainClient, typed: string): Promise<string | undefined> {
  const text = typed.trim()
  const digits = text.replace(/^#/, '').replaceAll(/[,\s]/g, '')
  if (/^\d{1,15}$/.test(digits)) return addressOf('explorer', ['block', digits])
  if (/^0x[0-9a-f]{40}$/i.test(text)) return addressOf('explorer', ['account', text])
  if (/^0x[0-9a-f]{64}$/i.test(text)) {
    const status = membersOf(await client.request('tx_status', [text]))
    if (status.status !== 'unknown') return addressOf('explorer', ['tx', text])
    const block = await client.request('eth_getBlockByHash', [text, false])
    return block === null ? undefined : addressOf('explorer', ['block', text])
  }
  if (text === '') return undefined
  const name = text.toLowerCase()
  const [members, classes] = await Promise.all([
    client.query(providers, 'providers', {}),
    client.query(catalogue, 'classes', {}),
  ])
  const member = members?.find(({ profile }) => profile.legalName.toLowerCase().includes(name))
  if (member !== undefined) return addressOf('explorer', ['provider', member.id])
  const found = classes?.find(({ slug, model }) => slug.includes(name) || model.toLowerCase().includes(name))
  return found === undefined ? undefined : addressOf('explorer', ['class', found.id])
}
