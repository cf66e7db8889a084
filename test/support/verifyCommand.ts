// `suanli verify` against a running devnet, before and after a set change. Owns: the expected output.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { cast } from './castCommand.ts'
import { type Ended, type RunningDevnet, runSuanli } from './devnetHarness.ts'
import { call } from './jsonRpc.ts'

const [, , , , , , , , HOLDER, STRANGER] = developmentAccounts()
const REPLACED = 3

interface Proven {
  readonly balanceBase: string
  readonly block: { readonly height: number; readonly epoch: number; readonly signers: readonly number[] }
  readonly changes: number
  readonly witnesses: readonly { readonly verdict: string; readonly height: number }[]
  readonly checkpoint: string | null
}

/** The value of a line in the report. */
function lineOf({ stdout }: Ended, name: string): string {
  const line = stdout.split('\n').find((text) => text.startsWith(`${name} `))
  return line?.slice(11) ?? assert.fail(`no line ${name} in\n${stdout}`)
}

async function proven(args: readonly string[]): Promise<Proven> {
  const { code, stdout, stderr } = await runSuanli(['verify', ...args, '--json'])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout) as Proven
}

/** Exit code 1: something is not proven; 4: no node answers. */
async function refused(args: readonly string[], what: RegExp, exitCode = 1): Promise<void> {
  const { code, stdout, stderr } = await runSuanli(['verify', ...args])
  assert.deepEqual([code, stdout], [exitCode, ''], stderr)
  assert.match(stderr, what)
}

/** Rotates a member to a key that no running validator has: the others continue, and the next block changes the set. */
async function replaceKey(url: string): Promise<{ readonly hash: string; readonly height: number }> {
  const secret = bls.keygen(sha256(new TextEncoder().encode('a key for later')))
  const output = await cast(
    ...['send', '--rpc-url', url, '--json'],
    ...['--private-key', toHex(developmentValidator(REPLACED).operator.secretKey)],
    toHex(moduleAddress(providersSchema)),
    'rotateConsensusKey(bytes,bytes)',
    ...[toHex(bls.publicKey(secret)), toHex(bls.prove(secret))],
  )
  const receipt = JSON.parse(output) as { status: string; transactionHash: string; blockNumber: string }
  assert.equal(receipt.status, '0x1')
  return { hash: receipt.transactionHash, height: Number(receipt.blockNumber) }
}

/** Proves balances, a receipt and the supply from genesis, a checkpoint and a stored state, across a set change. */
export async function verifiesAcrossASetChange(devnet: RunningDevnet): Promise<void> {
  const [url, second] = devnet.rpcUrls as [string, string]
  const genesis = ['--genesis', join(devnet.dataDir, 'validator-0', 'genesis.json'), '--rpc', url]
  const state = join(devnet.dataDir, 'light.json')
  const holder = toHex(HOLDER!.address)
  const before = await proven(['balance', holder, ...genesis, '--state', state, '--rpc', second])
  assert.equal(before.balanceBase, (10_000n * 10n ** 18n).toString())
  assert.deepEqual([before.changes, before.block.epoch, before.checkpoint], [0, 0, null])
  assert.equal(before.witnesses[0]?.verdict, 'agrees')
  const kept = readFileSync(state, 'utf8')

  const replaced = await replaceKey(url)
  const paid = ['--private-key', toHex(STRANGER!.secretKey), holder, '--value', '1ether']
  // The boundary, then a block signed by the new set.
  await cast('send', '--rpc-url', url, ...paid)
  const { genesisHash } = await call<{ genesisHash: string }>(url, 'chain_info')

  const after = await runSuanli(['verify', 'balance', holder, '--genesis-hash', genesisHash, '--rpc', url])
  assert.deepEqual([after.code, after.stderr], [0, ''])
  assert.match(lineOf(after, 'Balance'), /^10001 ACPC \(10001000000000000000000 base units\)$/)
  assert.match(lineOf(after, 'Block'), /^\d+, epoch 1, 0x[0-9a-f]{64}$/)
  assert.equal(lineOf(after, 'Signed by'), 'validators 1, 2, 3 (3 of 4)')
  assert.equal(lineOf(after, 'Proven'), `from genesis ${genesisHash}, over 1 change of the validator set`)
  const checkpoint = lineOf(after, 'Checkpoint')

  const resumed = await proven(['balance', holder, '--state', state, '--rpc', url])
  assert.deepEqual([resumed.changes, resumed.checkpoint], [1, checkpoint])
  assert.notEqual(readFileSync(state, 'utf8'), kept)
  const started = await proven(['supply', '--checkpoint', checkpoint, '--rpc', url])
  assert.deepEqual([started.changes, started.block.epoch], [0, 1])
  const receipt = await runSuanli(['verify', 'receipt', replaced.hash, ...genesis])
  assert.equal(lineOf(receipt, 'Receipt'), 'the transaction succeeded')
  assert.match(lineOf(receipt, 'Block'), new RegExp(`^${replaced.height}, epoch 0, `))

  await Promise.all([
    refused(['receipt', replaced.hash, '--checkpoint', checkpoint, '--rpc', url], /check epoch failed/),
    refused(
      ['balance', holder, '--genesis-hash', `0x${'11'.repeat(32)}`, '--rpc', url],
      /check genesis failed: the genesis document has the hash 0x[0-9a-f]{64}, not 0x1111/,
    ),
    refused(['supply', '--state', state, '--rpc', 'http://127.0.0.1:1'], /127\.0\.0\.1:1: fetch failed/, 4),
  ])
}
