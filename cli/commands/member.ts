// `suanli member`: calls with which operators admit, remove, jail and rotate. Owns: options and output.
// Not: encoding and sending (client/), the rules (state/modules/governance, providers).
import { type Command, Option } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Address } from '../../base/ids.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type Call, encodeCall } from '../../client/calls.ts'
import { governance, providers } from '../../client/modules.ts'
import { checkProfile } from '../../genesis/check.ts'
import { showKeys } from '../../node/nodeKeys.ts'
import { openConsensusKey } from '../../signer/keyFiles.ts'
import { openOperatorKey, storeOperatorKey } from '../../signer/operatorKey.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { readText } from '../../storage/durableFile.ts'
import { checkChainOfDir } from '../chain/nodeOfDir.ts'
import { withProgress } from '../chain/progress.ts'
import { askNodeOf, clientOf, type NodeOptions, printAnswer, withNode } from '../chain/send.ts'
import { dataDirOption, hexOption, passwordOf, passwordOption, printJson, wholeNumber } from '../common.ts'
import { operatorOf } from '../genesis/addMember.ts'

const ID_MAX = Number.MAX_SAFE_INTEGER

interface SendOptions {
  readonly send?: string
  readonly rpc: string
  readonly passwordFile?: string
}

/** Prints the call, or sends it from the account in the `--send` directory. */
async function conclude(call: Call, options: SendOptions): Promise<void> {
  const printed = { to: toHex(call.to), data: toHex(call.data) }
  if (options.send === undefined) return printJson(printed)
  const secret = openOperatorKey(options.send, passwordOf(options))
  if (secret === undefined) {
    throw new OperatorError(`${options.send} has no account: run \`suanli member account\``)
  }
  const client = await clientOf(options)
  await checkChainOfDir(client, options.send, options.rpc)
  const { transaction, height } = await withProgress('waiting for a final block', () =>
    client.send(privateKeyAccount(secret), call),
  )
  printJson({ ...printed, transaction, blockNumber: height })
}

function sendable(command: Command): Command {
  return askNodeOf(withNode(command), 'send')
    .addOption(passwordOption())
    .option(
      '--send <dir>',
      'send the call from the account in this data directory and wait until it is final',
    )
}

const keyDirOption = () =>
  new Option('-k, --key-dir <dir>', 'directory that holds keys/consensus.json').makeOptionMandatory()

function addAdmit(member: Command): void {
  sendable(
    member
      .command('admit')
      .description('propose a new member from its `suanli keys show` output, and vote for it')
      .requiredOption('--keys <file>', "output of the candidate's `suanli keys show` with its password")
      .requiredOption('--operator <address>', 'operator account of the candidate')
      .requiredOption('--name <name>', 'legal name')
      .requiredOption('--group <group>', 'legal group; coverage counts the providers of one group as one')
      .requiredOption('--jurisdiction <code>', 'ISO 3166-1 alpha-2')
      .requiredOption('--url <url>', 'where its terms are published')
      .requiredOption('--terms-hash <hash>', 'SHA-256 of the published terms'),
  ).action(async (options) => {
    const keys = readKeys(options.keys)
    const profile = {
      legalName: options.name,
      legalGroup: options.group,
      jurisdiction: options.jurisdiction,
      url: options.url,
      termsHash: hexOption('--terms-hash', options.termsHash),
    }
    checkProfile('candidate', profile)
    const operator = hexOption('--operator', options.operator)
    const call = encodeCall(governanceSchema, 'proposeAdmission', { operator, ...keys, ...profile })
    await conclude(call, options)
  })
}

/** Reads the output of `suanli keys show` from the candidate's machine. */
function readKeys(file: string) {
  let shown: { readonly [name: string]: unknown }
  try {
    shown = JSON.parse(readText(file)) as typeof shown
  } catch (cause) {
    throw new OperatorError(`${file}: ${errorText(cause)}`)
  }
  const of = (name: string): Uint8Array => {
    const value = shown[name]
    if (typeof value !== 'string') {
      throw new OperatorError(
        `${file} has no ${name}: it is printed by \`suanli keys show\` with the password`,
      )
    }
    return hexOption(`${file}: ${name}`, value)
  }
  const [consensusKey, possessionProof] = [of('consensusKey'), of('possessionProof')]
  if (!bls.verifyProof(consensusKey, possessionProof)) {
    throw new OperatorError(`${file}: possessionProof does not prove possession of consensusKey`)
  }
  return { consensusKey, possessionProof, peerId: of('peerIdBytes') }
}

function addDecisions(member: Command): void {
  const decisions = [
    ['remove', 'proposeRemoval', 'propose to remove a member permanently, and vote for it'],
    ['jail', 'proposeJail', 'propose to suspend a member from voting, and vote for it'],
    ['unjail', 'proposeUnjail', 'propose to let a jailed member vote again, and vote for it'],
  ] as const
  for (const [name, action, text] of decisions) {
    sendable(
      member
        .command(name)
        .description(text)
        .argument('<provider>', 'id of the member', wholeNumber(1, ID_MAX)),
    ).action(async (provider, options) => {
      await conclude(encodeCall(governanceSchema, action, { provider }), options)
    })
  }
  sendable(
    member
      .command('vote')
      .description('vote on a proposal, or change your vote')
      .argument('<proposal>', 'id of the proposal', wholeNumber(1, ID_MAX))
      .addOption(new Option('--reject', 'vote against it').default(false)),
  ).action(async (proposal, options) => {
    await conclude(encodeCall(governanceSchema, 'vote', { proposal, approve: !options.reject }), options)
  })
  sendable(
    member
      .command('withdraw')
      .description('withdraw your own proposal')
      .argument('<proposal>', 'id of the proposal', wholeNumber(1, ID_MAX)),
  ).action(async (proposal, options) => {
    await conclude(encodeCall(governanceSchema, 'withdrawProposal', { proposal }), options)
  })
}

function addRotations(member: Command): void {
  sendable(
    member
      .command('rotate')
      .description('replace your consensus key with that of another directory from the next epoch on')
      .addOption(keyDirOption()),
  ).action(async (options) => {
    const secret = openConsensusKey(options.keyDir, passwordOf(options))
    const keys = { consensusKey: bls.publicKey(secret), possessionProof: bls.prove(secret) }
    await conclude(encodeCall(providersSchema, 'rotateConsensusKey', keys), options)
  })
  sendable(
    member
      .command('peer')
      .description('replace your peer id with that of another data directory from the next epoch on')
      .addOption(dataDirOption()),
  ).action(async (options) => {
    const peerId = hexOption('peer id', showKeys(options.dataDir).peerIdBytes)
    await conclude(encodeCall(providersSchema, 'changePeerId', { peerId }), options)
  })
}

function addAccount(member: Command): void {
  member
    .command('account')
    .description(
      "keep the operator's account in a data directory, to send these calls and pay for evidence: a new one, unless one is there or given; prints its address",
    )
    .addOption(dataDirOption())
    .option('--secret-file <file>', 'file with a private key that you have already, 0x and 64 digits')
    .addOption(passwordOption())
    .action((options) => {
      const { dataDir } = options
      printJson({ dataDir, account: checksumAddress(accountOf(options, passwordOf(options))) })
    })
}

function accountOf(options: { dataDir: string; secretFile?: string }, password: string): Address {
  const { dataDir, secretFile } = options
  if (secretFile === undefined) return operatorOf({ dataDir }, { password, cost: 'standard' }).address
  const secret = hexOption('--secret-file', readText(secretFile).trim())
  if (secret.length !== 32) throw new OperatorError('--secret-file: expected 32 bytes as hex')
  return storeOperatorKey(dataDir, { secret, password, cost: 'standard' })
}

function addViews(member: Command): void {
  withNode(member.command('list').description('show all members, and who of them votes')).action(
    async (options: NodeOptions) => {
      const client = await clientOf(options)
      const asked = Promise.all([
        client.query(providers, 'providers', {}),
        client.request('chain_validators') as Promise<{
          readonly set: { readonly validators: readonly { readonly id: number }[] }
        }>,
      ])
      const [members, { set }] = await withProgress('waiting for the node', () => asked)
      const voters = new Set(set.validators.map(({ id }) => id))
      printAnswer(
        options,
        (members ?? []).map(({ id, status, profile, operator, removed }) => ({
          id,
          name: profile.legalName,
          group: profile.legalGroup,
          status: removed ? 'removed' : status,
          votes: voters.has(id),
          operator: checksumAddress(operator),
        })),
      )
    },
  )
  withNode(member.command('proposals').description('show the open proposals and their votes')).action(
    async (options: NodeOptions) => {
      const client = await clientOf(options)
      const ask = () => client.query(governance, 'proposals', {})
      const open = (await withProgress('waiting for the node', ask)) ?? []
      const time = (ms: number): string => (ms === 0 ? '-' : new Date(ms).toISOString().slice(0, 16))
      printAnswer(
        options,
        open.map(({ id, kind, provider, approve, reject, expiresMs, executesMs }) => ({
          id,
          kind,
          member: provider,
          approve: approve.join(' '),
          reject: reject.join(' '),
          expires: time(expiresMs),
          executes: time(executesMs),
        })),
      )
    },
  )
}

/** Adds `suanli member`. */
export function addMember(program: Command): void {
  const member = program
    .command('member')
    .description('show members; admit, remove, jail and rotate them: print the call for a wallet, or send it')
  addViews(member)
  addAdmit(member)
  addDecisions(member)
  addRotations(member)
  addAccount(member)
}
