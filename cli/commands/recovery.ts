// `suanli recovery`: continue after a lost quorum (docs/operations/quorum-loss.md). Owns: options and output.
// Not: the steps (cli/recovery/), the rules (base/protocol/recoveryRules.ts).
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { equalBytes, parseHex, toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import { parseHash32 } from '../../base/ids.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import {
  RECOVERY_VOTES_MAX,
  type Recovery,
  type RecoveryFile,
  type RecoveryVote,
  recoveryHash,
} from '../../base/protocol/recovery.ts'
import { missingSigners } from '../../base/protocol/recoveryRules.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { loadConfig, saveConfig } from '../../node/config.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { showKeys } from '../../node/nodeKeys.ts'
import { readRecoveryFile, recoveryFileText } from '../../node/recovery/recoveries.ts'
import { consensusPublicKey, hasConsensusKey, openConsensusKey } from '../../signer/keyFiles.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { writeDurably } from '../../storage/durableFile.ts'
import {
  dataDirOption,
  jsonOption,
  passwordOf,
  passwordOption,
  print,
  printJson,
  wholeNumber,
} from '../common.ts'
import { type OfflineNode, openOffline } from '../offlineNode.ts'
import { attest, bestFloor } from '../recovery/evidence.ts'
import {
  applyRecoveryFile,
  checkHere,
  mergeRecoveries,
  propose,
  providerOf,
  signRecovery,
  voteText,
} from '../recovery/proposal.ts'
import {
  normaliseSignature,
  type ReplacementKeys,
  readReplacement,
  replacementFileText,
  signAsOperator,
  textToSign,
} from '../recovery/replacement.ts'

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text]
const provider = wholeNumber(1, Number.MAX_SAFE_INTEGER)
const collectProvider = (text: string, before: readonly number[]) => [...before, provider(text)]

function parseVote(text: string, before: readonly RecoveryVote[]): readonly RecoveryVote[] {
  const [first = '', second = '', third = '', ...others] = text.split(':')
  const [epoch, view, digest] = [parseWholeNumber(first), parseWholeNumber(second), parseHash32(third)]
  const isVote = epoch !== undefined && view !== undefined && digest !== undefined && others.length === 0
  if (!isVote || before.length >= RECOVERY_VOTES_MAX) {
    throw new InvalidArgumentError('expected <epoch>:<view>:<block hash>, as the refusal prints it')
  }
  return [...before, { epoch, view, digest }]
}

function bytesOf(text: string, what: string, sizeBytes: number): Uint8Array {
  const bytes = parseHex(text.trim())
  if (bytes === undefined || bytes.length !== sizeBytes) {
    throw new OperatorError(`${what}: expected 0x and ${sizeBytes * 2} hex digits`)
  }
  return bytes
}

async function withNode<T>(dataDir: string, run: (node: OfflineNode) => Promise<T>): Promise<T> {
  const node = await openOffline(resolve(dataDir))
  try {
    return await run(node)
  } finally {
    await node.close()
  }
}

/** What operators compare with each other before they sign or apply. */
function summary(file: RecoveryFile) {
  const { recovery, signatures } = file
  const { floor, members, previous } = recovery
  const left = previous.validators.filter(({ id }) => !members.some(({ validator }) => validator.id === id))
  return {
    recovery: toHex(recoveryHash(recovery)),
    reason: recovery.reason,
    floor: { height: floor.height, hash: toHex(floor.hash), epoch: floor.epoch, view: floor.view },
    epoch: recovery.epoch,
    members: members.map(({ validator, replacement }) => ({
      provider: validator.id,
      consensusKey: toHex(validator.consensusKey),
      isReplaced: replacement !== undefined,
    })),
    leftOut: left.map(({ id }) => id),
    abandoned: recovery.abandoned.map(voteText),
    signedBy: signatures.map(({ attestation }) => ({
      provider: attestation.provider,
      finalizedHeight: attestation.finalized.height,
      votesKnown: attestation.votesKnown,
    })),
    missing: missingSigners(file),
  }
}

/** Warnings about the recovery and its attestations; none of them is a refusal. */
function warnings(recovery: Recovery, file: RecoveryFile, unknown: readonly string[]): readonly string[] {
  const out = [...unknown]
  const { members, abandoned } = recovery
  if (members.length < 4)
    out.push(`${members.length} members tolerate no fault: admit others as soon as possible`)
  for (const vote of abandoned) out.push(`abandoned: the block of vote ${voteText(vote)} may have been final`)
  for (const { attestation } of file.signatures) {
    if (!attestation.votesKnown) {
      out.push(
        `provider ${attestation.provider} lost its record of votes: its attestation of the floor is weaker`,
      )
    }
  }
  return out
}

function keysDir(options: { readonly dataDir: string; readonly keys?: string }): string {
  return resolve(options.keys ?? options.dataDir)
}

function addStatus(recovery: Command): void {
  recovery
    .command('status')
    .description(
      'show what this node knows of the end of the chain: the best floor it can offer, its open votes',
    )
    .addOption(dataDirOption())
    .action((options) =>
      withNode(options.dataDir, async (node) => {
        const key = hasConsensusKey(node.dataDir) ? consensusPublicKey(node.dataDir) : undefined
        const set = validatorSet(node.importer.head().state)
        const { finalized, epoch, votesKnown, finalizeVotes } = attest(node, 0, true)
        const floor = bestFloor(node)
        printJson({
          genesis: toHex(node.chain.genesisHash),
          provider: providerOf(set, key) || null,
          finalized: { height: finalized.height, hash: toHex(finalized.hash), view: finalized.view },
          epoch,
          votesKnown,
          openFinalizeVotes: finalizeVotes.map(voteText),
          bestFloor: { height: floor.point.height, hash: toHex(floor.point.hash), view: floor.point.view },
          accepted: node.book.all().map(({ hash }) => toHex(hash)),
          validators: set.validators.map((validator) => ({
            provider: validator.id,
            operator: checksumAddress(validator.operator),
            consensusKey: toHex(validator.consensusKey),
          })),
        })
      }),
    )
}

function addReplacement(recovery: Command): void {
  recovery
    .command('replacement')
    .description("make a file with a validator's new key, authorized by its operator account")
    .addOption(dataDirOption())
    .requiredOption('--provider <id>', 'the validator whose key is replaced', provider)
    .requiredOption('--replaces <key>', "the validator's current consensus key on chain")
    .option('--operator-key-file <file>', "file with the operator account's secret key, hex")
    .option('--operator-signature <hex>', "the operator account's personal_sign signature of the text")
    .option('-o, --out <file>', 'file to write', 'replacement.json')
    .addOption(passwordOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Run it in the directory of the new node. Without key file and signature it prints the text that the operator's
wallet must sign (for example: cast wallet sign "$(cat text)"); nothing is written then.`,
    )
    .action(async (options) => {
      const dataDir = resolve(options.dataDir)
      const keys: ReplacementKeys = {
        genesisHash: genesisHash(parseGenesis(genesisFile(dataDir))),
        provider: options.provider,
        oldKey: bytesOf(options.replaces, '--replaces', 48),
        consensusSecret: openConsensusKey(dataDir, passwordOf(options)),
        peerId: bytesOf(showKeys(dataDir).peerIdBytes, 'peer id', 38),
      }
      const { operatorKeyFile, operatorSignature } = options
      if (operatorKeyFile === undefined && operatorSignature === undefined) {
        const text = textToSign(keys)
        if (options.json === true) printJson({ textToSign: text })
        else print(text)
        return
      }
      const signature =
        operatorKeyFile === undefined
          ? normaliseSignature(bytesOf(operatorSignature, '--operator-signature', 65))
          : signAsOperator(keys, bytesOf(readFileSync(operatorKeyFile, 'utf8'), operatorKeyFile, 32))
      await writeDurably(options.out, replacementFileText(keys, signature))
      if (options.json === true) printJson({ file: options.out, provider: keys.provider })
      else print(`wrote ${options.out}: give it to the proposer`)
    })
}

function addPropose(recovery: Command): void {
  recovery
    .command('propose')
    .description('make an unsigned recovery from the best floor that this node knows')
    .addOption(dataDirOption())
    .requiredOption('--reason <text>', 'what happened, for the record')
    .option('--leave-out <provider>', 'a validator to leave out (repeatable)', collectProvider, [])
    .option('--replace <file>', 'a replacement file from an operator (repeatable)', collect, [])
    .option(
      '--abandon <vote>',
      'give up a vote to finalize: <epoch>:<view>:<hash> (repeatable)',
      parseVote,
      [],
    )
    .option(
      '--epoch <number>',
      'the new epoch; default: 1000 above the highest that this node knows',
      provider,
    )
    .option('-o, --out <file>', 'file to write', 'recovery.json')
    .action((options) =>
      withNode(options.dataDir, async (node) => {
        const key = hasConsensusKey(node.dataDir) ? consensusPublicKey(node.dataDir) : undefined
        const { genesisHash: genesis } = node.chain
        const file = await propose(node, key, {
          reason: options.reason,
          leaveOut: options.leaveOut,
          replacements: options.replace.map((path: string) => readReplacement(path, genesis)),
          abandoned: options.abandon,
          ...(options.epoch === undefined ? {} : { epoch: options.epoch }),
        })
        await writeDurably(options.out, recoveryFileText(file))
        printJson({ file: options.out, ...summary(file) })
      }),
    )
}

function addSign(recovery: Command): void {
  recovery
    .command('sign <file>')
    .description("check a recovery against this node's data and add its signature to the file")
    .addOption(dataDirOption())
    .option('--keys <dir>', 'where keys/ and signer/ are, if the signer is another process')
    .addOption(passwordOption())
    .action((path, options) =>
      withNode(options.dataDir, async (offline) => {
        const dir = keysDir(options)
        const node = options.keys === undefined ? offline : await withSignerOf(offline, dir)
        const secret = openConsensusKey(dir, passwordOf(options))
        const signed = await signRecovery(node, readRecoveryFile(path), secret)
        await writeDurably(path, recoveryFileText(signed.file))
        const { file, provider: signer, unknown } = signed
        const stay =
          'do not start this node before the recovery is applied: others rely on it not voting in old epochs'
        const all = [stay, ...warnings(file.recovery, file, unknown)]
        printJson({ signedAs: signer, ...summary(file), warnings: all })
      }),
    )
}

/** A node's chain with another directory's votes. */
async function withSignerOf(node: OfflineNode, dir: string): Promise<OfflineNode> {
  const { readSignerState } = await import('../offlineNode.ts')
  return { ...node, signer: await readSignerState(dir, node.chain.genesisHash) }
}

function addMerge(recovery: Command): void {
  recovery
    .command('merge <files...>')
    .description('merge the signatures of several copies of one recovery into one file')
    .option('-o, --out <file>', 'file to write', 'recovery.json')
    .action(async (paths: readonly string[], options) => {
      const file = mergeRecoveries(paths.map(readRecoveryFile))
      await writeDurably(options.out, recoveryFileText(file))
      printJson({ file: options.out, ...summary(file) })
    })
}

function addCheck(recovery: Command): void {
  recovery
    .command('check <file>')
    .description("check a complete recovery against every rule and this node's data; changes nothing")
    .addOption(dataDirOption())
    .action((path, options) =>
      withNode(options.dataDir, async (node) => {
        const file = readRecoveryFile(path)
        const { unknown } = await checkHere(node, file)
        printJson({ ...summary(file), warnings: warnings(file.recovery, file, unknown) })
      }),
    )
}

function addApply(recovery: Command): void {
  recovery
    .command('apply <file>')
    .description('accept a complete recovery: the node starts in the new epoch and signs in no older epoch')
    .addOption(dataDirOption())
    .option('--keys <dir>', 'where signer/ is, if the signer is another process; stop that process too')
    .action((path, options) =>
      withNode(options.dataDir, async (node) => {
        const file = readRecoveryFile(path)
        const { isNew, unknown } = await applyRecoveryFile(node, file, keysDir(options))
        const { recovery: hash, epoch, floor } = summary(file)
        const result = isNew ? 'accepted: start the node' : 'already accepted; nothing was changed'
        printJson({ result, recovery: hash, epoch, floor, warnings: unknown })
      }),
    )
}

function addTrust(recovery: Command): void {
  recovery
    .command('trust <hash>')
    .description('let this node accept the recovery with this hash from its peers; needed to sync past it')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .action((text: string, options) => {
      const hash = parseHash32(text)
      if (hash === undefined) throw new OperatorError('expected the hash of a recovery, 0x and 64 hex digits')
      const dataDir = resolve(options.dataDir)
      const config = loadConfig(dataDir)
      const known = config.trustedRecoveries.some((pin) => equalBytes(parseHash32(pin)!, hash))
      if (!known) {
        saveConfig(dataDir, { ...config, trustedRecoveries: [...config.trustedRecoveries, toHex(hash)] })
      }
      if (options.json === true) printJson({ trusted: toHex(hash), isNew: !known })
      else print(known ? `${text} is already trusted` : `${text} is trusted from the next start`)
    })
}

/** Adds `suanli recovery` and its commands. */
export function addRecovery(program: Command): void {
  const recovery = program
    .command('recovery')
    .description(
      'continue after a quorum of validators is lost for good, by a file that the members agree on',
    )
  for (const add of [
    addStatus,
    addReplacement,
    addPropose,
    addSign,
    addMerge,
    addCheck,
    addApply,
    addTrust,
  ]) {
    add(recovery)
  }
}
