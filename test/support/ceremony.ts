// Members of a genesis ceremony with development keys, so that nothing waits for the making of keys: as values, and as files.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex, utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import type { Address } from '../../base/ids.ts'
import { personalMessageHash } from '../../base/protocol/recovery.ts'
import { COIN } from '../../base/units.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import type { NamedPart } from '../../genesis/collect.ts'
import { type DevelopmentValidator, developmentValidator } from '../../genesis/devKeys.ts'
import { newDraft } from '../../genesis/draft.ts'
import { partText, type UnsignedPart } from '../../genesis/parts.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { loadConfig, saveConfig } from '../../node/config.ts'
import { parseGenesis } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { storeOperatorKey } from '../../signer/operatorKey.ts'
import { runSuanli } from './devnetHarness.ts'

export const CEREMONY_NAMES = ['aurora', 'borealis', 'cumulus', 'dunes'] as const
export const NOW_MS = Date.UTC(2027, 0, 1)

export function draftOf(over: Partial<Parameters<typeof newDraft>[0]> = {}): Genesis {
  return newDraft({
    preset: 'dev',
    name: 'Ceremony',
    chainId: 271_828,
    timestampMs: NOW_MS,
    asset: {
      name: 'US dollar',
      symbol: 'USDX',
      decimals: 6,
      issuer: new Uint8Array(20).fill(0xa1),
      coinPriceBase: 3_028_200n,
    },
    ...over,
  })
}

/** The part of the i-th member, before it is signed: 256 H100s, a bond and coins for its operator. */
export function unsignedPart(
  draft: Genesis,
  i: number,
  member: Partial<UnsignedPart['member']> = {},
): UnsignedPart {
  const name = CEREMONY_NAMES[i] ?? `member ${i}`
  const { operator, consensusSecret, peerSeed, possessionProof } = validator(i)
  return {
    draft: genesisHash(draft),
    member: {
      operator: operator.address,
      consensusKey: bls.publicKey(consensusSecret),
      possessionProof: possessionProof(),
      peerId: peerIdBytesFromSeed(peerSeed),
      profile: {
        legalName: `${name} Ltd`,
        legalGroup: name,
        jurisdiction: 'TW',
        url: `https://${name}.example`,
        termsHash: sha256(utf8(name)),
      },
      bonds: [{ assetId: 1, amountBase: 50_000_000_000n }],
      lots: [
        {
          class: 'h100-sxm',
          devices: 256,
          deviceRoot: sha256(utf8(`devices of ${name}`)),
          region: 'tw-north',
        },
      ],
      ...member,
    },
    coins: [{ account: operator.address, amountBase: 1_000n * COIN }],
    addresses: [`/dns4/${name.replace(' ', '-')}.example/tcp/26600`],
  }
}

const validator = (i: number): DevelopmentValidator => developmentValidator(i)

/** Signs a part with the operator key of the i-th member. */
export function signed(draft: Genesis, i: number, part: UnsignedPart): NamedPart {
  const { secretKey } = validator(i).operator
  const signature = signHash(personalMessageHash(partText(draft, part)), secretKey)
  return { name: `${CEREMONY_NAMES[i] ?? i}.json`, part: { ...part, signature } }
}

export function partsOf(draft: Genesis, count = 4): readonly NamedPart[] {
  return Array.from({ length: count }, (_, i) => signed(draft, i, unsignedPart(draft, i)))
}

export const operatorAddress = (i: number): Address => validator(i).operator.address

/** The commands of the ceremony as docs/genesis.md shows them, in words. */
function pageCommands(): readonly (readonly string[])[] {
  const page = readFileSync(new URL('../../../docs/genesis.md', import.meta.url), 'utf8')
  const [, rest = ''] = page.split('## The ceremony')
  const [ceremony = ''] = rest.split('\n## ')
  const blocks = [...ceremony.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!)
  const lines = blocks.join('').replaceAll('\\\n', ' ').split('\n')
  return lines
    .filter((line) => line.startsWith('suanli '))
    .map((line) =>
      [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!).slice(1),
    )
}

async function mustRun(args: readonly string[]): Promise<void> {
  const environment = { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD }
  const { code, stderr } = await runSuanli(args, { environment })
  assert.equal(code, 0, `suanli ${args.join(' ')}: ${stderr}`)
}

/**
 * Founds a network of four organisations with the commands of docs/genesis.md, each as the page has it but for names, hashes,
 * folders and ports. Development keys lie in the folders, and the draft is given short windows.
 */
export async function foundNetwork(
  members: readonly DevnetMember[],
  options: {
    readonly dataDir: string
    readonly windowMs: number
    readonly blockTimeMs: number
    /** Further coins against the first member's hardware, as `--coins` takes them. */
    readonly coins: readonly string[]
    readonly assetIssuer: string
    /** Called for each command that does something, and not for those that look. */
    readonly onCommand?: () => void
  },
): Promise<Genesis> {
  const { dataDir } = options
  const file = (name: string): string => join(dataDir, name)
  /** The page's command of this name, for the i-th member. */
  const run = async (name: string, i: number, more: readonly string[] = []): Promise<void> => {
    const found = pageCommands().find((words) => words.join(' ').startsWith(name))
    assert.ok(found !== undefined, `docs/genesis.md has no \`suanli ${name}\``)
    const organisation = CEREMONY_NAMES[i]!
    const isOfOne = !name.endsWith('collect')
    const words = found.map((word, at) => {
      if (found[at - 1] === '-d') return members[i]!.dir
      if (found[at - 1] === '--address') return `/ip4/127.0.0.1/tcp/${members[i]!.p2pPort}`
      if (found[at - 1] === '--asset-issuer') return options.assetIssuer
      const own = isOfOne ? word.replace(/aurora/i, organisation) : word
      const hashed = own.replace(/0x[0-9a-f]{64}/, (hash) =>
        toHex(sha256(utf8(`${hash} of ${organisation}`))),
      )
      return hashed.endsWith('.json') ? file(hashed) : hashed
    })
    await mustRun([...words, ...more])
    if (!/show$|check$/.test(name)) options.onCommand?.()
  }
  await run('genesis new', 0, ['-o', file('draft.json')])
  shortenWindows(file('draft.json'), options)
  for (const [i, { dir }] of members.entries()) {
    const { operator, consensusSecret, peerSeed } = validator(i)
    const given = { consensusSecret, peerSeed }
    const keys = { password: DEVELOPMENT_PASSWORD, cost: 'light' } as const
    createKeys({ dataDir: dir, isValidator: true, given, ...keys })
    storeOperatorKey(dir, { secret: operator.secretKey, ...keys })
    await run('genesis add-member', i, i === 0 ? options.coins.flatMap((coins) => ['--coins', coins]) : [])
  }
  await run('genesis collect', 0)
  await run('genesis show', 0)
  await run('genesis check', 0)
  for (const [i, { dir, rpcPort, p2pPort }] of members.entries()) {
    const ports = ['--rpc-port', String(rpcPort), '--p2p-listen', `/ip4/127.0.0.1/tcp/${p2pPort}`]
    await run('init', i, ports)
    saveConfig(dir, { ...loadConfig(dir), signatureWorkers: 0 })
  }
  return parseGenesis(file('genesis.json'))
}

/** What the page lets the organisations edit before they add their parts. */
function shortenWindows(
  draft: string,
  { windowMs, blockTimeMs }: { readonly windowMs: number; readonly blockTimeMs: number },
): void {
  const document = JSON.parse(readFileSync(draft, 'utf8'))
  document.params.capacity.windowMs = windowMs
  document.params.providers.minBlockIntervalMs = blockTimeMs
  // Short windows have fewer blocks.
  document.params.redemption.openRequestsMax = 256
  document.consensus.heartbeatMs = windowMs / 4
  writeFileSync(draft, JSON.stringify(document))
}
