// Follows deposits as an exchange does: block by block, each bound to the one before by its hash, and after a restart from
// where it stopped, so that no deposit is missed or counted twice.
//   node followDeposits.ts <ledger file> <address> [<address> …]
// ETH_RPC_URL is the node; by default a devnet on this machine. Without a ledger file it starts at the newest block.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPublicClient, formatEther, type Hex, http, isAddress, parseAbiItem } from 'viem'

const RPC_URL = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const POLL_MS = 250
const [file = 'deposits.json', ...texts] = process.argv.slice(2)
const addresses = texts.filter((text) => isAddress(text))
if (addresses.length === 0 || addresses.length < texts.length) throw new Error('name the addresses to follow')

const client = createPublicClient({ transport: http(RPC_URL) })
/** Whatever moves coins, a transfer, a module or a batch, leaves this log at this address (EIP-7708). */
const COIN = '0xfffffffffffffffffffffffffffffffffffffffe'
const transfer = parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)')

/** What is done: the last block that was read, and what it and those before it brought. */
interface Ledger {
  height: number
  hash: Hex
  deposits: readonly { readonly id: string; readonly to: Hex; readonly amountBase: string }[]
}

async function openLedger(): Promise<Ledger> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Ledger
  const { number, hash } = await client.getBlock()
  const ledger = { height: Number(number), hash, deposits: [] }
  saveLedger(ledger)
  return ledger
}

/** The place in the chain and the deposits change together or not at all; an exchange does it in one transaction of its database. */
function saveLedger(ledger: Ledger): void {
  writeFileSync(`${file}.new`, JSON.stringify(ledger, undefined, 2))
  renameSync(`${file}.new`, file)
}

// #region follow
async function readBlock(ledger: Ledger, height: number): Promise<void> {
  const block = await client.getBlock({ blockNumber: BigInt(height) })
  if (block.parentHash !== ledger.hash) {
    throw new Error(`block ${height} does not follow ${ledger.hash}: this is another chain than before`)
  }
  // A block that is shown is final. By hash, the logs are those of this very block, whichever node answers.
  const logs = await client.getLogs({
    blockHash: block.hash,
    address: COIN,
    event: transfer,
    args: { to: addresses },
    strict: true,
  })
  const deposits = logs.map(({ args, logIndex }) => ({
    id: `${block.hash}:${logIndex}`,
    to: args.to,
    amountBase: String(args.value),
  }))
  Object.assign(ledger, { height, hash: block.hash, deposits: [...ledger.deposits, ...deposits] })
  saveLedger(ledger)
  for (const { to, amountBase } of deposits) {
    console.log(`Block ${height}: ${formatEther(BigInt(amountBase))} ACPC to ${to}`)
  }
}
// #endregion

const ledger = await openLedger()
console.log(`Following from block ${ledger.height}`)
for (;;) {
  const newest = Number(await client.getBlockNumber({ cacheTime: 0 }))
  while (ledger.height < newest) await readBlock(ledger, ledger.height + 1)
  await sleep(POLL_MS)
}
