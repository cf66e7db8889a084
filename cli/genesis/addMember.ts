// `suanli genesis add-member`: one organisation's part, made in its own data directory. Owns: options, keys it lacks, the
// signature. Not: the part's shape and check (genesis/parts.ts).

import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { checksumAddress, secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Address } from '../../base/ids.ts'
import { personalMessageHash } from '../../base/protocol/recovery.ts'
import { checkProfile } from '../../genesis/check.ts'
import { checkPart, genesisPartSchema, partText, type UnsignedPart } from '../../genesis/parts.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { createKeys, showKeys } from '../../node/nodeKeys.ts'
import { openOperatorKey, storeOperatorKey } from '../../signer/operatorKey.ts'
import { profileSchema } from '../../state/modules/providers/schema.ts'
import { isThere, readText } from '../../storage/durableFile.ts'
import { dataDirOption, hexOption, passwordOf, passwordOption, print, printJson } from '../common.ts'
import { normaliseSignature } from '../recovery/replacement.ts'
import { UsageError } from '../usageError.ts'
import { addressFault, partFileText, readDraft, writeNewFile } from './files.ts'
import { addressOf, bondOf, coinsOf, hashOf, lotOf } from './terms.ts'

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text]

interface Options {
  readonly dataDir: string
  readonly passwordFile?: string
  readonly draft: string
  readonly name: string
  readonly group: string
  readonly jurisdiction: string
  readonly url: string
  readonly termsHash: string
  readonly address: readonly string[]
  readonly lot: readonly string[]
  readonly bond: readonly string[]
  readonly coins: readonly string[]
  readonly operator?: string
  readonly operatorSignature?: string
  readonly operatorSecretFile?: string
  readonly out: string
}

type OperatorOptions = Pick<Options, 'dataDir' | 'operator' | 'operatorSecretFile'>

/** The operator account: in a wallet, or in the data directory, where it is stored or made when it is missing. */
export function operatorOf(
  options: OperatorOptions,
  keys: { readonly password: string; readonly cost: 'standard' | 'light' },
): { readonly address: Address; readonly secret?: Uint8Array } {
  const { dataDir, operator, operatorSecretFile } = options
  if (operator !== undefined) {
    if (operatorSecretFile !== undefined)
      throw new UsageError('name one operator account: --operator, or --operator-secret-file')
    return { address: addressOf(operator, '--operator') }
  }
  const known = operatorSecretFile === undefined ? openOperatorKey(dataDir, keys.password) : undefined
  if (known !== undefined) return { address: secretKeyAddress(known), secret: known }
  const secret =
    operatorSecretFile === undefined
      ? new Uint8Array(randomBytes(32))
      : hexOption('--operator-secret-file', readText(operatorSecretFile).trim())
  if (secret.length !== 32) throw new OperatorError('--operator-secret-file: expected 32 bytes as hex')
  return { address: storeOperatorKey(dataDir, { secret, ...keys }), secret }
}

/** What the options say, before any key is made. Throws UsageError. */
function termsOf(draft: Genesis, options: Options) {
  for (const address of options.address) {
    const fault = addressFault(address)
    if (fault !== undefined) throw new UsageError(`--address ${address}: ${fault}`)
  }
  const { name: legalName, group: legalGroup, jurisdiction, url } = options
  const termsHash = hashOf(options.termsHash, '--terms-hash')
  const profile = { legalName, legalGroup, jurisdiction, url, termsHash }
  const fault = profileSchema.check(profile)
  if (fault !== undefined) throw new UsageError(`member.profile.${fault}`)
  checkProfile('member.profile', profile)
  return {
    lots: options.lot.map((lot) => lotOf(lot, draft.classes)),
    bonds: options.bond.map((bond) => bondOf(bond, draft.assets)),
    coins: options.coins.map(coinsOf),
    profile,
  }
}

/** The part, with the keys of the data directory; makes those that are missing. */
function partOf(draft: Genesis, options: Options, password: string) {
  const { dataDir, address: addresses } = options
  const { coins, ...terms } = termsOf(draft, options)
  // Before any key is made.
  if (isThere(options.out)) throw new OperatorError(`${options.out}: exists already`)
  const account = operatorOf(options, { password, cost: 'standard' })
  const operator = account.address
  createKeys({ dataDir, password, isValidator: true, cost: 'standard' })
  const keys = showKeys(dataDir, password)
  const unsigned: UnsignedPart = {
    draft: genesisHash(draft),
    member: {
      operator,
      consensusKey: hexOption('consensus key', keys.consensusKey ?? ''),
      possessionProof: hexOption('proof of possession', keys.possessionProof ?? ''),
      peerId: hexOption('peer id', keys.peerIdBytes),
      ...terms,
    },
    coins: coins.map(({ account: receiver = operator, amountBase }) => ({ account: receiver, amountBase })),
    addresses,
  }
  return { unsigned, operator: account }
}

function addMember(options: Options): void {
  const draft = readDraft(options.draft)
  const password = passwordOf(options)
  const { unsigned, operator } = partOf(draft, options, password)
  const fault = genesisPartSchema.check({ ...unsigned, signature: new Uint8Array(65) })
  if (fault !== undefined) throw new OperatorError(fault)
  const text = partText(draft, unsigned)
  const { operatorSignature } = options
  if (operator.secret === undefined && operatorSignature === undefined) {
    print(text)
    return
  }
  const signature =
    operator.secret === undefined
      ? normaliseSignature(hexOption('--operator-signature', operatorSignature ?? ''))
      : signHash(personalMessageHash(text), operator.secret)
  const part = { ...unsigned, signature }
  checkPart(draft, part, options.out)
  writeNewFile(options.out, partFileText(part))
  const { dataDir, out } = options
  const { peerId, consensusKey } = showKeys(dataDir)
  printJson({
    file: out,
    dataDir,
    draft: toHex(unsigned.draft),
    operator: checksumAddress(operator.address),
    consensusKey,
    peerId,
  })
}

export function addAddMember(genesis: Command): void {
  genesis
    .command('add-member')
    .description("make your organisation's part of a draft, with keys in its data directory")
    .addOption(dataDirOption())
    .option('--draft <file>', 'the draft', 'draft.json')
    .requiredOption('--name <name>', 'legal name')
    .requiredOption('--group <group>', 'legal group; coverage counts the members of one group as one')
    .requiredOption('--jurisdiction <code>', 'ISO 3166-1 alpha-2')
    .requiredOption('--url <url>', 'where its terms are published')
    .requiredOption('--terms-hash <hash>', 'SHA-256 of the published terms')
    .option('--address <multiaddr>', 'where others reach its node (repeatable)', collect, [])
    .option('--lot <lot>', 'hardware, class:devices:region:device root (repeatable)', collect, [])
    .option('--bond <bond>', 'bond, asset:amount, such as USDX:30000 (repeatable)', collect, [])
    .option(
      '--coins <coins>',
      'coins against its hardware: amount, or address:amount (repeatable)',
      collect,
      [],
    )
    .option('--operator <address>', 'operator account in a wallet')
    .option('--operator-signature <hex>', "that account's personal_sign signature of the text")
    .option('--operator-secret-file <file>', 'file with the operator key, to store it in the data directory')
    .option('-o, --out <file>', 'file to write', 'part.json')
    .addOption(passwordOption())
    .addHelpText(
      'after',
      `
Missing keys are made, the operator's too unless --operator names one in a
wallet: then it prints the text to sign (cast wallet sign "$(cat text)"), and
with --operator-signature writes the part.`,
    )
    .action(addMember)
}
