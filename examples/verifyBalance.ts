// Proves a balance without trusting the node that answers: from a genesis hash or a checkpoint that you have from somebody you
// trust, over every change of the validator set, to a record under a certified header.
//   node verifyBalance.ts <genesis hash | checkpoint> <address> [<state file>]
// ETH_RPC_URL names one node or several, with commas between: the first is asked, the others must show the same chain.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import {
  formatCheckpoint,
  formatCoins,
  httpProvider,
  LightClient,
  type Origin,
  parseCheckpoint,
  parseChecksumAddress,
  parseClientState,
  parseHash32,
  trustGenesis,
} from 'suanli/client'

const [anchor = '', text = '', stateFile] = process.argv.slice(2)
const address = parseChecksumAddress(text)
if (address === undefined) throw new Error(`${text} is no address`)

// #region verify
const [first, ...others] = (process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545').split(',')
const primary = httpProvider(first!)

async function origin(): Promise<Origin> {
  if (stateFile !== undefined && existsSync(stateFile)) {
    return { kind: 'state', state: parseClientState(JSON.parse(readFileSync(stateFile, 'utf8'))) }
  }
  if (anchor.includes(':')) return { kind: 'checkpoint', checkpoint: parseCheckpoint(anchor) }
  const hash = parseHash32(anchor)
  if (hash === undefined) throw new Error(`${anchor} is neither a genesis hash nor a checkpoint`)
  // The document may come from anybody: only the one of that hash is taken.
  const genesis = trustGenesis(await primary.request('chain_genesis', {}), hash)
  if (!genesis.ok) throw new Error(genesis.failure.reason)
  return { kind: 'set', trusted: genesis.value }
}

const providers = [primary, ...others.map((url) => httpProvider(url))] as const
const client = new LightClient({ origin: await origin(), providers })
const { changes, witnesses } = await client.sync() // throws on conflicting certificates
const { balanceBase, nonce, block } = await client.balance(address)
// #endregion

console.log(`Balance    ${formatCoins(balanceBase)} ACPC, nonce ${nonce}`)
console.log(`Block      ${block.header.height}, ${block.hash}, ${block.ageMs} ms ago`)
console.log(`Signed by  validators ${block.signers.join(', ')} of ${block.validatorCount}`)
console.log(`Proven     over ${changes} changes of the validator set`)
for (const { provider, verdict } of witnesses) console.log(`Compared   ${provider}: ${verdict}`)
const checkpoint = client.checkpoint()
if (checkpoint !== undefined) console.log(`Checkpoint ${formatCheckpoint(checkpoint)}`)
// As good as a checkpoint: keep it where the wallet's keys are kept.
if (stateFile !== undefined) writeFileSync(stateFile, JSON.stringify(client.toJson()))
