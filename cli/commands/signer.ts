// `suanli signer`: runs a signer, moves its record, makes its certificates. Owns: options and output.
// Not: what a signer does (runSigner.ts), how a record moves (signer/signerDir.ts).
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { OperatorError } from '../../base/errors.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { GENESIS_FILE } from '../../node/config.ts'
import { genesisFile, parseGenesis, readGenesis, writeGenesis } from '../../node/nodeDir.ts'
import {
  consensusPublicKey,
  createConsensusKey,
  hasConsensusKey,
  openConsensusKey,
} from '../../signer/keyFiles.ts'
import { exportFlags, importFlags, resumeAfter, type SignerOwner } from '../../signer/signerDir.ts'
import { askHealth } from '../../signer/signerHealth.ts'
import { parseHostPort, type SignerAddress } from '../../signer/signerTransport.ts'
import { makeCertificates, writeCertificates } from '../../signer/tlsCertificates.ts'
import { makeFolder } from '../../storage/durableFile.ts'
import {
  dataDirOption,
  jsonOption,
  passwordOf,
  passwordOption,
  print,
  printJson,
  wholeNumber,
} from '../common.ts'
import { addLogOptions, logLevelOption } from '../logLevel.ts'

interface PlaceOptions {
  readonly socket?: string
  readonly listen?: string
  readonly connect?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsCa?: string
}

function addPlace(command: Command, verb: 'listen' | 'connect'): Command {
  return command
    .option('--socket <path>', 'unix socket, for a node of the same user on this machine')
    .option(`--${verb} <host:port>`, 'TLS 1.3 with certificates on both sides')
    .option('--tls-cert <file>', "this side's certificate, PEM")
    .option('--tls-key <file>', 'its key, PEM')
    .option('--tls-ca <file>', "the authority of the other side's certificate, PEM")
}

/** The signer's address: a socket, or TLS with all three files. Throws OperatorError otherwise. */
function placeOf(options: PlaceOptions, verb: 'listen' | 'connect'): SignerAddress {
  const { socket, tlsCert: cert, tlsKey: key, tlsCa: ca } = options
  const hostPort = options[verb]
  if ((socket === undefined) === (hostPort === undefined)) {
    throw new OperatorError(`give either --socket or --${verb}`)
  }
  if (hostPort === undefined) {
    if (cert !== undefined || key !== undefined || ca !== undefined) {
      throw new OperatorError(`--tls-… options need --${verb}`)
    }
    return { kind: 'unix', path: resolve(socket!) }
  }
  if (cert === undefined || key === undefined || ca === undefined) {
    throw new OperatorError(`--${verb} needs --tls-cert, --tls-key and --tls-ca`)
  }
  return { kind: 'tls', ...parseHostPort(hostPort), files: { cert, key, ca } }
}

function ownerOf(dataDir: string): SignerOwner {
  const hash = genesisHash(parseGenesis(genesisFile(dataDir)))
  return { dataDir, genesisHash: hash, publicKey: consensusPublicKey(dataDir) }
}

function addRun(signer: Command, finish: (code: number) => void): void {
  const run = signer
    .command('run', { isDefault: true })
    .description('sign with the key of a data directory for one node at a time, until Ctrl-C')
    .addOption(dataDirOption())
    .addOption(passwordOption())
  addPlace(run, 'listen')
  addLogOptions(run)
    .addOption(logLevelOption('what is logged').default('info'))
    .option(
      '--force-moved-signer',
      'sign although the record was exported: never while a copy may sign',
      false,
    )
    .action(async (options) => {
      const address = placeOf(options, 'listen')
      const { runSigner } = await import('../runSigner.ts')
      const { logLevel, forceMovedSigner: forceMoved } = options
      const dataDir = resolve(options.dataDir)
      const { logFormat: format, logFile } = options
      const log = { ...(format && { format }), ...(logFile && { file: resolve(logFile) }) }
      finish(await runSigner({ dataDir, password: passwordOf(options), address, logLevel, log, forceMoved }))
    })
}

function addInit(signer: Command): void {
  signer
    .command('init')
    .description('create the data directory of a signer; creates a consensus key unless there is one')
    .addOption(dataDirOption())
    .requiredOption('-g, --genesis <file>', 'the genesis document of the chain')
    .option('--no-key', 'create no key: import one with `suanli keys import`')
    .addOption(passwordOption())
    .action((options) => {
      const { dataDir } = options
      const genesis = readGenesis(options.genesis)
      const password = options.key ? passwordOf(options) : undefined
      if (existsSync(join(dataDir, GENESIS_FILE))) {
        throw new OperatorError(`${dataDir} already has a ${GENESIS_FILE}`)
      }
      makeFolder(dataDir, 0o700)
      const made = { dataDir, genesis: toHex(genesisHash(genesis)) }
      const keys = password === undefined ? {} : signerKey(dataDir, password)
      // Last: with it the directory is complete, and an interrupted run can be run again.
      writeGenesis(dataDir, genesis)
      printJson({ ...made, ...keys })
    })
}

function signerKey(dataDir: string, password: string) {
  if (!hasConsensusKey(dataDir)) createConsensusKey(dataDir, password)
  const possessionProof = toHex(bls.prove(openConsensusKey(dataDir, password)))
  return { consensusKey: toHex(consensusPublicKey(dataDir)), possessionProof }
}

function addMove(signer: Command): void {
  signer
    .command('export')
    .description(
      'write the record of what this key has signed to a file; from then on the directory refuses to sign',
    )
    .addOption(dataDirOption())
    .requiredOption('-o, --out <file>', 'file to write')
    .addOption(jsonOption())
    .action(async ({ dataDir, out, json }) => {
      const done = await exportFlags(ownerOf(dataDir), resolve(out), Date.now())
      printJson({ out, ...done })
      if (json === true) return
      print(
        `${dataDir} is marked as moved: it signs nothing until \`suanli signer import\` brings a record back.`,
      )
    })
  signer
    .command('import <file>')
    .description('merge the record that another machine exported; nothing is ever lowered')
    .addOption(dataDirOption())
    .action(async (file, { dataDir }) => {
      printJson(await importFlags(ownerOf(dataDir), file))
    })
}

function addResume(signer: Command): void {
  signer
    .command('resume')
    .description(
      'say up to which epoch a key whose record is lost may have signed; only needed when the chain cannot prove it',
    )
    .addOption(dataDirOption())
    .requiredOption(
      '--after-epoch <epoch>',
      'the key signs again in the first epoch after this one: it must never have signed in a later one',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .action(async ({ dataDir, afterEpoch }) => {
      printJson(await resumeAfter(ownerOf(dataDir), afterEpoch))
    })
}

function addHealth(signer: Command): void {
  const health = signer
    .command('health')
    .description('ask a running signer for its health, without holding it')
  addPlace(health, 'connect').action(async (options) => {
    const { publicKey, genesisHash: hash, lossNonce, ...rest } = await askHealth(placeOf(options, 'connect'))
    const loss = lossNonce === undefined ? {} : { lossNonce: toHex(lossNonce) }
    printJson({ publicKey: toHex(publicKey), genesisHash: toHex(hash), ...rest, ...loss })
  })
}

function addCertificates(signer: Command): void {
  signer
    .command('certificates')
    .description("make certificates for one node and its signer; the authority's key is discarded")
    .requiredOption('-o, --out <dir>', 'directory for signer/ and node/')
    .requiredOption('--host <name...>', 'names and addresses at which the node reaches the signer')
    .option('--days <days>', 'days until they expire', wholeNumber(1, 3_650), 730)
    .action(({ out, host, days }) => {
      writeCertificates(out, makeCertificates({ hosts: host, days, nowMs: Date.now() }))
      printJson({ signer: join(out, 'signer'), node: join(out, 'node'), days })
    })
}

export function addSigner(program: Command, finish: (code: number) => void): void {
  const signer = program
    .command('signer')
    .description('run a consensus key in a separate process, and move the record of what it has signed')
  addRun(signer, finish)
  addInit(signer)
  addMove(signer)
  addResume(signer)
  addHealth(signer)
  addCertificates(signer)
}
