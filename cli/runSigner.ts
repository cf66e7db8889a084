// `suanli signer`: a process that owns a consensus key and its flags, for one node at a time. Owns: start and shutdown.
// Not: the protocol (signer/signerServer.ts), the folder (signer/signerDir.ts).
import { toHex } from '../base/bytes.ts'
import { genesisHash, genesisValidators } from '../genesis/schema.ts'
import { createLogger, type LoggerOptions } from '../node/logging.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import { CLIENT_VERSION } from '../node/version.ts'
import { openConsensusKey } from '../signer/keyFiles.ts'
import { openLocalSigner } from '../signer/signerDir.ts'
import { SignerServer } from '../signer/signerServer.ts'
import { listenSigner, type SignerAddress } from '../signer/signerTransport.ts'
import { onStopSignal } from './stopSignals.ts'

export interface RunSignerOptions {
  readonly dataDir: string
  readonly password: string
  readonly address: SignerAddress
  readonly logLevel: string
  readonly log: Pick<LoggerOptions, 'format' | 'file'>
  readonly forceMoved: boolean
}

/** Exit code after a failed write: the disk's content is unknown, so this process signs nothing more. */
export const EXIT_SIGNER_FAILED = 4

/** Runs until SIGINT or SIGTERM; resolves with the exit code. */
export async function runSigner(options: RunSignerOptions): Promise<number> {
  const { dataDir, address, forceMoved } = options
  const logger = createLogger({ level: options.logLevel, name: 'signer', ...options.log })
  const genesis = parseGenesis(genesisFile(dataDir))
  const hash = genesisHash(genesis)
  const secretKey = openConsensusKey(dataDir, options.password)
  const signer = await openLocalSigner({
    dataDir,
    genesisHash: hash,
    genesisSet: genesisValidators(genesis),
    secretKey,
    forceMoved,
    onLost: (reason) => logger.warn({ reason }, 'the record of what this key signed is lost'),
  })
  if (forceMoved) {
    logger.warn('forced to sign although the record of this key may be in use on another machine')
  }
  if (signer.observing) {
    const [loss] = signer.losses()
    logger.warn(
      loss === undefined ? {} : { nonce: toHex(loss.nonce) },
      'its record is lost: it signs nothing until a later epoch is proven (docs/operations/keys.md)',
    )
  }
  let end: (outcome: { code: number; reason: string }) => void = () => {}
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    end = resolve
  })
  const release = onStopSignal(['SIGINT', 'SIGTERM'], (reason) => end({ code: 0, reason }))
  const server = new SignerServer({
    signer,
    genesisHash: hash,
    software: CLIENT_VERSION,
    log: (level, text, fields) => logger[level](fields ?? {}, text),
    onFailure: (error) => {
      logger.fatal({ err: error }, 'the record cannot be written: this signer signs nothing more and ends')
      end({ code: EXIT_SIGNER_FAILED, reason: 'a write failed' })
    },
  })
  try {
    const listening = await listenSigner(address, {
      onSocket: (socket, from) => server.accept(socket, from),
      onRefused: (from, reason) => logger.warn({ from, reason }, 'refused a connection'),
    })
    logger.info({ address: listening.address, epoch: signer.epoch, floor: signer.floor }, 'signer is up')
    const { code, reason } = await ended
    logger.info({ reason }, 'stopping')
    const closing = listening.close()
    server.close()
    await closing
    return code
  } finally {
    server.close()
    await signer.close()
    release()
  }
}
