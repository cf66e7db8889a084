// `suanli genesis show`: a document or a draft as tables, with what would surprise its members. Not: the findings (genesis/summary.ts).
import type { Command } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { formatCoins } from '../../base/units.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { type GenesisSummary, type MemberSummary, summariseGenesis } from '../../genesis/summary.ts'
import { systemClock } from '../../node/clock.ts'
import { parseGenesis } from '../../node/nodeDir.ts'
import { peerIdText } from '../../p2p/identity.ts'
import { answerText } from '../chain/table.ts'
import { print, printJson } from '../common.ts'
import { EXIT } from '../exitCode.ts'
import { spoken, unitsText } from './terms.ts'

const coins = (amountBase: bigint | undefined): string =>
  amountBase === undefined ? '-' : formatCoins(amountBase)

function memberJson(genesis: Genesis, member: MemberSummary) {
  const { id, provider, mintedBase, capacityBase, mintableBase } = member
  const { profile, operator, consensusKey, peerId, bonds, lots } = provider
  return {
    id,
    name: profile.legalName,
    group: profile.legalGroup,
    jurisdiction: profile.jurisdiction,
    operator: checksumAddress(operator),
    consensusKey: toHex(consensusKey),
    peerId: peerIdText(peerId),
    hardware: lots.map((lot) => `${lot.devices} ${lot.class} in ${lot.region}`).join(', '),
    bond: bonds
      .map(({ assetId, amountBase }) => {
        const asset = genesis.assets.find((one) => one.id === assetId)
        return asset === undefined
          ? `asset ${assetId}`
          : `${unitsText(amountBase, asset.decimals)} ${asset.symbol}`
      })
      .join(', '),
    coins: coins(mintedBase),
    capacity: coins(capacityBase),
    mintable: coins(mintableBase),
  }
}

/** What exists of an asset from block 0 on, which its issuer must stand for. */
function assetJson(genesis: Genesis, asset: Genesis['assets'][number]) {
  const { id, symbol, decimals, issuer, coinPriceBase } = asset
  const sum = (amounts: readonly { readonly assetId: number; readonly amountBase: bigint }[]): string => {
    const own = amounts.filter(({ assetId }) => assetId === id)
    return unitsText(
      own.reduce((total, { amountBase }) => total + amountBase, 0n),
      decimals,
    )
  }
  return {
    symbol,
    issuer: checksumAddress(issuer),
    coinPrice: unitsText(coinPriceBase, decimals),
    bonds: sum(genesis.providers.flatMap(({ bonds }) => bonds)),
    balances: sum(genesis.assetBalances),
  }
}

function shown(genesis: Genesis, summary: GenesisSummary) {
  const hash = toHex(genesisHash(genesis))
  return {
    name: genesis.name,
    chainId: genesis.chainId,
    time: new Date(genesis.timestampMs).toISOString(),
    hash,
    aloud: spoken(hash),
    parameters: summary.presets[0] ?? 'own',
    supply: coins(summary.supplyBase),
    assets: genesis.assets.map((asset) => assetJson(genesis, asset)),
    members: summary.members.map((member) => memberJson(genesis, member)),
    broken: summary.broken ?? null,
    warnings: summary.warnings,
  }
}

/** Cut where a line is full; later lines are indented. */
function wrapped(text: string): string {
  const lines: string[] = ['-']
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + 1 + word.length > 80) lines.push(' ')
    lines[lines.length - 1] += ` ${word}`
  }
  return lines.join('\n')
}

/** In two lines, which fit a terminal. */
const halves = (line: string, indent = ''): string => {
  const middle = Math.ceil(line.length / 2)
  return `${indent}${line.slice(0, middle).trimEnd()}\n${indent}${line.slice(middle)}`
}

function keysText({ id, operator, peerId, consensusKey }: ReturnType<typeof memberJson>): string {
  const indent = ' '.repeat(String(id).length)
  return [
    `${id}  operator   ${operator}`,
    `${indent}  peer       ${peerId}`,
    `${indent}  consensus`,
    halves(consensusKey, `${indent}    `),
  ].join('\n')
}

function text(answer: ReturnType<typeof shown>): string {
  const { assets, members, broken, warnings, aloud, ...chain } = answer
  const whole = (amount: string): string => amount.replace(/\.\d+$/, '')
  const brief = (names: readonly (keyof (typeof members)[number])[]) =>
    members
      .map((member) => ({ ...member, capacity: whole(member.capacity), mintable: whole(member.mintable) }))
      .map((member) => Object.fromEntries(names.map((name) => [name, member[name]])))
  const tables =
    members.length === 0
      ? []
      : [
          answerText(brief(['id', 'name', 'group', 'jurisdiction', 'coins', 'capacity', 'mintable'])),
          answerText(brief(['id', 'bond', 'hardware'])),
          members.map(keysText).join('\n'),
        ]
  const findings = broken === null ? warnings : [`refused: ${broken}`, ...warnings]
  return [
    answerText(chain),
    `read aloud\n${halves(aloud)}`,
    answerText(assets),
    ...tables,
    findings.length === 0 ? 'no warnings' : `warnings\n${findings.map(wrapped).join('\n')}`,
  ].join('\n\n')
}

export function addShow(genesis: Command, finish: (code: number) => void): void {
  genesis
    .command('show <file>')
    .description('show members, keys, coins and quotas of a document or a draft, and what to think of')
    .option('--json', 'print JSON')
    .action((file, options) => {
      const document = parseGenesis(file)
      const summary = summariseGenesis(document, systemClock().nowMs())
      const answer = shown(document, summary)
      if (options.json === true) printJson(answer)
      else print(text(answer))
      if (summary.broken !== undefined) finish(EXIT.failed)
    })
}
