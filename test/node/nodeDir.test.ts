import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex, toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { OperatorError } from '../../base/errors.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import {
  areProofsChecked,
  genesisText,
  noteProofsChecked,
  readGenesis,
  writeNodeDir,
} from '../../node/nodeDir.ts'
import { createKeys, openPeerSeed, showConsensusKey, showKeys } from '../../node/nodeKeys.ts'
import { isFreshKey, markKeyUsed, openConsensusKey } from '../../signer/keyFiles.ts'
import { KeystoreError } from '../../signer/keystore.ts'

const root = mkdtempSync(join(tmpdir(), 'suanli-nodedir-'))
const dirOf = (name: string): string => join(root, name)
after(() => rmSync(root, { recursive: true }))

const make = (name: string, isValidator: boolean) => {
  createKeys({ dataDir: dirOf(name), password: 'secret', isValidator, cost: 'light' })
  return showKeys(dirOf(name), 'secret')
}

describe('nodeDir.keys', () => {
  it('creates a peer key, and a consensus key with its proof of possession on request', () => {
    const follower = make('follower', false)
    assert.equal(follower.consensusKey, undefined)
    const validator = make('validator', true)
    assert.notEqual(validator.peerId, follower.peerId)
    assert.ok(bls.verifyProof(fromHex(validator.consensusKey!), fromHex(validator.possessionProof!)))
  })

  it('keeps existing keys', () => {
    assert.deepEqual(make('kept', true), make('kept', true))
    const { consensusKey, ...peer } = showKeys(dirOf('kept'))
    assert.ok(consensusKey !== undefined && peer.possessionProof === undefined)
  })

  it('opens keys with the password, and reports what is missing otherwise', () => {
    const { consensusKey } = make('opened', true)
    const consensusSecret = openConsensusKey(dirOf('opened'), 'secret')
    assert.equal(toHex(bls.publicKey(consensusSecret)), consensusKey)
    assert.throws(() => openPeerSeed(dirOf('opened'), 'wrong'), KeystoreError)
    assert.throws(() => openPeerSeed(dirOf('nothing'), 'secret'), /has no keys: run `suanli init`/)
  })

  it('shows the consensus key of a directory that has no peer identity, such as a signer’s', () => {
    const { consensusKey, possessionProof } = make('vault', true)
    rmSync(join(dirOf('vault'), 'keys', 'peer.json'))
    assert.deepEqual(showConsensusKey(dirOf('vault'), 'secret'), { consensusKey, possessionProof })
    assert.deepEqual(showConsensusKey(dirOf('vault')), { consensusKey })
    assert.throws(() => showKeys(dirOf('vault'), 'secret'), /has no keys/)
    assert.deepEqual(showConsensusKey(dirOf('nothing')), {})
  })

  it('makes secrets readable by their owner only', () => {
    make('modes', true)
    assert.equal(statSync(join(dirOf('modes'), 'keys')).mode & 0o077, 0)
    for (const name of ['peer.json', 'consensus.json']) {
      const file = join(dirOf('modes'), 'keys', name)
      assert.equal(statSync(file).mode & 0o077, 0, name)
    }
    const consensusSecret = openConsensusKey(dirOf('modes'), 'secret')
    const stored = readFileSync(join(dirOf('modes'), 'keys', 'consensus.json'), 'utf8')
    assert.ok(!stored.includes(toHex(consensusSecret).slice(2)))
  })

  it('marks a key as never signed until the first start', () => {
    const given = developmentValidator(0)
    createKeys({ dataDir: dirOf('fresh'), password: 'secret', isValidator: true, given, cost: 'light' })
    assert.equal(isFreshKey(dirOf('fresh')), true)
    markKeyUsed(dirOf('fresh'))
    assert.equal(isFreshKey(dirOf('fresh')), false)
    make('fresh', true)
    assert.equal(isFreshKey(dirOf('fresh')), false)
  })

  it('does not treat another key as one that has never signed', () => {
    make('one', true)
    make('two', true)
    assert.equal(isFreshKey(dirOf('one')), true)
    const file = (name: string): string => join(dirOf(name), 'keys', 'consensus.json')
    writeFileSync(file('one'), readFileSync(file('two')))
    assert.equal(isFreshKey(dirOf('one')), false)
    assert.equal(isFreshKey(dirOf('two')), true)
  })
})

describe('nodeDir.genesis', () => {
  const genesis = developmentGenesis({ validators: 4, blockTimeMs: 100, windowMs: 60_000 })
  const write = (name: string, text: string): string => {
    const file = join(root, name)
    writeFileSync(file, text)
    return file
  }
  const refused = (file: string): string => {
    try {
      readGenesis(file)
    } catch (error) {
      assert.ok(error instanceof OperatorError, String(error))
      assert.ok(error.message.startsWith(`${file}: `), error.message)
      return error.message.slice(file.length + 2)
    }
    return 'accepted'
  }

  it('reads back the same document', () => {
    assert.deepEqual(genesisHash(readGenesis(write('good.json', genesisText(genesis)))), genesisHash(genesis))
  })

  it('names file, field and reason for a broken document', () => {
    assert.match(refused(join(root, 'none.json')), /no such file/)
    assert.match(refused(write('half.json', '{')), /is not JSON/)
    const change = (edit: (document: Record<string, never>) => void): string => {
      const document = JSON.parse(genesisText(genesis))
      edit(document)
      return refused(write('changed.json', JSON.stringify(document)))
    }
    assert.match(
      change((d: { chainId?: unknown }) => delete d.chainId),
      /chainId/,
    )
    assert.match(
      change((d: { extra?: unknown }) => void (d.extra = 1)),
      /extra/,
    )
    assert.match(
      change(
        (d: { providers?: { lots: { devices: number }[] }[] }) =>
          void (d.providers![1]!.lots[0]!.devices = 1),
      ),
      /balances\[\d+\]/,
    )
    assert.match(
      change((d: { consensus?: { heartbeatMs: number } }) => void (d.consensus!.heartbeatMs = 15_001)),
      /consensus\.heartbeatMs: 15001, expected at most a quarter/,
    )
  })

  it('is written to a new data directory only', () => {
    const home = dirOf('home')
    writeNodeDir(home, genesis, DEFAULT_CONFIG)
    assert.throws(() => writeNodeDir(home, genesis, DEFAULT_CONFIG), /already has a config\.json/)
    assert.ok(existsSync(join(home, 'genesis.json')))
  })
})

describe('nodeDir.proofs', () => {
  const genesisOf = (validators: number) =>
    developmentGenesis({ validators, blockTimeMs: 50, windowMs: 60_000 })

  it('are recorded as checked for one document and one directory', () => {
    const genesis = genesisOf(1)
    const [here, there] = [mkdtempSync(join(root, 'here-')), mkdtempSync(join(root, 'there-'))]
    assert.equal(areProofsChecked(here, genesis), false)
    noteProofsChecked(here, genesis)
    assert.equal(areProofsChecked(here, genesis), true)
    assert.equal(areProofsChecked(there, genesis), false)
    const [provider] = genesis.providers
    const forged = { ...provider!, possessionProof: new Uint8Array(96) }
    assert.equal(areProofsChecked(here, { ...genesis, providers: [forged] }), false)
  })
})
