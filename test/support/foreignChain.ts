// A chain of validators whose keys no devnet has, in the test's process: what a fork begins from. Owns: its folders, its end.
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { secretKeyAddress } from '../../base/address.ts'
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { findFreePorts, P2P_PORT_OFFSET } from '../../devnet/ports.ts'
import { devnetGenesis } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { noteProofsChecked, writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { stateFileLines } from '../../node/stateFile.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { LocalNode } from './localNode.ts'

/** Blocks of an epoch: some have ended before a test has done anything. */
const EPOCH_BLOCKS = 3

/** 32 bytes that are nobody's development key. */
export const foreignSecret = (name: string): Uint8Array => sha256(utf8(`a foreign chain's ${name}`))

export class ForeignChain {
  readonly genesis: Genesis
  readonly rpcUrl: string
  readonly #dir: string
  readonly #nodes: readonly LocalNode[]

  private constructor(options: {
    readonly genesis: Genesis
    readonly rpcUrl: string
    readonly dir: string
    readonly nodes: readonly LocalNode[]
  }) {
    this.genesis = options.genesis
    this.rpcUrl = options.rpcUrl
    this.#dir = options.dir
    this.#nodes = options.nodes
  }

  /** `holders`: names of `foreignSecret` that have 10,000 coins each. */
  static async start(options: {
    readonly validators: number
    readonly holders: readonly string[]
    readonly chainId: number
  }): Promise<ForeignChain> {
    const { validators, holders, chainId } = options
    const indexes = [...Array(validators).keys()]
    const keys = indexes.map((i) => ({
      consensusSecret: bls.keygen(foreignSecret(`consensus ${i}`)),
      peerSeed: foreignSecret(`peer ${i}`),
    }))
    const usual = devnetGenesis({
      members: keys.map(({ consensusSecret, peerSeed }, i) => ({
        operator: secretKeyAddress(foreignSecret(`operator ${i}`)),
        consensusKey: bls.publicKey(consensusSecret),
        possessionProof: bls.prove(consensusSecret),
        peerId: peerIdBytesFromSeed(peerSeed),
      })),
      accounts: holders.map((name) => secretKeyAddress(foreignSecret(name))),
      assetIssuer: secretKeyAddress(foreignSecret('issuer')),
      minBlockIntervalMs: 20,
      windowMs: 3_600_000,
      chainId,
    })
    const { params } = usual
    const genesis: Genesis = {
      ...usual,
      name: 'Foreign',
      params: { ...params, providers: { ...params.providers, epochBlocksMax: EPOCH_BLOCKS } },
    }
    const dir = mkdtempSync(join(tmpdir(), 'suanli-foreign-'))
    const port = await findFreePorts(validators)
    const peers = keys.map(
      ({ peerSeed }, i) =>
        `/ip4/127.0.0.1/tcp/${port + i + P2P_PORT_OFFSET}/p2p/${peerIdText(peerIdBytesFromSeed(peerSeed))}`,
    )
    const nodes = await Promise.all(
      indexes.map((i) => {
        const own = folderOf(dir, i)
        mkdirSync(own, { recursive: true, mode: 0o700 })
        writeNodeDir(own, genesis, {
          ...DEFAULT_CONFIG,
          p2pListen: [`/ip4/127.0.0.1/tcp/${port + i + P2P_PORT_OFFSET}`],
          peers: peers.filter((_, other) => other !== i),
          rpcPort: port + i,
          signatureWorkers: 0,
          logLevel: 'warn',
        })
        noteProofsChecked(own, genesis)
        createKeys({
          dataDir: own,
          password: DEVELOPMENT_PASSWORD,
          isValidator: true,
          given: keys[i]!,
          cost: 'light',
        })
        return LocalNode.start({ dir: own, index: i }, { logFile: join(own, 'node.log'), onHalted: () => {} })
      }),
    )
    return new ForeignChain({ genesis, rpcUrl: `http://127.0.0.1:${port}`, dir, nodes })
  }

  /** Stops it and writes its newest state to a file, which goes with `remove`. */
  async end(): Promise<string> {
    await Promise.all(this.#nodes.map((node) => node.end()))
    const store = await openChainStore(nodePaths(folderOf(this.#dir, 0)).chain)
    const file = join(this.#dir, 'state.gz')
    try {
      await pipeline(stateFileLines(store, this.genesis), createGzip(), createWriteStream(file))
    } finally {
      await store.close()
    }
    return file
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

const folderOf = (dir: string, index: number): string => join(dir, `node-${index}`)
